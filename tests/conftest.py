"""Fixtures that every test folder shares."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_root():
    """Folder of the real images, or a skip that says how to provide one."""
    root = Path(os.environ.get("LEUKOBENCH_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (root / "barcelona").is_dir():
        pytest.skip(f"no real images under {root}: set LEUKOBENCH_DATA to a data root")
    return root
