"""Whether probabilities can be believed: reliability abroad and at home, and what leaving images open gains."""

import numpy as np

from leukobench.report.calibration import ABSTAINING, COVERAGES, JUDGED
from leukobench.report.columns import IDENTITY
from leukobench.report.figures.style import SIDE_TITLES, SIDES, best_of_sides, new_figure, shortened

FEWEST = 10  # images of a bin that is drawn
TITLES = {"within": "Within the dataset", "pairwise": "Out of domain"}


def draw(report):
    """Reliability and abstention of the best model of each side; None without within and pairwise cells.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    Figure or None
    """
    best = best_of_sides(report)
    protocols = [name for name in JUDGED if (report.reliability["protocol"] == name).any()]
    if not best or not protocols:
        return None
    caption = (
        "The best ranked model of each side. Reliability: 15 bins of the highest probability, all images of all "
        "targets together; an area is the share of the images, bins of fewer than 10 are left out. Abstention: "
        "balanced accuracy over the images of lowest entropy, mean over the train x test pairs in which that is "
        "defined at every coverage for all of these models."
    )
    figure = new_figure(report, "Calibration and abstention", (4.0 * (len(protocols) + 1), 4.6), caption)
    axes = figure.subplots(1, len(protocols) + 1, squeeze=False)[0]
    clean = report.cells.loc[~report.cells["contaminated"], IDENTITY]
    reliability = report.reliability.merge(clean, on=IDENTITY)
    for axis, protocol in zip(axes, protocols, strict=False):
        axis.set_title(TITLES[protocol])
        axis.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1)
        for side, model in best.items():
            _reliability(axis, reliability, protocol, model, SIDES[side])
        axis.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability of the answer", ylabel="share that is right")
        axis.set_aspect("equal")
    protocol = protocols[-1]
    curves = _abstention(report, protocol, list(best.values()))
    axes[-1].set_title(f"Images left open, {TITLES[protocol].lower()}")
    for side, model in best.items():
        label = f"{SIDE_TITLES[side]}: {shortened(model, 30)}"
        axes[-1].plot(COVERAGES, curves.loc[model], marker="o", markersize=4, color=SIDES[side], label=label)
    axes[-1].set(xlabel="share of the images that is answered", ylabel="balanced accuracy", ylim=(0, 1.02))
    axes[-1].set_xticks(COVERAGES)
    axes[-1].grid(color="#EEEEEE")
    axes[-1].invert_xaxis()
    axes[-1].legend(loc="lower left", fontsize=7.5)
    return figure


def _abstention(report, protocol, models):
    """Mean balanced accuracy at each coverage, a row per model: over the rows that are whole for all of them."""
    table = report.calibration
    own = table[(table["protocol"] == protocol) & table["model"].isin(models) & ~table["contaminated"]]
    pairs = own.set_index(["train", "test", "seed", "model"])[ABSTAINING].unstack("model").dropna()
    return pairs.mean().unstack("model").loc[ABSTAINING].T.reindex(models)


def _reliability(axis, table, protocol, model, colour):
    own = table[(table["protocol"] == protocol) & (table["model"] == model)]
    if own.empty:
        return
    weighted = own.assign(confidence=own["confidence"] * own["n"], hits=own["accuracy"] * own["n"])
    bins = weighted.groupby("bin_high")[["n", "confidence", "hits"]].sum()
    bins = bins[bins["n"] >= FEWEST]
    confidence, accuracy = bins["confidence"] / bins["n"], bins["hits"] / bins["n"]
    axis.plot(confidence, accuracy, color=colour, linewidth=1.2)
    area = 160 * np.sqrt(bins["n"] / bins["n"].sum()) ** 2
    axis.scatter(confidence, accuracy, s=area + 4, color=colour, alpha=0.75, linewidth=0)
