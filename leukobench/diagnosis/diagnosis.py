"""Puts the diagnosis of a run together: what was measured, how, and what of the targets was used."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from leukobench.diagnosis import loss, probe, shift
from leukobench.diagnosis.rows import LEAST, read_rows
from leukobench.errors import UsageError
from leukobench.metrics.drawing import REPLICATES
from leukobench.report.cells import cells_table
from leukobench.report.columns import count_averaged
from leukobench.report.reader import Run, read_run

BACKGROUND = "features:background"
PREFERRED = "features:core"
CONTROLS = (
    "Balanced accuracy of the controls in this run, mean over train x test, scored as in the leaderboard; chance is "
    "one over the number of classes averaged. background_only sees colours from outside the cell alone: above chance, "
    "the picture gives the class away without the cell."
)
USES_ALL = "images and classes of all datasets"
USES_NOTHING = "nothing: these are the run's own scores"


@dataclass(frozen=True)
class Section:
    """One table of the diagnosis.

    Parameters
    ----------
    name : str
        In the CSV and JSON.
    title : str
    protocol : str
        How the figures arose.
    uses : str
        What of the targets was looked at.
    table : DataFrame
        All figures.
    shown : DataFrame
        What a page has room for, as text.
    """

    name: str
    title: str
    protocol: str
    uses: str
    table: pd.DataFrame
    shown: pd.DataFrame


@dataclass(frozen=True)
class Diagnosis:
    """What explains the loss between the datasets of a run.

    Parameters
    ----------
    run : leukobench.report.reader.Run
    sections : list of Section
    notes : list of str
        What must stand beside every table.
    """

    run: Run
    sections: list
    notes: list

    @property
    def synthetic(self):
        """Whether the images are phantoms."""
        return bool(self.run.plan["synthetic"])


def diagnose(folder, *, catalogue, build, model="model", progress=None, replicates=REPLICATES):
    """Diagnose a run from its folder alone.

    Parameters
    ----------
    folder : path-like
        The run folder.
    catalogue : callable
        Name of a feature set to its features (name, group, unit) in column order.
    build : callable
        Seed to an unfitted classifier with `predict_proba`: the fixed model whose loss is split.
    model : str, default "model"
        Its name.
    progress : callable, optional
        Called as progress(stage, done, total).
    replicates : int, default 1000
        Bootstrap replicates.

    Returns
    -------
    Diagnosis

    Raises
    ------
    UsageError
        No run folder, one without features, or one with a single dataset; a damaged file, by name.
    """
    progress = progress or (lambda stage, done, total: None)
    run = read_run(folder)
    tables = read_rows(run, catalogue)
    datasets = list(run.suite["datasets"])
    if len(datasets) < 2:
        raise UsageError(f"a diagnosis compares datasets, and {folder} has one", "run a suite with two or more")
    sections = [_probe(tables, progress), _controls(run)]
    main = min(
        (rows for rows in tables if rows.features and rows.name != BACKGROUND),
        key=lambda rows: (rows.name != PREFERRED, rows.name),
        default=None,
    )
    if main:
        protocol = loss.PROTOCOL.format(model=model, name=main.name)
        found = loss.split_loss(main, datasets, build, progress, replicates=replicates)
        sections += [_mean_loss(found, protocol), _pair_loss(found, protocol)]
    shifts = shift.shift_table(tables, datasets, progress)
    if len(shifts):
        sections += [_groups(shifts), _worst(shifts, main), _worst_of_pairs(shifts, main)]
    sections = [section for section in sections if len(section.table)]
    return Diagnosis(run, sections, _notes(run, tables, main))


def _probe(tables, progress):
    table = probe.probe_table(tables, progress)
    rows = []
    for name, part in table.groupby("representation", sort=False):
        row = {"representation": name}
        for kind in probe.PROBES:
            scores = part.loc[part["probe"] == kind, "balanced_accuracy"]
            row[kind] = f"{scores.mean():.3f} [{scores.min():.3f}, {scores.max():.3f}]"
        rows.append(row | {"chance": f"{part['chance'].mean():.3f}", "classes": str(part["class"].nunique())})
    protocol = probe.PROTOCOL + " Shown: mean over classes, [lowest, highest class]."
    return Section("probe", "Which dataset is it?", protocol, USES_ALL, table, pd.DataFrame(rows))


def _controls(run):
    controls = [record for record in run.records if record.get("family") == "control" and record["status"] == "ok"]
    if not controls:
        return Section("controls", "", CONTROLS, USES_NOTHING, pd.DataFrame(), pd.DataFrame())
    cells = cells_table(replace(run, records=controls))
    cells = cells.assign(chance=[1 / n if n else np.nan for n in count_averaged(cells)])
    grouped = cells.groupby(["model", "protocol"], sort=False)[["balanced_accuracy", "chance"]]
    table = grouped.mean().assign(cells=grouped.size().astype(str)).reset_index()
    shown = table.assign(**{name: table[name].map("{:.3f}".format) for name in ("balanced_accuracy", "chance")})
    return Section("controls", "What do the controls reach?", CONTROLS, USES_NOTHING, table, shown)


def _mean_loss(found, protocol):
    table = found.mean
    shown = pd.DataFrame(
        {
            "": table["what"],
            "mean over pairs": [_interval(*row) for row in table[["mean", "low", "high"]].to_numpy()],
            "share of the loss": ["" if np.isnan(share) else f"{share:.0%}" for share in table["share_of_loss"]],
        }
    )
    return Section("loss", "Where does the loss come from?", protocol, loss.USES, table, shown)


def _pair_loss(found, protocol):
    table = found.pairs
    if table.empty:
        return Section("loss_pairs", "The same by pair", protocol, loss.USES, table, table)
    shown = table[["train", "test", "n"]].assign(n=table["n"].astype(str))
    for name in ("within", "as_it_is"):
        shown[name.replace("_", " ")] = table[name].map("{:.3f}".format)
    for name in ("loss", *loss.ORDER, "left"):
        shown[name] = [_interval(*row) for row in table[[name, f"{name}_low", f"{name}_high"]].to_numpy()]
    shown["accuracy, with prior"] = [f"{a:.3f}, {b:.3f}" for a, b in table[["accuracy", "accuracy_prior"]].to_numpy()]
    shown["magnification"] = table["magnification"].map("{:.2f}".format)
    return Section("loss_pairs", "The same by pair", protocol, loss.USES, table, shown)


def _groups(shifts):
    table = shifts.assign(far=shifts["d"].abs().gt(shift.FAR).astype(float), d=shifts["d"].abs())
    table = table.replace(np.inf, np.nan).groupby(["representation", "group"], sort=False)
    table = table[["d", "wasserstein", "far"]].mean().rename(columns={"d": "mean_abs_d"}).reset_index()
    shown = table.assign(
        mean_abs_d=table["mean_abs_d"].map("{:.2f}".format),
        wasserstein=table["wasserstein"].map("{:.2f}".format),
        far=table["far"].map("{:.0%}".format),
    ).rename(columns={"mean_abs_d": "mean abs d", "wasserstein": "mean W", "far": f"abs d above {shift.FAR:g}"})
    protocol = shift.PROTOCOL + " Means over features and pairs of datasets."
    return Section("shift_groups", "Which kind of feature moves?", protocol, USES_ALL, table, shown)


def _worst(shifts, main):
    part = shifts[shifts["representation"] == (main.name if main else BACKGROUND)]
    size = part.assign(size=part["d"].abs())
    mean = size.groupby(["feature", "group"], sort=False).agg(d=("size", "mean"), w=("wasserstein", "mean"))
    most = size.sort_values("size", ascending=False).drop_duplicates("feature").set_index("feature")
    mean = mean.sort_values("d", ascending=False, kind="stable").reset_index()
    shown = pd.DataFrame(
        {
            "feature": mean["feature"],
            "group": mean["group"],
            "mean abs d": mean["d"].map("{:.2f}".format),
            "mean W": mean["w"].map("{:.2f}".format),
            "farthest": [
                f"{most.loc[f, 'first']} - {most.loc[f, 'second']} ({most.loc[f, 'd']:+.2f})" for f in mean["feature"]
            ],
        }
    ).head(shift.WORST)
    title = f"Which {shift.WORST} features move most?"
    protocol = shift.PROTOCOL + " Means over pairs of datasets. The CSV has every feature and pair."
    return Section("shift", title, protocol, USES_ALL, shifts, shown)


def _worst_of_pairs(shifts, main):
    part = shifts[shifts["representation"] == (main.name if main else BACKGROUND)]
    rows = []
    for (first, second), pair in part.groupby(["first", "second"], sort=False):
        pair = pair.iloc[pair["d"].abs().argsort(kind="stable")[::-1]].head(shift.WORST)
        worst = ", ".join(f"{feature} ({d:+.1f})" for feature, d in zip(pair["feature"], pair["d"], strict=True))
        rows.append({"first": first, "second": second, "features (d)": worst})
    table = pd.DataFrame(rows)
    title = f"The {shift.WORST} features that move most, by pair"
    return Section("shift_pairs", title, shift.PROTOCOL + " d is second minus first.", USES_ALL, table, table)


def _interval(value, low, high):
    return "-" if np.isnan(value) else f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _notes(run, tables, main):
    notes = []
    if run.plan["synthetic"]:
        notes.append("SYNTHETIC: every image is a drawn phantom")
    if run.plan["groups_unknown"]:
        names = ", ".join(run.plan["groups_unknown"])
        notes.append(f"groups unknown: {names}; images of one patient or smear may lie on both sides of a split there")
    images = tables[0]
    unknown = [name for name in run.suite["datasets"] if np.isnan(images.um_per_px[images.of(name)]).all()]
    if unknown:
        notes.append(f"pixel size unknown: {', '.join(unknown)}; lengths there are in pixels, areas in square pixels")
    if all(rows.name != BACKGROUND for rows in tables):
        notes.append("no background probe: the run holds no features:background (add the model background_only)")
    if main is None:
        notes.append("the loss is not split: the run holds no hand-crafted features of the cell")
    for name in run.suite["datasets"]:
        few = sorted({str(c) for c in images.label[images.of(name)]} - set(images.classes(name)))
        if few:
            notes.append(f"{name}: fewer than {LEAST} images of {', '.join(few)}, which take no part")
    return notes
