"""Imports point one way: applications -> products -> core, and the core's base has no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    p for package in ("reccore", "cinesync", "giftrec") for p in (ROOT / package).rglob("*.py")
)
HEAVY = {"torch", "numba", "scipy", "wandb", "optuna", "shap", "mcp", "redis", "faiss", "pandas"}
TORCH_FREE = (
    "reccore.data.split",
    "reccore.metrics",
    "reccore.track",
    "reccore.bundle.bundle",
    "reccore.bundle.cli_registry",
    "reccore.retrieve.store",
    "reccore.serve.rollout",
    "reccore.serve.keys",
    "reccore.serve.feedback",
    "reccore.experiment.assign",
    "cinesync.cli",
    "giftrec.cli",
    "giftrec.bundle.bundle",
    "giftrec.recommend",
)

JUDGED = [  # what is measured against the simulator: the models, and all that answers with them
    path
    for path in FILES
    if path.relative_to(ROOT).parts[0] == "giftrec"
    and path.relative_to(ROOT).parts[1]
    in (
        "model",
        "bundle",
        "agent",
        "agent.py",
        "recommend.py",
        "reasons.py",
        "slate.py",
        "predictions.py",
        "inputs.py",
    )
]


def imports_of(path: Path) -> set[str]:
    """Dotted names a file imports anywhere in it, whatever `if` or function holds them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def under(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_directions(path: Path) -> None:
    where = path.relative_to(ROOT)
    package = where.parts[0]
    names = imports_of(path)
    strangers = {
        "reccore": ("cinesync", "giftrec"),
        "cinesync": ("giftrec",),
        "giftrec": ("cinesync",),
    }
    for stranger in strangers[package]:
        assert not any(under(n, stranger) for n in names), f"{where} imports {stranger}"
    commands = {f"{p}.{f}" for p in ("cinesync", "giftrec") for f in ("cli", "app", "mcp")}
    if path.stem == "cli_serve":  # a command that starts the application
        commands -= {f"{package}.app"}
    if f"{package}.{path.stem}" not in commands:
        assert not commands & names, f"{where} imports a command line"


@pytest.mark.parametrize("path", JUDGED, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_judged_never_see_the_judge(path: Path) -> None:
    """A model that could ask the simulator would prove nothing."""
    for truth in ("giftrec.oracle", "giftrec.oracle_kernel", "giftrec.judge"):
        found = [name for name in imports_of(path) if under(name, truth)]
        assert not found, f"{path.relative_to(ROOT)} imports {truth}"


def test_the_judged_are_found() -> None:
    names = {path.relative_to(ROOT / "giftrec").as_posix() for path in JUDGED}
    assert {"recommend.py", "reasons.py", "model/task.py"} <= names


def test_base_install_imports_no_heavy_library() -> None:
    """In a fresh process: the command lines and the base of the core pull in nothing heavy."""
    code = (
        f"import sys, {', '.join(TORCH_FREE)}\n"
        f"print(sorted({HEAVY!r} & {{m.split('.')[0] for m in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
