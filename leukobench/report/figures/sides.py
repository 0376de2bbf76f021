"""Classical against deep, target by target, with paired intervals."""

import numpy as np

from leukobench.report.ceiling import ceiling_of
from leukobench.report.figures.style import ABOVE, PEOPLE, SIDE_TITLES, SIDES, new_figure, shortened

WAYS = {
    "chosen": "Of each side the model that is best within the source",
    "mean": "Mean over the kinds of model of a side ({})",
}


def draw(report):
    """Scores per target and side, and the difference; None where one of the sides has no model.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    Figure or None
    """
    table = report.by_target
    table = table[(table[[*report.ranking]] == [*report.ranking.values()]).all(axis=1)]
    ways = [way for way in WAYS if (table["way"] == way).any()]
    if not ways or not (table["side"] == "difference").any():
        return None
    targets = [name for name in report.run.suite["datasets"] if (table["test"] == name).any()]
    size = 9, 1.5 + len(ways) * (0.42 * len(targets) + 0.8)
    caption = (
        "Bars: 95 % paired bootstrap over test images; they say nothing about other laboratories. Mean over sources."
    )
    figure = new_figure(report, "Classical against deep", size, caption)
    axes = figure.subplots(len(ways), 2, squeeze=False, sharey=True, width_ratios=[3, 2], sharex="col")
    for row, way in zip(axes, ways, strict=True):
        of = table[table["way"] == way]
        counts = of.groupby("side")["models"].max()
        row[0].set_title(
            WAYS[way].format(", ".join(f"{counts[s]} {SIDE_TITLES[s]}" for s in SIDE_TITLES if s in counts))
        )
        row[1].set_title("deep minus classical")
        for axis in row:
            axis.grid(axis="x", color="#EEEEEE")
            axis.set_axisbelow(True)
        for i, (side, title) in enumerate(SIDE_TITLES.items()):
            _points(row[0], of[of["side"] == side], targets, SIDES[side], 0.22 * (i - 1), title)
        _points(row[1], of[of["side"] == "difference"], targets, SIDES["difference"], 0)
        row[1].axvline(0, color="#999999", linewidth=0.8)
        for place, name in enumerate(targets):
            if not np.isnan(agreed := ceiling_of(report, name)):
                row[0].plot([agreed] * 2, [place - 0.4, place + 0.4], color=PEOPLE, linestyle=":", label="people")
        row[0].set_yticks(range(len(targets)), [shortened(name, 18) for name in targets])
    axes[0, 0].invert_yaxis()
    axes[-1, 1].locator_params(axis="x", nbins=5)
    axes[-1, 0].set_xlabel(f"{report.metric.title}, {report.headline.title}")
    handles = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), **ABOVE, ncols=len(handles))
    return figure


def _points(axis, table, targets, colour, shift, label=None):
    if table.empty:
        return
    rows = table.set_index("test").reindex(targets)
    ends = np.abs(rows[["ci_low", "ci_high"]].to_numpy().T - rows["score"].to_numpy())
    places = np.arange(len(targets)) + shift
    axis.errorbar(rows["score"], places, xerr=ends, fmt="o", markersize=4.5, color=colour, capsize=2, label=label)
