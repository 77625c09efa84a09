"""The stack of containers is bounded, unprivileged, and has no default passwords."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import yaml  # type: ignore[import-untyped]
from redis.backoff import NoBackoff
from redis.retry import Retry

from reccore.serve.settings import ServeSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("cinesync", "tools")  # the image, which has a health check of its own
each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_services_may_do_and_use_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert service["logging"]["options"]["max-size"]
    if name in OURS:
        assert "USER 10001:10001" in (DEPLOY / "Dockerfile").read_text()
    elif name != "grafana":  # whose user's group is 0, as its image wants it
        assert not re.search(r"\b0\b|root", service["user"])
    assert "privileged" not in service


@each_service
def test_services_are_watched_and_pinned(name: str) -> None:
    service = SERVICES[name]
    if name not in OURS:
        assert service["healthcheck"]["test"]
        assert re.search(r":v?\d+\.?\d*", service["image"]), "a version, not latest"
    else:
        assert (DEPLOY.parent / service["build"]["dockerfile"]).exists()


@each_service
def test_nothing_is_open_to_the_world_by_default(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith(("127.0.0.1:", "${BIND:-127.0.0.1}:"))
    networks = SERVICES[name].get("networks", [])
    assert ("outside" in networks) == ("ports" in SERVICES[name])
    assert COMPOSE["networks"]["inside"]["internal"] is True


@each_service
def test_passwords_come_from_files(name: str, secrets: Path) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        if re.search("PASS|SECRET|TOKEN|KEY", key):
            assert key.endswith("_FILE")
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
    for secret in SERVICES[name].get("secrets", []):
        assert (secrets / Path(COMPOSE["secrets"][secret]["file"]).name).exists()


@each_service
def test_what_is_mounted_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source == "./bundles":  # made by whoever has some
            continue
        if source.startswith("./"):
            assert (DEPLOY / source).exists(), source
        else:
            assert source in COMPOSE["volumes"], source


def test_secrets_differ_and_stay(secrets_maker: ModuleType, secrets: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert set(before) == {Path(one["file"]).name for one in COMPOSE["secrets"].values()}
    assert secrets_maker.make(secrets) is False
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert secrets_maker.make(tmp_path / "others")
    assert all((tmp_path / "others" / name).read_bytes() != text for name, text in before.items())
    (secrets / "redis.conf").unlink()
    with pytest.raises(SystemExit, match="holds only"):
        secrets_maker.make(secrets)


def test_settings_are_settings(secrets: Path) -> None:
    """And each secret stands where the service that checks it reads it."""
    made = ServeSettings.read(secrets / "serve.toml", environment={})
    redis, postgres = urlsplit(made.cache.redis_url), urlsplit(made.feedback.url)
    assert made.limits.redis_url == made.cache.redis_url
    assert f"requirepass {redis.password}" in (secrets / "redis.conf").read_text()
    assert (secrets / "postgres_password").read_text() == postgres.password
    environment = SERVICES["postgres"]["environment"]
    assert (postgres.username, postgres.path) == (
        environment["POSTGRES_USER"],
        f"/{environment['POSTGRES_DB']}",
    )
    assert {redis.hostname, postgres.hostname} <= set(SERVICES)
    shipped = ServeSettings.read(DEPLOY / "serve.toml", environment={})
    assert shipped.keys is not None


def test_compose_is_what_compose_files_may_be() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], check=False,
                                        capture_output=True).returncode:  # fmt: skip
        pytest.skip("docker compose is not installed")
    done = subprocess.run(
        [docker, "compose", "config", "--quiet"],
        cwd=DEPLOY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def cache(secrets: Path, tmp_path: Path) -> Iterator[tuple[int, str]]:
    """Redis, as compose.yaml starts it; its port and password."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf = str(secrets / "redis.conf")
    words = [server, conf, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        settings = ServeSettings.read(secrets / "serve.toml", environment={})
        yield port, str(urlsplit(settings.cache.redis_url).password)
    finally:
        process.terminate()
        process.wait(10)
    assert not list(tmp_path.glob("*.rdb")), "it wrote to disk when it stopped"


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_redis_wants_its_password_and_is_bounded(cache: tuple[int, str]) -> None:
    port, password = cache
    at_once = Retry(NoBackoff(), 0)
    with (
        redis.Redis(port=port, retry=at_once) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    with redis.Redis(port=port, password=password, decode_responses=True) as friend:
        friend.set("a", "b")
        assert friend.config_get("maxmemory", "maxmemory-policy", "save", "appendonly") == {
            "maxmemory": str(256 * 2**20),
            "maxmemory-policy": "allkeys-lru",
            "save": "",
            "appendonly": "no",
        }
