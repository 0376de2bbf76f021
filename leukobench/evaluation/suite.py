"""A suite: which datasets, level, models, protocols, seeds and budget. A TOML file, read and checked here."""

import dataclasses
import difflib
import tomllib
from importlib import resources
from pathlib import Path

from leukobench.datasets.taxonomy import LEVELS
from leukobench.errors import UsageError
from leukobench.models import MODELS, get_model

PROTOCOLS = ("within", "pairwise", "lodo", "merged")


@dataclasses.dataclass(frozen=True)
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
    outer_folds: int
    inner_folds: int
    seeds: int
    trials: dict
    epochs: int = 1


@dataclasses.dataclass(frozen=True)
class Suite:
    """A benchmark: what is trained on what, and how it is scored.

    Parameters
    ----------
    name, description : str
        What it is called and what it is for.
    version : int
        Raised whenever the file changes what a number means.
    level : str
        Cut through the label tree, one of L5, L8, L11, L15.
    datasets, models, protocols : tuple of str
        What takes part; protocols are among within, pairwise, lodo (leave one dataset out) and merged.
    seeds : tuple of int
        Repetitions.
    budget : Budget
        Folds and trials.
    min_source_images : int
        A class with fewer images in the source is left out of that source's head.
    min_test_images : int
        A class with fewer images in the target stays out of the target's headline means.
    preset : str, default ""
        Name of a merged preset (its rule selects the images), or nothing.

    Examples
    --------
    >>> load_suite("cross-dataset").level
    'L5'
    """

    name: str
    description: str
    version: int
    level: str
    datasets: tuple
    models: tuple
    protocols: tuple
    seeds: tuple
    budget: Budget
    min_source_images: int
    min_test_images: int
    preset: str = ""

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
            near = difflib.get_close_matches(str(name), known, n=1)
            guess = f"did you mean '{near[0]}'? " if near else ""
            raise UsageError(f"unknown {kind} '{name}'", f"{guess}known: {', '.join(known)}")
    return tuple(dict.fromkeys(wanted))


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
    table = tomllib.loads((resources.files("leukobench.evaluation") / "budgets.toml").read_text())
    choose("budget", [name], table)
    return Budget(name=name, **table[name])


def load_suite(name, *, datasets=None, models=None, protocols=None, seeds=None, budget=None, level=None):
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

    Returns
    -------
    Suite
        Checked: every key, model, protocol, level and budget is known.

    Raises
    ------
    UsageError
        For an unknown name or key, or a file that is not a suite.
    """
    path = Path(name) if str(name).endswith(".toml") else list_suites().get(choose("suite", [name], list_suites())[0])
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(
            f"no suite file {path}", "give a path to a TOML file, or one of `leukobench suites ls`"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not a TOML file: {error}", "see `leukobench suites ls` for examples") from None
    limits = table.pop("limits", {})
    fields = {field.name for field in dataclasses.fields(Suite)}
    choose(f"key in {path.name}", [*table, *limits], sorted(fields))
    missing = sorted(fields - {"preset"} - set(table) - set(limits))
    if missing:
        raise UsageError(f"{path.name} lacks {', '.join(missing)}", "copy a suite shown by `leukobench suites ls`")

    asked = {"datasets": datasets, "models": models, "protocols": protocols, "budget": budget, "level": level}
    table |= {key: value for key, value in asked.items() if value}
    bought = get_budget(table["budget"])
    seeds = tuple(seeds) if seeds else tuple(table["seeds"])[: bought.seeds]
    models = list(MODELS) if tuple(table["models"]) == ("all",) else table["models"]
    models = tuple(dict.fromkeys(get_model(name).name for name in models))
    return Suite(
        **table
        | limits
        | {
            "budget": bought,
            "seeds": tuple(dict.fromkeys(seeds)),
            "models": models,
            "level": choose("level", [table["level"]], LEVELS)[0],
            "protocols": choose("protocol", table["protocols"], PROTOCOLS),
            "datasets": tuple(dict.fromkeys(table["datasets"])),
        }
    )
