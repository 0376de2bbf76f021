"""The columns of the tables that have a row per scored cell: `cells.csv` and `calibration.csv`."""

import pandas as pd

from leukobench.errors import UsageError
from leukobench.report.calibration import CALIBRATION, JUDGED
from leukobench.running.protocols import protocols_of
from leukobench.running.setting import dataset_of

IDENTITY = ["protocol", "train", "test", "model", "seed"]
TIMES = ["tune_s", "fit_s", "predict_ms_per_image"]  # the only columns that differ between two runs of one plan
SAME_CLASSES = "within_same_classes"  # of a pairwise row: the source's own score on the classes averaged there


def facts(record, test):
    """Columns of a row that come from the record.

    Parameters
    ----------
    record : dict
        One of `Run.records`.
    test : str
        Which of its targets.

    Returns
    -------
    dict
    """
    times = record.get("times", {})
    left_out = record.get("left_out_classes", {})
    return {
        "protocol": record["protocol"],
        "train": record["train"],
        "test": test,
        "model": record["model"],
        "family": record.get("family"),
        "transductive": record.get("transductive"),
        "contaminated": dataset_of(test) in record.get("contamination", ()),
        "developed_on": dataset_of(test) in record.get("developed_on", ()),
        "seed": record["seed"],
        "resample": record.get("resample", 0),
        "status": record["status"],
        "error": record.get("error", ""),
        "left_out_classes": " ".join(f"{name}:{count}" for name, count in sorted(left_out.items())),
        "n_train": record.get("n_train"),
        "fingerprint": record["fingerprint"],
        **{name: times.get(name) for name in TIMES},
    }


def figures(deployed, shared, unlearnt, metrics):
    """Columns of a row that come from the predictions.

    Parameters
    ----------
    deployed, shared : dict
        Of `scoring.score_answers`.
    unlearnt : sequence of str
        Classes that are in no mean, as `layout.Part` has them.
    metrics : iterable of Metric

    Returns
    -------
    dict
    """
    row = {"rare_classes": " ".join(name for name in shared["rare"] if name not in unlearnt)}
    row |= {"undefined_classes": " ".join(name for name in unlearnt if name in shared["classes"])}
    for prefix, result in (("", shared), ("deployed_", deployed)):
        row |= {prefix + "n": result["n"], prefix + "classes": " ".join(result["classes"])}
        row |= {prefix + metric.name: result[metric.name] for metric in metrics if prefix or not metric.deployed}
        row |= {f"{prefix}recall_{name}": value for name, value in result["recall"].items()}
    return row


def count_averaged(cells):
    """Number of classes that the means over classes of each row are over.

    Parameters
    ----------
    cells : DataFrame
        `cells.csv`, rows with scores.

    Returns
    -------
    Series of int
    """
    every, rare, undefined = (cells[name].str.split() for name in ("classes", "rare_classes", "undefined_classes"))
    return every.str.len() - rare.str.len() - undefined.str.len()


def as_table(rows, run, metrics):
    """Rows as a table with every column there, in a fixed order of rows and columns.

    Parameters
    ----------
    rows : list of dict
        What `facts`, `figures` and the calibration gave.
    run : Run
    metrics : iterable of Metric

    Returns
    -------
    cells : DataFrame
        `cells.csv`.
    calibration : DataFrame
        `calibration.csv`: the rows that have a source of their own.
    """
    found = {name for row in rows for name in row}
    shared, deployed = [each.name for each in metrics if not each.deployed], [f"deployed_{m.name}" for m in metrics]
    recalls = [sorted(n for n in found if n.startswith(prefix)) for prefix in ("recall_", "deployed_recall_")]
    columns = [
        *IDENTITY[:4],
        *["family", "transductive", "contaminated", "developed_on", "seed", "resample", "status", "error"],
        *["n", "classes", "rare_classes", "undefined_classes", "left_out_classes"],
        *shared,
        *recalls[0],
        *["deployed_n", "deployed_classes"],
        *deployed,
        *recalls[1],
        *[SAME_CLASSES, "n_train", "fingerprint"],
    ]
    columns += [*TIMES, *CALIBRATION]
    if taken := [metric.name for metric in metrics if columns.count(metric.column) > 1]:
        raise UsageError(f"a metric is called '{taken[0]}', as another column of cells.csv", "give it another name")
    table = pd.DataFrame(rows, columns=columns)
    for name in ("family", "transductive"):  # a cell that has not run knows neither: its model's other cells do
        known = table.dropna(subset=name).groupby("model")[name].first()
        table[name] = table[name].where(table[name].notna(), table["model"].map(known))
    table["family"] = table["family"].fillna("")
    table["transductive"] = table["transductive"].fillna(False).astype(bool)
    counts = ["seed", "resample", "n", "deployed_n", "n_train"]
    table[counts] = table[counts].astype("Int64")
    numbers = [*shared, *deployed, *recalls[0], *recalls[1], SAME_CLASSES, *TIMES]
    numbers += CALIBRATION
    table[numbers] = table[numbers].astype(float)
    suite = run.suite
    table.insert(5, "groups_unknown", table["test"].map(dataset_of).isin(run.plan["groups_unknown"]))
    table.insert(0, "synthetic", bool(run.plan["synthetic"]))
    table.insert(1, "suite", suite["name"])
    table.insert(2, "level", suite["level"])
    table.insert(3, "budget", suite["budget"]["name"])
    rank = {protocol.name: i for i, protocol in enumerate(protocols_of(set(table["protocol"])))}
    by = [table["protocol"].map(rank), *(table[name] for name in [*IDENTITY[1:], "resample"])]
    order = pd.concat(by, axis=1, keys=range(len(by))).sort_values(list(range(len(by))), kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    first = list(table.columns[: table.columns.get_loc("left_out_classes")])
    judged = table.loc[table["protocol"].isin(JUDGED), [*first, "ece", *CALIBRATION]]
    return table.drop(columns=CALIBRATION), judged.reset_index(drop=True)
