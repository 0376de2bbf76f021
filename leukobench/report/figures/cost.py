"""Accuracy against cost, with the front of models that no other beats at their price."""

from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from leukobench.report.cost import costs, pareto_front
from leukobench.report.figures.style import family_colours, new_figure, shortened

PANELS = {"fit_s": "tuning and fit, seconds a run cell", "answer_ms": "from file to answer, milliseconds an image"}


def draw(report):
    """Score over seconds to fit and milliseconds to answer; None where nothing was timed.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    Figure or None
    """
    table = costs(report)
    table = table[table["score"].notna()].reset_index(drop=True)
    panels = [name for name in PANELS if (table[name] > 0).any()]
    if not panels:
        return None
    untimed = ", ".join(shortened(name) for name in table["model"][table["answer_ms"].isna()])
    caption = "Times of one worker on the machine of the run; copies that only training needs count too."
    if untimed and "answer_ms" in panels:
        caption += f" Not timed, since they came out of a cache: {untimed}."
    size = 4.3 * len(panels) + 3.2, max(4.2, 1.4 + 0.19 * len(table))
    figure = new_figure(
        report, f"{report.metric.title[0].upper()}{report.metric.title[1:]} against cost", size, caption
    )
    axes = figure.subplots(1, len(panels) + 1, squeeze=False, width_ratios=[*[1.0] * len(panels), 0.62])[0]
    colours = family_colours(table["family"])
    for axis, name in zip(axes, panels, strict=False):
        _panel(axis, table, name, colours, report.metric.sign)
    axes[0].set_ylabel(f"{report.metric.title}, {report.headline.title}")
    _key(axes[-1], table, colours)
    return figure


def _panel(axis, table, name, colours, sign):
    timed = table[table[name] > 0]
    front = pareto_front(timed[name], sign * timed["score"])
    best = timed[front].sort_values(name)
    axis.step(best[name], best["score"], where="post", color="#999999", linewidth=1.2, zorder=1)
    for (i, row), first in zip(timed.iterrows(), front, strict=True):
        colour = colours[row["family"]]
        axis.plot([row[name]] * 2, [row["ci_low"], row["ci_high"]], color=colour, linewidth=1, alpha=0.5, zorder=2)
        face = colour if first else "white"
        axis.scatter(row[name], row["score"], s=110, facecolor=face, edgecolor=colour, linewidth=1.2, zorder=3)
        ink = "white" if first else "black"
        axis.text(row[name], row["score"], i + 1, ha="center", va="center_baseline", fontsize=6.5, color=ink, zorder=4)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))  # within a decade powers of ten alone would leave no tick
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.08)
    axis.grid(color="#EEEEEE")
    axis.set_axisbelow(True)
    axis.set_xlabel(PANELS[name])


def _key(axis, table, colours):
    """Numbers and names, in place of names among the points, where they would cover one another."""
    axis.set_axis_off()
    height = 1 / (len(table) + 2)
    for i, row in table.iterrows():
        y = 1 - (i + 0.5) * height
        axis.text(0.0, y, i + 1, ha="right", va="center", fontsize=7, transform=axis.transAxes)
        name, colour = shortened(row["model"]) + " (transductive)" * row["transductive"], colours[row["family"]]
        axis.text(0.04, y, name, va="center", fontsize=7, color=colour, transform=axis.transAxes)
    y = 1 - (len(table) + 1) * height
    axis.text(0.0, y, "filled, line: none is cheaper and as good", fontsize=7, va="center", transform=axis.transAxes)
    for family, colour in colours.items():
        axis.scatter([], [], color=colour, label=family)
    axis.legend(loc="lower left", bbox_to_anchor=(-0.1, 1.0), ncols=2, fontsize=7, handletextpad=0.1, columnspacing=0.8)
