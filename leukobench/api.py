"""What Python users call: `import leukobench as lb`, then `lb.run`, `lb.load_results`, `lb.load_dataset` and more."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from leukobench.datasets import build_index, find_data_root
from leukobench.errors import UsageError
from leukobench.features import extract_features
from leukobench.imaging.io import read_image
from leukobench.inputs import locate
from leukobench.report import write_report
from leukobench.report.reader import ranked_by, read_run
from leukobench.running.runner import run as run_suite
from leukobench.running.suite import load_suite
from leukobench.segmentation import segment
from leukobench.text import from_csv

__all__ = ["Dataset", "Results", "extract_features", "load_dataset", "load_results", "run", "segment"]


@dataclass(frozen=True)
class Results:
    """A run as tidy tables.

    Parameters
    ----------
    folder : pathlib.Path
        The run folder.
    leaderboard : pandas.DataFrame
        One row per model, in the order of the ranking.
    cells : pandas.DataFrame
        One row per protocol, train, test, model and seed, with every metric.
    matrix : pandas.DataFrame
        Models and sources in rows, targets in columns: the metric that ranks, mean over seeds, of `within` on the
        diagonal and `pairwise` beside it.
    """

    folder: Path
    leaderboard: pd.DataFrame
    cells: pd.DataFrame
    matrix: pd.DataFrame

    def predictions(self, **where):
        """Predictions, one row per image and run cell, of the records that agree with what is named.

        Parameters
        ----------
        **where
            Of protocol, train, model and seed, such as ``model="lda", seed=0``.

        Returns
        -------
        pandas.DataFrame
            Columns protocol, train, model, seed, test, sha256, group, true, predicted, and p_<class> for each class.
        """
        loaded = read_run(self.folder)
        keys = ("protocol", "train", "model", "seed")
        if unknown := sorted(set(where) - set(keys)):
            raise UsageError(f"predictions are not told by {unknown[0]}", f"by {', '.join(keys)}")
        parts = []
        for record in loaded.records:
            if record["status"] == "ok" and all(record[name] == value for name, value in where.items()):
                table, probabilities = loaded.predictions(record)
                classes = np.array(record["head_classes"])
                part = pd.DataFrame({name: record[name] for name in keys}, index=range(len(table)))
                part = part.join(table.to_pandas()).assign(predicted=classes[probabilities.argmax(axis=1)])
                parts.append(part.join(pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes])))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*keys])


class Dataset(NamedTuple):
    """The usable images of a dataset.

    Parameters
    ----------
    images : pandas.Series of ndarray of uint8, shape (H, W, 3)
        RGB, each of its own size, by the place of their rows in `frame`.
    labels : pandas.Series of str
        Classes at the level.
    um_per_px : pandas.Series of float
        Micrometres per pixel; NaN where nobody knows.
    groups : pandas.Series
        Slide or patient; missing where nobody knows.
    frame : pandas.DataFrame
        Their rows of the index.
    """

    images: pd.Series
    labels: pd.Series
    um_per_px: pd.Series
    groups: pd.Series
    frame: pd.DataFrame


def run(suite="cross-dataset", data=None, out=None, *, jobs=None, device="auto", rank_by=None, **narrowed):
    """Run a suite and give its tables; what the folder holds already is kept.

    On systems that start processes afresh, as this does, a script calls it below ``if __name__ == "__main__":``.

    Parameters
    ----------
    suite : str, default "cross-dataset"
        Of the package, or the path of a TOML file.
    data : path-like, optional
        The data root; else LEUKOBENCH_DATA, else the user's data directory.
    out : path-like, optional
        The run folder; default results/runs/<suite>.
    jobs : int, optional
        Worker processes; default one per core.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed.
    rank_by : str, optional
        Metric that ranks models.
    **narrowed
        As of `leukobench.running.suite.load_suite`: datasets, models, protocols, seeds, budget, level.

    Returns
    -------
    Results
        The tables.

    Raises
    ------
    UsageError
        Where data or suite cannot be run.
    """
    chosen = load_suite(suite, **narrowed)
    folder = Path(out or Path("results/runs") / chosen.name)
    run_suite(chosen, find_data_root(data), folder, jobs=jobs, device=device)
    write_report(folder, rank_by=rank_by)
    return load_results(folder)


def load_results(folder):
    """Read the tables of a run folder, or of a published copy.

    Parameters
    ----------
    folder : path-like
        Of `leukobench run`.

    Returns
    -------
    Results
        The tables.

    Raises
    ------
    UsageError
        Where the folder has no tables.
    """
    folder = Path(folder)
    try:
        board, cells = (from_csv(pd.read_csv(folder / f"{name}.csv")) for name in ("leaderboard", "cells"))
    except FileNotFoundError:
        raise UsageError(f"no tables in {folder}", f"leukobench report {folder}") from None
    told = cells[cells["protocol"].isin(["within", "pairwise"])]
    matrix = told.pivot_table(ranked_by(folder).name, ["model", "train"], "test", sort=False)
    return Results(folder, board, cells, matrix)


def load_dataset(name, data=None, level="L5"):
    """Read the usable images of one dataset.

    Parameters
    ----------
    name : str
        Of a known dataset, or of a folder of your own below the data root.
    data : path-like, optional
        The data root; else LEUKOBENCH_DATA, else the user's data directory.
    level : str, default "L5"
        Cut through the label tree; images that have no class there are left out.

    Returns
    -------
    Dataset
        Images, labels, pixel sizes, groups and rows of the index; it unpacks.

    Raises
    ------
    UsageError
        Where there is no such dataset, or none of its images can be used.
    """
    root = find_data_root(data)
    index = build_index(root, names=[name])
    if level not in index:
        raise UsageError(f"unknown level '{level}'", "L5, L8, L11, L15, or an attribute of the dataset's cells")
    frame = index[(index["status"] == "ok") & index[level].notna()].reset_index(drop=True)
    if frame.empty:
        raise UsageError(f"no usable image of {name} at level {level}", "`leukobench data index` says why")
    images = pd.Series([read_image(locate(root, path)) for path in frame["path"]], index=frame.index, dtype=object)
    return Dataset(images, frame[level].astype(str), frame["um_per_px"], frame["group"], frame)
