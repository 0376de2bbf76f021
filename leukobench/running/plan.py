"""The plan: which run cells a suite asks for, checked against the data before the first fit."""

import dataclasses
from itertools import product

from leukobench.devices import training_precision
from leukobench.errors import UsageError
from leukobench.files import content_hash
from leukobench.models import Recipe, get_model
from leukobench.models.identity import recipe_hash
from leukobench.running.protocols import BUILT_IN, fits_of, known_protocols
from leukobench.running.representations import representation_key
from leukobench.running.setting import PLAIN, Setting
from leukobench.running.splits import splits_of

# Raised whenever folds, tuning or scoring inputs change what a record means.
PROTOCOL_VERSION = "2"


@dataclasses.dataclass(frozen=True)
class RunCell:
    """One fit of one model, scored on every target.

    Parameters
    ----------
    protocol : str
        Name of a `leukobench.running.protocols.Protocol`: how sources and targets are chosen.
    train : str
        Name of the source, as the protocol calls it: a dataset, "all-<target>" (leave one dataset out) or "merged".
    model : str
        Name of the recipe.
    seed : int
        Seed of the suite; every random choice in the cell is derived from it by hashing.
    sources, targets : tuple of str
        Datasets that are trained on and scored.
    inputs : dict
        Everything that the record depends on, for the fingerprint and to say what changed.
    recipe : leukobench.models.recipe.Recipe
        The model itself, which travels with the cell to wherever it is run.
    setting : leukobench.running.setting.Setting, default as it is
        Of the protocol, which workers need not know.
    resample : int, default 0
        Which resample of the source's images trains; 0 takes them as they are.
    """

    protocol: str
    train: str
    model: str
    seed: int
    sources: tuple
    targets: tuple
    inputs: dict = dataclasses.field(hash=False, compare=False)
    recipe: Recipe = dataclasses.field(hash=False, compare=False, repr=False)
    setting: Setting = PLAIN
    resample: int = 0

    @property
    def identity(self):
        """What the cell is called in tables: protocol, source, model and seed, and the resample where there is one."""
        return (self.protocol, self.train, self.model, self.seed, *self.resampled.values())

    @property
    def resampled(self):
        """The resample as plain values; nothing where the source is as it is: earlier versions knew no other."""
        return {"resample": self.resample} if self.resample else {}

    @property
    def chance(self):
        """What seeds are derived from: the identity, with the protocol whose fits these are."""
        return (self.setting.like or self.protocol, *self.identity[1:])

    @property
    def tests(self):
        """What the targets are called in tables."""
        return self.setting.names(self.targets)

    @property
    def held_out(self):
        """Whether the targets are among the sources, so that every image is predicted out of fold."""
        return bool({*self.sources} & {*self.targets})

    @property
    def fingerprint(self):
        """Content hash of the identity and of all inputs."""
        return content_hash([*self.identity, self.inputs])

    def as_dict(self):
        """The cell as plain values, for `plan.json`."""
        own = {name: value for name, value in vars(self).items() if name not in ("recipe", "setting", "resample")}
        return own | self.resampled | {"targets": list(self.tests)} | self.kind | {"fingerprint": self.fingerprint}

    @property
    def kind(self):
        """What tables must know of the model, as plain values."""
        recipe = self.recipe
        return {
            "family": recipe.family,
            "side": recipe.side,
            "augmented": recipe.augmented,
            "ensemble": recipe.ensemble,
            "counts_as": recipe.counts_as or recipe.name,
            "transductive": recipe.transductive,
            "contamination": list(recipe.contamination),
            "developed_on": list(recipe.developed_on),
        }


def head_of(samples, sources, suite):
    """Classes that a source is trained on, and those it has too few images of.

    Parameters
    ----------
    samples : pandas.DataFrame
        Of `leukobench.running.samples.select_samples`.
    sources : sequence of str
        Datasets that are trained on.
    suite : Suite
        Gives the limit.

    Returns
    -------
    head : list of str
        Classes with at least `min_source_images` images, sorted.
    left_out : dict of str to int
        The others, with their counts.
    """
    counts = samples.loc[samples["dataset"].isin(sources), "class"].value_counts().sort_index()
    enough = counts >= suite.min_source_images
    return list(counts.index[enough]), {name: int(n) for name, n in counts[~enough].items()}


def only_targets(samples, suite):
    """Datasets that no model is trained on: fewer than two of their classes have images enough.

    Parameters
    ----------
    samples : pandas.DataFrame
        Of `leukobench.running.samples.select_samples`.
    suite : Suite
        Gives datasets and the limit.

    Returns
    -------
    tuple of str
    """
    return tuple(name for name in suite.datasets if len(head_of(samples, (name,), suite)[0]) < 2)


