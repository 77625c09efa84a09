"""Fixtures of all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real public data, kept outside the project; skips where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GIFTREC_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set GIFTREC_DATA)")
    return folder
