"""A file of one's own with models and steps in it."""

import inspect
import re
from pathlib import Path

from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier

from leukobench.errors import UsageError, unknown
from leukobench.models.bases import OWN
from leukobench.models.outside import register
from leukobench.models.recipe import Recipe
from leukobench.plugins import FAULTS, import_file, in_words


def register_file(text):
    """Run a file of one's own, and register the models in it.

    Parameters
    ----------
    text : str
        "<file>.py", of a file that calls `register` or holds one classifier, or "<file>.py:<name>" of one in it.

    Returns
    -------
    list of str
        Names of the models, without those of steps.

    Raises
    ------
    UsageError
        Where there is no such file or model, or the file fails or does not say which model is meant.
    """
    match = re.fullmatch(r"(.+\.py)(?::([\w.-]+))?", text)
    path = Path(match[1] if match else text).expanduser().resolve()
    if not match or not path.is_file():
        raise UsageError(f"there is no file of models {text}", "give its path, or my.py:Forest for one model in it")
    before = dict(OWN)
    try:
        module = import_file(str(path), anew=True)
    except UsageError:
        raise
    except FAULTS as error:
        raise UsageError(f"{path.name} fails: {in_words(error, str(path))}", "mend it and start again") from error
    added = [name for name, one in OWN.items() if one is not before.get(name)]
    registered = [name for name in added if not name.startswith("+")]
    held = {name: value for name, value in vars(module).items() if not name.startswith("_") and _own(value, module)}
    if match[2] in registered or (added and not match[2]):
        return [match[2]] if match[2] else registered
    if match[2] and match[2] not in held:
        raise unknown(f"model of {path.name}", match[2], [*registered, *held])
    if not match[2] and len(held) != 1:
        found = f"{len(held)} classifiers: {', '.join(held)}" if held else "no classifier"
        hint = "name one, as in my.py:Forest, or call leukobench.models.register in it"
        raise UsageError(f"{path.name} holds {found}", hint)
    name = match[2] or next(iter(held))
    register(name, held[name])
    return [name]


def _own(value, module):
    """Whether a value of a module is a model that it defines, rather than imports."""
    if inspect.isclass(value):
        return issubclass(value, ClassifierMixin) and value.__module__ == module.__name__
    return isinstance(value, Recipe) or (isinstance(value, BaseEstimator) and is_classifier(value))
