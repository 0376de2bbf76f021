"""A suite: which datasets, level, models, protocols, seeds and budget. A TOML file, read and checked here."""

import dataclasses
import logging
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.dataclasses import dataclass

from leukobench.datasets.names import check_name
from leukobench.datasets.registry import attribute_names
from leukobench.datasets.taxonomy import CELL_TYPES, LEVELS, PRESETS
from leukobench.errors import UsageError, unknown
from leukobench.inputs import read_toml
from leukobench.models import MODELS, get_model
from leukobench.models.catalogue import describe
from leukobench.running.protocols import known_protocols

log = logging.getLogger(__name__)
ALL = ("all",)  # in place of names: every dataset that is there, or every registered model


def _dataset_names(names):
    """Names of datasets, or `ALL`; which there are is known when the data are read."""
    try:
        return names if names == ALL else tuple(map(check_name, names))
    except UsageError as error:
        raise ValueError(error.message) from error


def _not_one(number):
    """A number of resamples that tells a variance."""
    if number == 1:
        raise ValueError("one resample alone tells no variance: 0, or 2 and more")
    return number


# The types and ranges of a suite's and a budget's keys.
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Number = Annotated[int, Field(ge=1, le=1_000_000)]
Resamples = Annotated[int, Field(ge=0, le=1_000), AfterValidator(_not_one)]
Folds = Annotated[int, Field(ge=2, le=1_000)]
Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what NumPy takes
SuiteName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=100)]


def _several(kind):
    """One or more of a kind; TOML's lists become tuples."""
    return Annotated[tuple[Annotated[kind, Field(strict=True)], ...], Field(strict=False, min_length=1)]


COSTS = resources.files("leukobench.running") / "costs.toml"
CHECKED = ConfigDict(strict=True, extra="forbid")  # no text for a number, no true for 1


@dataclass(frozen=True, config=CHECKED)
class Budget:
    """What a budget buys, in counts.

    Parameters
    ----------
    name : str
        "tiny", "quick", "standard" or "full".
    outer_folds, inner_folds : int
        Folds of the outer cross-validation (within, merged) and of the tuning.
    seeds : int
        How many of the suite's seeds are used.
    trials : dict
        Optuna trials per tuning, by cost of the model ("light", "medium", "heavy", "network").
    epochs : int, default 1
        Of a fine-tuned network.
    """

    name: str
    outer_folds: Folds
    inner_folds: Folds
    seeds: Number
    trials: dict[str, Count]
    epochs: Number = 1


@dataclass(frozen=True, config=CHECKED)
class Suite:
    """A benchmark: what is trained on what, and how it is scored.

    Parameters
    ----------
    name, description : str
        What it is called (letters, digits and ._+- in it: it names a folder too) and what it is for.
    version : int
        Raised whenever the file changes what a number means.
    level : str
        Cut through the label tree, one of L5, L8, L11, L15.
    datasets, models, protocols : tuple of str
        What takes part; "all" alone is every dataset that is there, or every registered model. Protocols are among
        within, pairwise, lodo (leave one dataset out) and merged.
    seeds : tuple of int
        Repetitions, each in 0 .. 2**32 - 1.
    budget : Budget
        Folds and trials.
    min_source_images : int
        A class with fewer images in the source is left out of that source's head.
    min_test_images : int
        A class with fewer images in the target stays out of the target's headline means.
    preset : str, default ""
        Name of a merged preset (its rule selects the images), or nothing.
    resample_source : int, default 0
        So many resamples of each source's images train too, by which the variance over training samples is told: 0, or
        two and more.
    costs : dict of str to dict of str to float
        True class to what it is called to what that costs; a confusion that is not named costs 1. By default those of
        `costs.toml`.

    Examples
    --------
    >>> load_suite("cross-dataset").level
    'L5'
    """

    name: SuiteName
    description: str
    version: Count
    level: str
    datasets: Annotated[_several(str), AfterValidator(_dataset_names)]
    models: _several(str)
    protocols: _several(str)
    seeds: _several(Seed)
    budget: Budget
    min_source_images: Number
    min_test_images: Number
    preset: str = ""
    resample_source: Resamples = 0
    costs: dict[str, dict[str, Cost]] = dataclasses.field(default_factory=lambda: read_toml(COSTS))

    def as_dict(self):
        """The suite as plain values, for `plan.json`."""
        return dataclasses.asdict(self)


def choose(kind, wanted, known):
    """Check names against those there are.

    Parameters
    ----------
    kind : str
        What the names are of, for the message.
    wanted, known : iterable of str
        The names asked for and the names there are.

    Returns
    -------
    tuple of str
        `wanted`, each once, in order.

    Raises
    ------
    UsageError
        For a name that is not known, with the nearest one that is.
    """
    known = list(known)
    for name in wanted:
        if name not in known:
            raise unknown(kind, name, known)
    return once(kind, wanted)


def once(kind, names):
    """Names in order, each once; what is there several times is told in the log, since it is run once."""
    counts = Counter(names)
    for name, n in counts.items():
        if n > 1:
            log.warning("%s %s is named %d times: it takes part once", kind, name, n)
    return tuple(counts)


