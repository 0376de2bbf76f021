"""Benchmark of white-blood-cell classifiers: how well they carry over from one laboratory to the next."""

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"
# Their home takes a second to import, which `leukobench --help` should not wait for.
OFFERED = ("extract_features", "load_dataset", "load_results", "run", "segment")
__all__ = ["__version__", *OFFERED]
# ONNX Runtime tells Microsoft of every session, from a thread of its own, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    if name in OFFERED:
        return getattr(import_module("leukobench.api"), name)
    raise AttributeError(f"module 'leukobench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *OFFERED])
