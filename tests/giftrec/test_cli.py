"""The command line: the words users type, and one-line errors with exit code 2."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cinesync.cli import app as cinesync_app
from giftrec.cli import app
from giftrec.runs import Run, load_run
from giftrec.scenarios.files import load_scenarios, shipped_scenarios, write_scenarios
from giftrec.show import LEADING
from reccore.cli import exit_codes

COMMAND = [sys.executable, "-W", "error", "-c", "from giftrec.cli import main; main()"]
SOMEONE = {
    "--age": "52",
    "--relationship": "mother",
    "--occasion": "birthday",
    "--budget": "60EUR",
    "--hobby": "gardening",
}
SHOP = {"--on": "2026-11-21"}


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def call(*words: str | Path, app=app) -> Done:
    """What the console script does with these words, in this process (a start costs a second)."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = exit_codes(app, "giftrec", [str(word) for word in words])
    return Done(code, out.getvalue(), err.getvalue())


def good(*words: str | Path) -> str:
    done = call(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bad(*words: str | Path) -> str:
    """The one line of a refusal."""
    done = call(*words)
    assert done.returncode == 2, (words, done.stdout, done.stderr)
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stdout == ""
    return done.stderr


def recommend(run: Path, *words: str, **changes: str) -> list[str | Path]:
    """The words that ask for gifts for somebody, with changes."""
    options = SOMEONE | SHOP | {f"--{name}": value for name, value in changes.items()}
    asked = ["recommend", *(word for option in options.items() for word in option)]
    return [*asked, *words, "--run", run]


@pytest.fixture(scope="module", autouse=True)
def _shop(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The demonstration shop, set up by the first answer."""
    SHOP["--catalog"] = str(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Path:
    """A run of one's own, to write into or to break."""
    return shutil.copytree(run.path, tmp_path / "copy")


def test_the_console_script_exits_with_the_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, *recommend(tmp_path, budget="60")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("words", "taught"),
    [
        ([], ["train", "test-best", "recommend", "scenarios", "giftrec train, then"]),
        (["train"], ["--preset", "compact", "reference", "--scenarios", "--resume", "train.lr"]),
        (["test-best"], ["--fresh", "--json", "--report", "test.html", "baselines"]),
        (
            ["recommend"],
            ["--age", "--hobby", "60EUR", "mother", "handmade", "--days", "my sister turns 30"],
        ),
        (["scenarios"], ["expand", "validate", "describe"]),
        (["scenarios", "expand"], ["--count", "--seed", "--out", "cover every valid pair"]),
        (["scenarios", "validate"], ["FILE", "errors name file, scenario and field"]),
        (["scenarios", "describe"], ["--draws", "how often augmentation"]),
    ],
)
def test_help_teaches(words: list[str], taught: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = " ".join(good(*words, "--help").split())
    assert "Usage" in shown
    for word in taught:
        assert word in shown


def test_train_prints_the_run_as_json_and_as_a_table(few: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "run", ["--epochs", "1", "--device", "cpu"]
    found = json.loads(
        good("train", "--scenarios", few, *options, "--seed", "4", "--out", out, "--json")
    )
    assert found["run"] == str(out)
    assert (found["model"], found["seed"]) == ("compact", 4)
    assert found["training"]["epochs"] == 1
    metric = found["validation"]["quality"]
    assert metric["low"] <= metric["value"] <= metric["high"]
    shown = good("train", "--resume", out)
    for name in LEADING:
        assert name in shown or name == "generalisation_gap"
    assert f"giftrec test-best {out}" in shown.replace("\n", "")


def test_settings_of_a_training_are_those_that_were_given(few: Path, tmp_path: Path) -> None:
    words = ["--scenarios", few, "--epochs", "1", "--device", "cpu", "--out", tmp_path / "run"]
    sets = ["--set", "model.width=16", "--set", "train.lr=5e-4", "--set", "augment.enabled=false"]
    good("train", "--preset", "compact", *words, *sets)
    run = load_run(tmp_path / "run")
    assert (run.settings.model.width, run.settings.train.lr) == (16, 5e-4)
    assert not run.settings.augment.enabled
    assert run.settings.data.scenarios == str(few)


def test_test_best_prints_and_writes_every_figure(
    one_array: None, copy: Path, few: Path, tmp_path: Path
) -> None:
    out, page = tmp_path / "out" / "test.json", tmp_path / "page.html"
    words = ["--fresh", "12", "--scenarios", few, "--json", out, "--report", page]
    shown = good("test-best", copy, *words)
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content == json.loads((copy / "test.json").read_text(encoding="utf-8"))
    assert content["scenarios"]["validation"] == 24, "--scenarios are judged instead"
    for name in LEADING:
        assert name[:14] in shown
        assert f"{content['fresh'][name]['value']:.4f}" in shown
    assert "<h2>Fairness</h2>" in page.read_text(encoding="utf-8")
    assert str(page) in shown.replace("\n", "")
    assert not (copy / "test.html").exists()


def test_the_newest_run_is_the_default(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the finished ones: an interrupted training does not answer."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "checkpoints" / "giftrec" / "compact"
    for name, status in (("old", "complete"), ("new", "interrupted")):
        shutil.copytree(copy, place / name)
        manifest = json.loads((place / name / "manifest.json").read_text())
        (place / name / "manifest.json").write_text(json.dumps(manifest | {"status": status}))
    words = recommend(place, "--json")[:-2]
    told = [
        json.loads(good(*asked))["answers"][0]["reply"]["picks"]
        for asked in (words, recommend(place / "old", "--json"))
    ]
    assert told[0] == told[1]
    (place / "old" / "weights.safetensors").unlink()
    assert str(Path("compact/old")) in bad(*words)


def test_expand_validate_and_describe(one_array: None, tmp_path: Path, world) -> None:
    out = tmp_path / "new" / "mine.json"
    made = json.loads(
        good("scenarios", "expand", "--count", "3", "--seed", "9", "--out", out, "--json")
    )
    assert (made["count"], made["seed"], made["out"]) == (3, 9, str(out))
    some = load_scenarios(out, world).scenarios
    assert [s.id for s in some] == ["s9-001", "s9-002", "s9-003"]
    found = json.loads(good("scenarios", "validate", out, "--json"))
    assert found == {"source": str(out), "scenarios": 3}
    assert "is sound: 3 scenarios" in good("scenarios", "validate", out).replace("\n", "")
    facts = json.loads(good("scenarios", "describe", out, "--draws", "1", "--json"))
    assert facts["scenarios"] == 3
    assert set(facts["augmentation"]) == {
        "categories_differ",
        "first_category_differ",
        "tools_differ",
    }
    assert all(0 <= share <= 1 for share in facts["augmentation"].values())
    assert "relationship" in good("scenarios", "describe", out, "--draws", "0")


def test_the_shipped_scenarios_are_the_default() -> None:
    found = json.loads(good("scenarios", "validate", "--json"))
    assert found["scenarios"] == 100
    facts = json.loads(good("scenarios", "describe", "--draws", "0", "--json"))
    assert facts["scenarios"] == 100
    assert facts["coverage"]["pairs"] == 1
    assert "augmentation" not in facts


UNTRAINABLE = {
    "unknown preset": (["--preset", "huge"], ["unknown preset 'huge'", "known: compact"]),
    "unknown setting": (["--set", "model.widht=9"], ["model.widht", "did you mean width?"]),
    "unknown section": (["--set", "modle.width=9"], ["modle", "known: data, model"]),
    "wrong type": (["--set", "train.lr=fast"], ["train.lr", "'fast'", "number"]),
    "no setting": (["--set", "train.lr"], ["'train.lr'", "key=value"]),
    "no epochs": (["--epochs", "0"], ["train.epochs=0", "greater than or equal to 1"]),
    "unknown device": (["--device", "cuda:99"], ["'cuda:99'", "try cpu or auto"]),
    "no file": (["--scenarios", "none.json"], ["no such file", "none.json"]),
    "no vocabulary": (["--vocabulary", "none.toml"], ["no such file", "none.toml"]),
    "nothing to resume": (["--resume", "nowhere"], ["no such run: nowhere"]),
}


@pytest.mark.parametrize("case", list(UNTRAINABLE))
def test_what_cannot_be_trained_is_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, expected = UNTRAINABLE[case]
    monkeypatch.chdir(tmp_path)
    done = call("train", *words)
    assert done.returncode == 2, done.stderr
    told = done.stderr.splitlines()[-1]  # the tracker may have begun
    assert told.startswith("error: ")
    for word in expected:
        assert word in told
    assert not [p for p in tmp_path.rglob("*") if p.is_file()], "something half-written was left"


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def plain(scenario, **changes: object) -> dict[str, object]:
    """A scenario as JSON, with changes."""
    return json.loads(scenario.model_dump_json()) | changes


def test_unsound_scenario_files_are_one_line(shipped, tmp_path: Path) -> None:
    """Training and validation refuse them alike, and say where."""
    file, out = tmp_path / "mine.json", tmp_path / "run"
    a, b = shipped[:2]
    dear = json.loads(a.profile.model_dump_json()) | {"age": 200}
    for content, expected in [
        ([], "has 0 scenarios (giftrec scenarios expand"),
        ({"format": "giftrec scenarios", "version": 1, "scenarios": []}, "has 0 scenarios"),
        ([plain(a), plain(b), plain(a)], f"scenario {a.id}: its id is there twice"),
        ([plain(a), plain(b, profile=dear)], f"scenario {b.id}, field profile.age=200"),
        ([plain(a), plain(b, day=-3)], f"scenario {b.id}, field day=-3"),
        ([plain(a), plain(b, mood="good")], "field mood='good'"),
        ([plain(a), plain(b, expected_tools=["magic"])], "expected_tools: unknown tool 'magic'"),
        ({"format": "other"}, "is not a scenario file"),
        ("nonsense", "has no list of scenarios"),
    ]:
        written(file, content)
        for words in (["scenarios", "validate", file], ["train", "--scenarios", file]):
            told = bad(*words, *(["--out", out] if words[0] == "train" else []))
            assert expected in told
            assert "mine.json" in told
    written(file, [plain(a)])
    good("scenarios", "validate", file)
    told = bad("train", "--scenarios", file, "--out", out)
    assert "1 scenario cannot be split" in told
    assert "at least 2" in told
    file.write_text("{]", encoding="utf-8")
    assert "is not readable JSON" in bad("scenarios", "validate", file)
    assert not out.exists()


def test_a_world_without_gifts_is_one_line(tmp_path: Path) -> None:
    nothing = written(tmp_path / "gifts.json", [])
    out = tmp_path / "out.json"
    for words in (
        ["train", "--gifts", nothing, "--out", out],
        ["scenarios", "expand", "--gifts", nothing, "--out", out],
        ["scenarios", "validate", "--gifts", nothing],
    ):
        assert "gifts.json has no gifts" in bad(*words)
    assert not out.exists()


def test_gifts_that_scenarios_do_not_know_are_one_line(tmp_path: Path, world) -> None:
    own = written(tmp_path / "gifts.json", [json.loads(world.gifts[0].model_dump_json())])
    assert "unknown gift" in bad("train", "--gifts", own, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["scenarios", "expand", "--count", "0"],
        ["scenarios", "describe", "--draws", "-1"],
        ["test-best", "RUN", "--fresh", "1"],
    ],
)
def test_too_few_are_one_line(words: list[str], run: Run, tmp_path: Path) -> None:
    told = bad(*(run.path if word == "RUN" else word for word in words))
    assert f"{words[-2]} is {words[-1]}" in told


def test_no_run_at_all_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = recommend(tmp_path)[:-2]
    for command in (words, ["test-best"]):
        told = bad(*command)
        assert "no finished run under checkpoints/giftrec" in told
        assert "giftrec train makes one" in told
    assert "no such run: nowhere" in bad("test-best", "nowhere")
    (tmp_path / "empty").mkdir()
    assert "empty is not a run" in bad("test-best", "empty")


def test_the_remedy_for_a_missing_run_is_a_command_of_this_product() -> None:
    assert "cinesync" not in bad("test-best", "nowhere")


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "gone", "of another model"])
def test_corrupt_weights_are_one_line(damage: str, copy: Path) -> None:
    weights = copy / "weights.safetensors"
    whole = weights.read_bytes()
    if damage == "gone":
        weights.unlink()
    elif damage == "of another model":
        config = copy / "config.toml"
        config.write_text(re.sub(r"reward_hidden = \d+", "reward_hidden = 7", config.read_text()))
    else:
        weights.write_bytes({"cut": whole[:-7], "garbage": b"junk" * 99, "empty": b""}[damage])
    told = bad(*recommend(copy))
    expected = {"gone": "has no weights", "of another model": "is of another model"}
    assert expected.get(damage, "weights.safetensors is corrupt") in told
    assert "copy" in told


def test_weights_that_were_never_sealed_are_checked_too(copy: Path) -> None:
    """An interrupted run has no hash yet."""
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["weights_sha256"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    good(*recommend(copy))
    weights = copy / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    assert "is not a safetensors file" in bad(*recommend(copy))


@pytest.mark.parametrize("name", ["manifest.json", "config.toml"])
def test_a_broken_run_is_one_line(name: str, copy: Path) -> None:
    (copy / name).write_text("{]")
    assert f"{name} is corrupt" in bad(*recommend(copy))
    (copy / name).unlink()
    assert f"it has no {name}" in bad("test-best", copy)


def test_changed_scenarios_are_noticed(few: Path, world, tmp_path: Path) -> None:
    file, out = tmp_path / "mine.json", tmp_path / "run"
    some = shipped_scenarios(world).scenarios[:4]
    write_scenarios(file, some, {})
    good("train", "--scenarios", file, "--epochs", "1", "--device", "cpu", "--out", out)
    write_scenarios(file, some[:3], {})
    for words in (["test-best", out], recommend(out), ["train", "--resume", out]):
        assert "have changed" in bad(*words)


@pytest.fixture(scope="module")
def film_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the other product."""
    root = tmp_path_factory.mktemp("films")
    rows = [f"u{u},i{i}" for u in range(20) for i in range(u % 2, 12, 2)]
    (root / "plays.csv").write_text("\n".join(["who,what", *rows]))
    words = ["train", "popularity", "--from", root / "plays.csv", "--map", "user=who,item=what"]
    done = call(*words, "--out", root / "run", app=cinesync_app)
    assert done.returncode == 0, done.stderr
    return root / "run"


@pytest.mark.parametrize("command", ["recommend", "test-best", "resume"])
def test_a_run_of_another_product_is_one_line(command: str, film_run: Path) -> None:
    words = {"test-best": ["test-best", film_run], "resume": ["train", "--resume", film_run]}
    before = {p.name: p.read_bytes() for p in film_run.iterdir()}
    told = bad(*words.get(command, recommend(film_run)))
    assert str(film_run) in told
    assert {p.name: p.read_bytes() for p in film_run.iterdir()} == before


@pytest.mark.parametrize("command", ["recommend", "test-best", "resume"])
def test_it_is_said_whose_run_it_is(command: str, film_run: Path) -> None:
    words = {"test-best": ["test-best", film_run], "resume": ["train", "--resume", film_run]}
    assert "cinesync" in bad(*words.get(command, recommend(film_run)))
