"""`giftrec serve` sets up what is missing, says so, and refuses before it binds anything."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from giftrec.api.settings import GiftSettings
from giftrec.catalog.live import Catalogue
from giftrec.cli import app
from giftrec.cli_serve import prepare
from reccore.bundle.registry import Registry
from reccore.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings(tmp_path: Path) -> GiftSettings:
    return GiftSettings.read(None, [f"catalogue={tmp_path}/catalogue"], {})


def test_what_ships_is_set_up_once_and_said(
    tmp_path: Path,
    settings: GiftSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    registry = Registry("giftrec", tmp_path / "models", lambda folder: None)
    prepare(registry, "gifts", settings)
    said = capsys.readouterr().err
    assert "the model that ships is gifts 1" in said
    assert "demonstration shop" in said
    assert registry.aliases("gifts") == {"champion": "1"}
    live = Catalogue(settings.catalogue).live()
    prepare(registry, "gifts", settings)
    assert capsys.readouterr().err == ""
    assert Catalogue(settings.catalogue).live() == live


def test_a_model_of_another_name_is_not_made_up(
    tmp_path: Path, settings: GiftSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    registry = Registry("giftrec", tmp_path / "models", lambda folder: None)
    with pytest.raises(UserError, match="no model 'mine'"):
        prepare(registry, "mine", settings)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no model 'gifts'"):
        prepare(registry, "gifts", settings)
    assert not settings.catalogue.exists()


def test_settings_are_those_of_every_server_and_more(tmp_path: Path) -> None:
    read = GiftSettings.read(
        None, ["cache.memory_mb=1", "work.queue=7"], {"SERVE_KEPT__RETENTION_DAYS": "9"}
    )
    assert (read.cache.memory_mb, read.kept.retention_days) == (1, 9)
    assert read.work.queue == 7
    assert read.work.standing_ms == GiftSettings().work.standing_ms
    with pytest.raises(UserError, match="colour"):
        GiftSettings.read(None, ["colour=red"], {})


def test_the_commands_are_there() -> None:
    for command in ("serve", "rollout", "keys"):
        done = CliRunner().invoke(app, [command, "--help"])
        assert done.exit_code == 0, done.output


def test_an_address_open_to_others_needs_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").symlink_to(ROOT / "checkpoints")
    done = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0", "--port", "0"])
    assert isinstance(done.exception, UserError)
    assert "key" in str(done.exception)