def combinations(suite, untrained=()):
    """Protocol, name of the source, sources and targets of every fit that a suite asks for.

    Parameters
    ----------
    suite : Suite
        Gives protocols and datasets.
    untrained : collection of str, optional
        Datasets that are no source, see `only_targets`; nor are they scored where the sources are.

    Yields
    ------
    tuple
        (protocol, train, sources, targets).

    Raises
    ------
    UsageError
        Where a protocol needs more datasets than there are, or asks for what cannot be scored.
    """
    names, known = suite.datasets, known_protocols()
    lacking = [name for name in suite.protocols if known[name].needs > len(names)]
    if lacking:
        raise UsageError(
            f"{', '.join(sorted(lacking))} needs {max(known[name].needs for name in lacking)} datasets or more, not"
            f" {len(names)}",
            "add datasets, or take --protocols within",
        )
    for protocol in suite.protocols:
        for fit in fits_of(known[protocol], names, untrained):
            yield protocol, *fit


def build_plan(suite, samples):
    """Every run cell of a suite, in a fixed order.

    Parameters
    ----------
    suite : Suite
        What is asked for.
    samples : pandas.DataFrame
        Of `leukobench.running.samples.select_samples`.

    Returns
    -------
    list of RunCell
        The cells.

    Raises
    ------
    UsageError
        Where a source has fewer than two classes to train on, shares fewer than two with a target, or has too few
        groups for a protocol that holds some of them out.
    """
    rows = samples[["dataset", "sha256", "class", "group", "um_per_px"]]
    data = {name: content_hash(table.astype(str).values.tolist()) for name, table in rows.groupby("dataset")}
    classes = {name: set(table["class"]) for name, table in rows.groupby("dataset")}
    budget, known = suite.budget, known_protocols()
    cells = []
    for protocol, train, sources, targets in combinations(suite, only_targets(samples, suite)):
        head, _ = head_of(samples, sources, suite)
        for target in targets:
            shared = sorted(set(head) & classes[target])
            if len(shared) < 2:
                names = ", ".join(shared) or "none"
                who = f"{target} has" if sources == (target,) else f"{train} and {target} share"
                raise UsageError(
                    f"{who} {len(shared)} class(es) at {suite.level} ({names})"
                    f" with at least {suite.min_source_images} source images",
                    "leave one of them out with --datasets, or choose another --level",
                )
        setting = known[protocol].setting
        for model in suite.models:
            recipe = get_model(model)
            inputs = {
                "protocol_version": PROTOCOL_VERSION,
                "level": suite.level,
                "data": {name: data[name] for name in sorted({*sources, *targets})},
                "limits": [suite.min_source_images, suite.min_test_images],
                "folds": [budget.outer_folds, budget.inner_folds],
                "trials": budget.trials[recipe.cost] if recipe.space else 0,
                "model_version": recipe.version,
                "recipe": recipe_hash(recipe),
                "representation": representation_key(recipe.representation),
            }
            if protocol not in BUILT_IN:  # what such a name stands for may change
                inputs |= {"sources": list(sources), **({"setting": setting.inputs} if setting.inputs else {})}
            if "epochs" in recipe.defaults:
                inputs["epochs"] = budget.epochs
            if "precision" in recipe.defaults:
                inputs["precision"] = training_precision()
            own = (sources, targets, inputs, recipe, setting)
            runs = list(product(range(suite.resample_source + 1), suite.seeds))
            cells += [RunCell(protocol, train, model, seed, *own, number) for number, seed in runs]
        _check_splits(samples, cells[-len(runs) :], head, budget.outer_folds)
    if not cells:
        raise UsageError(
            f"no dataset of {', '.join(suite.datasets)} has two classes at {suite.level} with at least"
            f" {suite.min_source_images} images to train on",
            "add datasets with --datasets, or choose another --level",
        )
    return cells


def _check_splits(samples, cells, head, n_folds):
    """Refuse a fit that has nothing to train or test; `cells` are those of one model."""
    for cell in cells:
        if not splits_of(samples, cell, head, n_folds):
            raise UsageError(
                f"{cell.protocol} {cell.train}: its groups (slides, patients) allow no folds, since fewer than two"
                " classes are spread over two groups or more",
                "leave it out with --datasets, or take --protocols pairwise,lodo, which hold nothing out",
            )
