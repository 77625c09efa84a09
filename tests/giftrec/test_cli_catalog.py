"""`giftrec catalog`: what people and programs see, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from giftrec.cli_catalog import catalog
from reccore.cli import exit_codes

CSV = (
    "sku,name,category,price,stock\n"
    "A1,Pottery kit,Crafts,£39.99,4\n"
    "A2,Café mug,Kitchen,£12.50,0\n"
    "A3,Broken price,Kitchen,ask us,1\n"
)


def ran(*words: str | Path) -> int:
    return exit_codes(catalog, "giftrec catalog", [str(word) for word in words])


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def from_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_import_then_look(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "live"
    assert ran("import", shop, "--out", out) == 0
    said = capsys.readouterr().out
    assert "3 rows read, 2 taken, 1 rejected" in said
    assert "price is no amount of money" in said
    assert "live: " in said
    assert ran("describe", "--catalogue", out, "--json") == 0
    assert from_json(capsys)["counts"]["gifts"] == 2
    assert ran("describe", "--catalogue", out) == 0
    assert "highest 39.99 GBP" in capsys.readouterr().out
    assert ran("search", "potter", "--catalogue", out, "--json") == 0
    found = from_json(capsys)
    assert (found["total"], found["gifts"][0]["id"], found["gifts"][0]["price"]) == (1, "A1", 3999)
    assert ran("search", "--in-stock", "--budget", "40GBP", "--catalogue", out) == 0
    shown = capsys.readouterr().out
    assert "39.99 GBP" in shown
    assert "12.50" not in shown
    assert ran("search", "spaceship", "--catalogue", out) == 0
    assert "no gift has all these words" in capsys.readouterr().out


def test_dry_run_publishes_nothing(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "live"
    assert ran("import", shop, "--out", out, "--dry-run", "--json") == 0
    report = from_json(capsys)
    assert report["rows"] == {"read": 3, "taken": 2, "rejected": 1}
    assert "published" not in report
    assert not out.exists()
    assert ran("import", "--from", "generated", "--count", "50", "--dry-run", "--out", out) == 0
    assert not out.exists()


def test_versions(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "live"
    assert ran("import", shop, "--out", out, "--json") == 0
    first = from_json(capsys)
    assert first["counts"]["offers"] == 2
    assert ran("import", "--from", "generated", "--count", "60", "--out", out, "--json") == 0
    assert from_json(capsys)["counts"]["gifts"] == 60
    assert ran("list", "--catalogue", out, "--json") == 0
    rows = from_json(capsys)
    assert [(row["number"], row["live"], row["gifts"]) for row in rows] == [
        (2, True, 60),
        (1, False, 2),
    ]
    assert ran("rollback", "--catalogue", out, "--json") == 0
    assert from_json(capsys)["fingerprint"] == first["fingerprint"]
    assert ran("publish", "2", "--catalogue", out) == 0
    assert "60 gifts" in capsys.readouterr().out
    assert ran("list", "--catalogue", out) == 0
    assert "generated" in capsys.readouterr().out


def test_nothing_taken_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("id,title,price\n1,a,ask\n")
    out = tmp_path / "live"
    assert ran("import", path, "--currency", "EUR", "--out", out, "--json") == 2
    assert from_json(capsys)["rows"]["taken"] == 0
    assert ran("import", path, "--currency", "EUR", "--out", out) == 2
    assert "nothing could be taken" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["import"], "no file to import"),
        (["import", "absent.csv"], "no such file: absent.csv"),
        (["import", "SHOP", "--map", "price=Preis"], "no column 'Preis'"),
        (["import", "SHOP", "--map", "colour=x"], "--map"),
        (["import", "SHOP", "--preset", "nix"], "no preset 'nix'"),
        (["import", "SHOP", "--currency", "pounds"], "no ISO code"),
        (["import", "SHOP", "--as-of", "soon"], "is no day"),
        (["import", "SHOP", "--category", "toyz"], "unknown category"),
        (["import", "--from", "thin air"], "--from"),
        (["import", "SHOP", "--from", "generated"], "takes no files"),
        (["describe", "--catalogue", "nowhere"], "no catalogue is live"),
        (["search", "x", "--catalogue", "nowhere"], "no catalogue is live"),
        (["rollback", "--catalogue", "LIVE"], "no snapshot before"),
        (["publish", "7", "--catalogue", "LIVE"], "no snapshot '7'"),
        (
            ["search", "x", "--budget", "5EUR", "--catalogue", "LIVE"],
            "does not match prices in GBP",
        ),
        (["search", "x", "--stars", "9", "--catalogue", "LIVE"], "stars"),
        (["search", "x", "--limit", "-1", "--catalogue", "LIVE"], "limit is -1"),
    ],
)
def test_bad_input_is_named(
    shop: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "LIVE" in words:
        assert ran("import", shop, "--out", tmp_path / "live") == 0
    given = [{"SHOP": str(shop), "LIVE": str(tmp_path / "live")}.get(w, w) for w in words]
    assert ran(*given) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert "Traceback" not in error


@pytest.mark.parametrize("command", ["import", "describe", "search", "list", "publish", "rollback"])
def test_every_command_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(command, "--help") == 0
    assert len(capsys.readouterr().out) > 200


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from giftrec.cli_catalog import catalog\n"
        "from reccore.cli import exit_codes\n"
        "sys.exit(exit_codes(catalog, 'giftrec catalog', sys.argv[1:]))\n"
    )
    out = tmp_path / "live"
    words = ["import", "--from", "generated", "--count", "20000", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(out.glob(".catalogue-*")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode not in {0, None}, errors
    assert [path.name for path in out.iterdir()] == [".lock"]
