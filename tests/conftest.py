"""Fixtures of all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.servers"]

# Tests run side by side, a worker a core: threads of their own would only wait for each other.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# A busy machine is no error; CI draws the same examples each time, developers draw new ones.
settings.register_profile("suite", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real public data, kept outside the project; skips where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GIFTREC_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set GIFTREC_DATA)")
    return folder
