"""Imports point one way, as docs/architecture.md draws it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "leukobench"
BASE = {"devices", "errors", "files", "inputs", "plugins", "readback", "cache", "text"}
PICTURES = BASE | {"imaging", "segmentation", "preparation"}
RUNNING = PICTURES | {"progress", "metrics", "datasets", "features", "models"}
MAY_IMPORT = {
    "metrics": BASE | {"datasets"},
    "imaging": BASE,
    "datasets": BASE | {"imaging"},
    "segmentation": BASE | {"imaging"},
    "preparation": PICTURES,
    "audit": PICTURES | {"datasets", "features"},
    "features": PICTURES,
    "models": PICTURES | {"features"},
    "running": RUNNING,
    "inference": RUNNING | {"running", "report", "page"},
    "report": BASE | {"metrics", "running"},
    "submissions": BASE | {"metrics", "running", "report"},
    "page": PICTURES | {"metrics", "datasets", "running", "report"},
    "exploration": PICTURES | {"datasets", "features", "audit", "page"},
    "diagnosis": RUNNING | {"running", "report"},
}
# The report reads the store and knows no runner; metrics know the label tree, and no data.
MAY_KNOW = {
    ("report", "running"): {"archive", "changes", "environment", "protocols", "records", "setting", "store"},
    ("submissions", "running"): {"changes", "protocols", "records", "setting", "store"},
    ("metrics", "datasets"): {"taxonomy"},
}


def imported(path):
    """Dotted names below `leukobench` that a file imports, wherever in the file."""
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) + "." if node.level else ""
            names = [f"{base}{node.module or ''}".rstrip(".") + f".{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1:] for name in names if name.split(".")[0] == "leukobench")


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_point_one_way(package):
    files = list((PACKAGE / package).rglob("*.py"))
    assert files
    for path in files:
        for target in imported(path):
            if not target or target[0] in (package, "__version__"):
                continue
            assert target[0] in MAY_IMPORT[package], f"{path.relative_to(PACKAGE)} imports {'.'.join(target)}"
            if some := MAY_KNOW.get((package, target[0])):
                assert target[1] in some, f"{path.relative_to(PACKAGE)} imports {'.'.join(target)}"
