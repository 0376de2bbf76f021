"""One run cell: tune and fit on the sources, predict every target."""

import time

import numpy as np

from leukobench.models.transductive import TooFewImages
from leukobench.running.folds import derive_seed, group_ids, inner_folds
from leukobench.running.splits import shown_samples, splits_of
from leukobench.running.tuning import Fitted, tune


def run_cell(cell, samples, rows, head, left_out, open_storage, checkpoint=lambda number: None, shown_rows=None):
    """Run one cell of the plan.

    The target is never seen before scoring: tuning, imputing, scaling and fitting use source rows alone. In `within`
    and `merged` every image is predicted by a model that was tuned and fitted without it, and so is every corrupted
    copy of one. Where a protocol adds labels of the target, they are of other cells than the model predicts.

    Parameters
    ----------
    cell : RunCell
        What to run.
    samples : pandas.DataFrame
        Images of all datasets, of `select_samples`.
    rows : array of shape (len(samples), p) or (len(samples), 1 + copies, p)
        Their representation.
    head : list of str
        Classes that the model is trained on.
    left_out : dict of str to int
        Source classes that are too rare for the head.
    open_storage : callable
        Number of a tuning (one per outer fold) to an Optuna storage.
    checkpoint : callable
        Number of a fit (one per outer fold) to the file that it goes on from after a kill, or None.
    shown_rows : array of shape (number of images shown, p), optional
        Representation of what `shown_samples` gives, where the cell's setting has conditions; otherwise that of the
        images themselves.

    Returns
    -------
    record : dict
        Plain values: parameters per fit, times, sizes, and targets without predictions with the reason.
    predictions : pandas.DataFrame
        test, sha256, group, true and one probability column `p_<class>` per class of the head.
    """
    recipe = cell.recipe.with_training(epochs=cell.inputs.get("epochs"), precision=cell.inputs.get("precision"))
    outer, inner = cell.inputs["folds"]
    in_head = samples["class"].isin(head).to_numpy()
    strata = (samples["dataset"] + " " + samples["class"]).to_numpy(dtype=str)
    groups = group_ids(samples)
    classes = samples["class"].to_numpy(dtype=str)
    datasets = samples["dataset"].to_numpy(dtype=str)

    splits = splits_of(samples, cell, head, outer)
    asked = shown_samples(samples, cell.setting)
    asked = asked[asked["dataset"].isin(cell.targets)].reset_index(names="row")
    shown_rows = rows if shown_rows is None else shown_rows
    probabilities = np.full((len(asked), len(head)), np.nan)
    times = {"tune_s": 0.0, "fit_s": 0.0, "predict_s": 0.0}
    chosen, tuned_by, n_trained, n_predicted, lost = [], [], [], 0, {}
    for number, (train, test) in enumerate(splits):
        train = train[in_head[train]]
        seed = derive_seed(*cell.chance, number)
        start = time.perf_counter()
        params = tune(
            recipe,
            rows[train],
            classes[train],
            groups[train],
            laboratories=datasets[train],
            strata=strata[train],
            trials=cell.inputs["trials"],
            n_folds=inner,
            seed=seed,
            storage=open_storage(number),
            study=f"{cell.fingerprint}-{number}",
        )
        tuned = time.perf_counter()
        told = {"groups": groups[train], "checkpoint": checkpoint(number)}
        fitted = Fitted(recipe, params, seed, rows[train], classes[train], datasets[train], **told)
        ready = time.perf_counter()
        mine = asked[asked["at"].isin(test)]
        for name, batch in mine.groupby("test"):  # one target at a time: a transductive model looks at all of it
            try:
                probabilities[batch.index] = fitted.predict_proba(shown_rows[batch["row"]], head)
            except TooFewImages as error:  # of this target, which says nothing of the others
                lost[str(name)] = error.message
                if {*lost} >= {*asked["test"]}:
                    raise
        n_trained.append(len(train))
        n_predicted += len(mine)
        times["predict_s"] += time.perf_counter() - ready
        times["tune_s"] += tuned - start
        times["fit_s"] += ready - tuned
        chosen.append(params)
        held_out = (
            inner_folds(strata[train], classes[train], groups[train], inner, seed) if cell.inputs["trials"] else ()
        )
        tuned_by.append(len(held_out))

    predictions = asked[["test", "sha256", "group"]].assign(true=asked["class"].astype(str))
    for column, name in enumerate(head):
        predictions[f"p_{name}"] = probabilities[:, column]
    predictions = predictions[~predictions["test"].isin([*lost])]
    times["predict_ms_per_image"] = 1000 * times.pop("predict_s") / n_predicted
    record = {
        # Of the whole source where it is cut into folds; else what one fit saw, the most where they differ.
        "n_train": int((samples["dataset"].isin(cell.sources) & in_head).sum()) if cell.held_out else max(n_trained),
        "head_classes": list(head),
        "left_out_classes": left_out,
        "params": chosen,
        # What was used, not what was asked for: a source that allows no inner folds is fitted with the defaults.
        "folds": {"outer": len(splits), "inner": tuned_by},
        "times": {name: round(value, 4) for name, value in times.items()},
    }
    return record | ({"lost_targets": lost} if lost else {}), predictions
