"""What decides a recipe's numbers, as one hash: a model that was changed under its name is another model."""

import dataclasses
import functools
import inspect
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from sklearn.base import BaseEstimator

from leukobench.files import content_hash
from leukobench.plugins import FILES, files_beside

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


def recipe_hash(recipe):
    """Hash of what a recipe builds: version, defaults, search space, and the builder with its source.

    Of a builder of this package its own source counts; what it calls is told by the recipe's version. Of one from
    outside the whole file does, with the functions and constants in it, and of a file of models those that it imports
    from its own folder. Libraries count by name: their versions stand in every record.

    Parameters
    ----------
    recipe : leukobench.models.recipe.Recipe

    Returns
    -------
    str
        16 hexadecimal digits.

    Examples
    --------
    >>> from leukobench.models import get_model
    >>> recipe_hash(get_model("lda")) == recipe_hash(dataclasses.replace(get_model("lda"), description="the same"))
    True
    >>> recipe_hash(get_model("lda")) == recipe_hash(dataclasses.replace(get_model("lda"), defaults={"shrinkage": 0.5}))
    False
    """
    space = [[name, repr(each)] for name, each in recipe.space.items()]  # in the order in which it is searched
    return content_hash([recipe.version, _plain(recipe.defaults), space, _plain(recipe.build)])


def _plain(value, inside=()):
    """A value as JSON knows it: code by its source, objects by their type and what they hold."""
    if isinstance(value, str | int | float | bool | None):
        return repr(value)
    if any(value is each for each in inside):  # an object that holds itself
        return "itself"
    plain = functools.partial(_plain, inside=(*inside, value))
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case set() | frozenset():
            return sorted(map(repr, value))
        case functools.partial():
            return ["partial", plain(value.func), plain(value.args), plain(value.keywords)]
        case type():
            return _named(value)
        case BaseEstimator():
            return [_named(type(value)), plain(value.get_params(deep=False))]
    if inspect.ismethod(value):
        return [plain(value.__self__), value.__name__]
    if inspect.isfunction(value):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return [_named(value), plain([value.__defaults__, value.__kwdefaults__, *cells])]
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return [_named(type(value)), plain(fields)]
    if hasattr(value, "tobytes"):  # an array
        return [repr(getattr(value, "shape", ())), content_hash(value.tobytes().hex())]
    if hasattr(value, "__dict__"):
        return [_named(type(value)), plain(vars(value))]
    addressed = type(value).__repr__ is object.__repr__  # which is another in every process
    return [_named(type(value)), "" if addressed else repr(value)]


def _named(code):
    """A function or class by its name and its source, where that may change under the name."""
    module = "" if code.__module__ in FILES else code.__module__  # which is another in another folder
    return [f"{module}.{code.__qualname__}", _source(code)]


def _source(code):
    module = sys.modules.get(code.__module__)
    file = Path(getattr(module, "__file__", None) or "")
    if file.name and file.resolve().is_relative_to(PACKAGE):
        return inspect.getsource(code)
    if file.name and (str(file).startswith(LIBRARIES) or not file.is_file()):
        return ""
    if file.name:
        files = [file, *sorted(map(Path, files_beside(module).values()))]
        return [each.read_text(encoding="utf-8", errors="replace") for each in files]
    if not inspect.isfunction(code):
        return ""
    body = code.__code__  # typed in: there is no file
    return repr((body.co_code, body.co_names, [each for each in body.co_consts if not inspect.iscode(each)]))
