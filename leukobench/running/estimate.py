"""What a plan takes: counts of fits, and time by measured rates."""

import functools
from importlib import resources

import pandas as pd

from leukobench.devices import PRECISIONS
from leukobench.inputs import read_toml
from leukobench.models.network.draws import VALIDATION, crops_drawn
from leukobench.models.recipe import COSTS
from leukobench.models.spec import ModelSpec, parts_of
from leukobench.preparation.views import get_view
from leukobench.running.representations import names_in
from leukobench.running.splits import shown_samples

EPOCHS = 8  # of the networks that were measured


@functools.cache
def _rates():
    return read_toml(resources.files("leukobench.running") / "rates.toml")


def fits_of(cell):
    """Number of fits of a run cell, tuning included."""
    outer, inner = cell.inputs["folds"]
    return (outer if cell.held_out else 1) * (cell.inputs["trials"] * inner + 1)


def seconds_of(cell, sizes):
    """Roughly how long a run cell takes on one core, tuning included.

    Parameters
    ----------
    cell : RunCell
    sizes : mapping of str to int
        Images of each dataset.

    Returns
    -------
    float
        Seconds, with the answers to all of its targets.
    """
    members = cell.recipe.build.members if cell.recipe.kind == "several" else [cell.recipe]
    return sum(_seconds_of_model(recipe, cell, sizes) for recipe in members)


def _seconds_of_model(recipe, cell, sizes):
    """Seconds of a run cell's model, or of one of those that answer together."""
    spec, rates = ModelSpec.parse(recipe.name), _rates()
    factor = dict(spec.params).get("epochs", cell.inputs.get("epochs", EPOCHS)) / EPOCHS
    for step in spec.steps:
        each = len(cell.sources) * rates["laboratories"].get(step.name, 0)
        factor *= max(each, rates["steps"].get(step.name, 1))
    outer, inner = cell.inputs["folds"]
    images, fits = sum(int(sizes[name]) for name in cell.sources), 1
    if cell.held_out:
        images, fits = images * (outer - 1) / outer, outer
    precision = cell.inputs.get("precision", PRECISIONS[0])
    one = functools.partial(_seconds_of_fit, spec, COSTS[recipe.cost].seconds, precision)
    fitting = factor * fits * (one(images) + cell.inputs["trials"] * inner * one(images * (inner - 1) / inner))
    return fitting + rates["answers"].get(spec.base, rates["run"]["answer"]) * sum(int(sizes[n]) for n in cell.targets)


def _seconds_of_fit(spec, otherwise, precision, images):
    """One fit, of networks with `EPOCHS` epochs in a precision; `otherwise` are the seconds of the model's cost."""
    rates = _rates()
    if spec.base in rates["crops"]:
        return rates["crops"][spec.base][precision] * EPOCHS * crops_drawn(int(images * (1 - 1 / VALIDATION)))
    words = [spec.base, *(f"+{step.name}" for step in spec.steps)]
    known = [rates["fit"][word] for word in words if word in rates["fit"]]
    copies = get_view(spec.view).copies if known and spec.view else 0  # a cost has the copies in it
    rows = images / 1000 * (1 + copies)
    return (known[0] if known else otherwise) * rows ** rates["growth"].get(spec.base, 1)


def preparation_seconds(cells, samples):
    """Roughly how long the features, vectors and crops of images take on one core where none is in the cache."""
    rates, total = _rates()["pictures"], 0.0
    for name, setting in {(name, cell.setting) for cell in cells for name in names_in(cell.recipe.representation)}:
        (part,) = parts_of(name)
        copies = get_view(part.view).copies if part.view and not setting.conditions else 0
        shown = shown_samples(samples, setting) if setting.conditions else samples
        total += rates[part.base] * (1 + copies) * len(shown)
    return total


def whole_seconds(cells, samples, jobs):
    """Roughly how long a run takes from the command to the page, where nothing of it is in the cache.

    Parameters
    ----------
    cells : list of RunCell
        Of `leukobench.running.plan.build_plan`.
    samples : pandas.DataFrame
        Of `leukobench.running.samples.select_samples`.
    jobs : int
        Worker processes, each on a core of its own.

    Returns
    -------
    float
        Seconds on a machine that does nothing else.
    """
    sizes, rates = samples["dataset"].value_counts(), _rates()["run"]
    spread = sum(seconds_of(cell, sizes) for cell in cells) + preparation_seconds(cells, samples)
    return rates["start"] + rates["cell"] * len(cells) + spread / jobs


def summarise_plan(cells, samples):
    """What a plan costs, by protocol.

    Parameters
    ----------
    cells : list of RunCell
        Of `leukobench.running.plan.build_plan`.
    samples : pandas.DataFrame
        Of `leukobench.running.samples.select_samples`.

    Returns
    -------
    pandas.DataFrame
        One row per protocol: run cells, scored cells (with every target), fits, and a rough estimate of core minutes.
    """
    sizes = samples["dataset"].value_counts()
    rows = [(cell.protocol, 1, len(cell.targets), fits_of(cell), seconds_of(cell, sizes) / 60) for cell in cells]
    table = pd.DataFrame(rows, columns=["protocol", "run cells", "scored cells", "fits", "core minutes"])
    return table.groupby("protocol", sort=False).sum()
