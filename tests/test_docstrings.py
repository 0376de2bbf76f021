"""What the docstrings of classes say is held to the code; `make lint` does it for functions, which it reads as text.

The fields of a dataclass are known only when it is imported. Examples need no test here: pytest collects doctests.
"""

import inspect
import pkgutil
import re
import tomllib
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import leukobench

validate = pytest.importorskip("numpydoc.validate").validate
RULES = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["tool"]["numpydoc_validation"]
MODULES = sorted(module.name for module in pkgutil.walk_packages(leukobench.__path__, "leukobench."))


def said_wrong(cls, name):
    """Problems of a docstring; fields that a dataclass inherits are told where they come from."""
    wanted = set(RULES["checks"]) - ({"PR01"} if any(map(is_dataclass, cls.__bases__)) else set())
    said = inspect.getdoc(cls) or ""
    return [
        f"{name}: {code} {problem}"
        for code, problem in validate(name)["errors"]
        if code in wanted and not any(re.search(pattern, said) for pattern in RULES.get(f"override_{code}", []))
    ]


@pytest.mark.parametrize("module", [name for name in MODULES if not name.endswith("__main__")])
def test_docstrings_of_classes_tell_their_parameters(module):
    found = pytest.importorskip(module, exc_type=ModuleNotFoundError)
    own = [(name, each) for name, each in vars(found).items() if inspect.isclass(each) and each.__module__ == module]
    assert not [wrong for name, cls in own if name[0] != "_" for wrong in said_wrong(cls, f"{module}.{name}")]


def test_a_parameter_that_is_not_there_is_found():
    assert any("PR02" in wrong for wrong in said_wrong(Misleading, f"{__name__}.Misleading"))


class Misleading:
    """Say what is not so.

    Parameters
    ----------
    gone : int
    """


def test_commands_have_one_form(pytestconfig):
    root = pytestconfig.rootpath
    results = [path for path in (root / "results").rglob("*.md") if root / "results/runs" not in path.parents]
    pages = [root / "README.md", root / "Makefile", *(root / "docs").rglob("*.md"), *results]
    assert [path.name for path in pages if "python -m leukobench " in path.read_text("utf-8")] == []