def list_suites():
    """Names of the suites that come with the package, with their files.

    Returns
    -------
    dict
        Name to path.

    Examples
    --------
    >>> list_suites()["cross-dataset"].name
    'cross-dataset.toml'
    """
    return {path.stem: path for path in sorted(Path(resources.files("leukobench") / "suites").glob("*.toml"))}


def get_budget(name):
    """A budget by name.

    Parameters
    ----------
    name : str
        "tiny", "quick", "standard" or "full".

    Returns
    -------
    Budget
        Its counts.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    table = read_toml(resources.files("leukobench.running") / "budgets.toml")
    choose("budget", [name], table)
    return Budget(name=name, **table[name])


def load_suite(
    name, *, datasets=None, models=None, protocols=None, seeds=None, budget=None, level=None, resample_source=None
):
    """Read a suite and narrow it.

    Parameters
    ----------
    name : str
        A suite of the package, or the path of a TOML file.
    datasets, models, protocols : sequence of str, optional
        Take these in place of the suite's own. Dataset names are checked when the data are read, since a laboratory's
        own folder is a dataset too.
    seeds : sequence of int, optional
        Take these; otherwise as many of the suite's seeds as the budget says.
    budget, level : str, optional
        Take these in place of the suite's own.
    resample_source : int, optional
        Take it in place of the suite's own.

    Returns
    -------
    Suite
        Checked: every key, model, protocol, level and budget is known.

    Raises
    ------
    UsageError
        For an unknown name or key, or a file that is not a suite.
    """
    path, table = _read(str(name))
    fields = {field.name for field in dataclasses.fields(Suite)}
    missing = sorted(fields - {"preset", "costs", "resample_source"} - set(table))
    if missing:
        raise UsageError(f"{path.name} lacks {', '.join(missing)}", "copy a suite shown by `leukobench suites ls`")

    asked = {"datasets": datasets, "models": models, "protocols": protocols, "budget": budget, "level": level}
    asked |= {"resample_source": resample_source}
    table |= {key: value for key, value in asked.items() if value is not None}
    bought = get_budget(table["budget"])
    try:
        suite = Suite(**table | {"budget": bought})
        suite = dataclasses.replace(suite, seeds=suite.seeds[: bought.seeds] if seeds is None else seeds)
    except ValidationError as error:
        raise UsageError(f"{path.name}: {_first(error)}", SEE) from None
    costly = dict.fromkeys(code for true, called in suite.costs.items() for code in (true, *called))
    choose("class in [costs]", list(costly), CELL_TYPES)
    choose("preset", [suite.preset] if suite.preset else [], PRESETS)
    recipes = [get_model(name) for name in (MODELS if suite.models == ALL else suite.models)]
    # What a suite's file asks for is left out with a word where it cannot run.
    if models is not None and suite.models != ALL:
        _check_runnable(recipes)
    return dataclasses.replace(
        suite,
        seeds=once("seed", suite.seeds),
        models=once("model", [recipe.name for recipe in recipes]),
        level=suite.level if suite.level in attribute_names() else choose("level", [suite.level], LEVELS)[0],
        protocols=choose("protocol", suite.protocols, known_protocols()),
        datasets=once("dataset", suite.datasets),
    )


def _check_runnable(recipes):
    for recipe in recipes:
        if missing := describe(recipe)["missing"]:
            raise UsageError(f"{recipe.name} cannot run here", missing)


SEE = "see `leukobench suites ls` for examples"
WORDS = {
    "too_short": "needs one at least",
    "tuple_type": "should be a list",
    "string_pattern_mismatch": "a name is made of letters, digits and ._+- and begins with a letter or digit",
}


def _read(name, beside=Path(), extending=()):
    """The path and the keys of a suite by name or file, over those of the suite that it extends."""
    path = beside / name if name.endswith(".toml") else list_suites()[choose("suite", [name], list_suites())[0]]
    if path.resolve() in extending:
        raise UsageError(f"{path.name} extends itself", "let one of the files give all keys")
    if not path.exists():
        raise UsageError(f"no suite file {path}", "give a path to a TOML file, or one of `leukobench suites ls`")
    table = read_toml(path)
    base, limits = table.pop("extends", None), table.pop("limits", {})
    for key, value, kind in (("extends", base, str | None), ("limits", limits, dict)):
        if not isinstance(value, kind):
            raise UsageError(f"{path.name}: {key} is {value!r}", SEE)
    choose(
        f"key in {path.name}",
        [*table, *limits],
        ["extends", *sorted(field.name for field in dataclasses.fields(Suite))],
    )
    if base is None:
        return path, table | limits
    return path, _read(base, path.parent, (*extending, path.resolve()))[1] | {"name": path.stem} | table | limits


def _first(error):
    """The first thing that is wrong with the values of a suite, in words."""
    wrong = error.errors(include_url=False)[0]
    key, *place = wrong["loc"]
    which = f" (number {place[0] + 1})" if place and isinstance(place[0], int) else ""
    message = WORDS.get(wrong["type"]) or wrong["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}{which} is {wrong['input']!r}: {message}"
