"""Fits a sample of a run's cells again from the data: what a folder that agrees with itself cannot tell."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leukobench.cache import TableCache
from leukobench.datasets import build_index
from leukobench.errors import UsageError
from leukobench.models.spec import tables_of
from leukobench.running.changes import differences, identity_of, in_precision_of
from leukobench.running.computing import compute_missing
from leukobench.running.executor import execute
from leukobench.running.plan import build_plan
from leukobench.running.pool import LocalPool
from leukobench.running.representations import load_rows
from leukobench.running.samples import select_samples
from leukobench.running.store import RunFolder
from leukobench.running.suite import Budget, Suite

MOST = 0.01
"""Mean distance of probabilities, over images and classes, up to which two fits of one cell agree.

Of the answers as large a share may differ. Two fits on one machine are equal to the last bit. Other processors round
sums differently, a tree then splits elsewhere, and single images change their class: see docs/running.md.
"""


@dataclass(frozen=True)
class Refitted:
    """A run cell that was fitted again.

    Parameters
    ----------
    fingerprint, name : str
        Which.
    distance : float
        Mean distance of the probabilities; NaN where it was not fitted.
    changed : int
        Images with another answer.
    images : int
        Predicted images.
    reason : str
        Why it was not fitted.
    """

    fingerprint: str
    name: str
    distance: float = np.nan
    changed: int = 0
    images: int = 0
    reason: str = ""

    @property
    def wrong(self):
        """Whether it is not what the run says."""
        return not (self.distance <= MOST and self.changed <= MOST * self.images)

    @property
    def line(self):
        """What was found, in words."""
        opening = f"cells/{self.fingerprint}.json ({self.name})"
        if self.reason:
            return f"{opening}: not fitted again: {self.reason}"
        verdict = f"not what a fit from the data gives (at most {MOST})" if self.wrong else "fitted again"
        found = f"probabilities {self.distance:.2g} apart in the mean, {self.changed} of {self.images} answers differ"
        return f"{opening}: {verdict}: {found}"


def refit(folder, root, *, number=3, seed=0, cache=None, device="auto", jobs=1):
    """Tune and fit a random sample of a run's cells again, and compare their predictions with those of the folder.

    Parameters
    ----------
    folder : path-like
        The run folder, which stays as it is.
    root : path-like
        The data root.
    number : int, default 3
        Cells to fit, of those whose status is "ok".
    seed : int, default 0
        Of the draw.
    cache : path-like, optional
        Folder of the representations; default the user's.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed.
    jobs : int, default 1
        Worker processes.

    Returns
    -------
    list of Refitted

    Raises
    ------
    UsageError
        Where the folder has no predictions, or the plan or data cannot be read.
    """
    store = RunFolder(folder)
    plan = store.read_plan()
    suite = Suite(**plan["suite"] | {"budget": Budget(**plan["suite"]["budget"])})
    planned = {cell["fingerprint"]: cell for cell in plan["cells"]}
    fine = [name for name in planned if (store.written_record(name) or {}).get("status") == "ok"]
    if number < 1 or not fine:
        raise UsageError(f"{number} of {len(fine)} run cells cannot be fitted again", "take one or more of a run")
    drawn = np.random.default_rng(seed).choice(len(fine), min(number, len(fine)), replace=False)
    chosen = [fine[i] for i in sorted(drawn)]
    samples = select_samples(build_index(root, names=list(suite.datasets)), suite)
    here = {cell.identity: cell for cell in in_precision_of(plan, build_plan(suite, samples))}
    found, todo = [], []
    for name in chosen:
        cell = here.get(identity_of(planned[name]))
        if cell is None or cell.fingerprint != name:
            what = (
                ", ".join(differences(planned[name].get("inputs", {}), json.loads(json.dumps(cell.inputs))))
                if cell
                else "no such cell"
            )
            found.append(Refitted(name, _called(planned[name]), reason=f"its inputs are others here: {what}"))
        else:
            todo.append(cell)
    with tempfile.TemporaryDirectory() as scratch:
        again, tables = RunFolder(Path(scratch) / "run"), TableCache(cache)
        again.write_samples(samples)
        names = sorted({table for cell in todo for table in tables_of(cell.recipe.representation)})
        compute_missing(names, samples, root, cache=tables, jobs=jobs, device=device)
        for name in names:
            again.write_rows(name, load_rows(name, samples, tables))
        if todo:
            with LocalPool(min(jobs, len(todo))) as pool:
                execute(todo, suite, again, pool=pool, keep_trials=False)
        found += [_compared(cell, store, again) for cell in todo]
    return found


def _called(cell):
    return " ".join(map(str, identity_of(cell)))


def _compared(cell, store, again):
    name, record = cell.fingerprint, again.written_record(cell.fingerprint)
    which = " ".join(map(str, cell.identity))
    if record["status"] != "ok":
        return Refitted(name, which, reason=record["error"])
    keys = ["test", "sha256"]
    old, new = (each.prediction_table(name).to_pandas().sort_values(keys) for each in (store, again))
    columns = [f"p_{label}" for label in record["head_classes"]]
    same = list(old.columns) == list(new.columns) and (old[keys].to_numpy() == new[keys].to_numpy()).all()
    if not same or (old["true"].to_numpy() != new["true"].to_numpy()).any():
        return Refitted(name, which, reason="its predictions are about other images, labels or classes than the data")
    before, after = old[columns].to_numpy(), new[columns].to_numpy()
    changed = int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
    return Refitted(name, which, float(np.abs(before - after).mean()), changed, len(old))
