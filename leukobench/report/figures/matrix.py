"""Train x test of the best model of each side, and what lies between classical and deep."""

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from leukobench.report.ceiling import ceiling_of
from leukobench.report.figures.style import SIDE_TITLES, SIDES, best_of_sides, new_figure, shortened

SIGNED = LinearSegmentedColormap.from_list("signed", [SIDES["classical"], "#F7F5F2", SIDES["deep"]])


def draw(report):
    """Matrices side by side; None where no model is ranked.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    Figure or None
    """
    best = best_of_sides(report)
    if not best:
        return None
    titles = {model: f"best {SIDE_TITLES[side]}: {shortened(model, 30)}" for side, model in best.items()}
    tables = {title: _with_people(report, model) for model, title in titles.items()}
    # The panels share their rows: a model that was not run on the merged set has none of its own.
    rows = max((table.index for table in tables.values()), key=len)
    tables = {title: table.reindex(rows) for title, table in tables.items()}
    both = {"classical", "deep"} <= best.keys()
    n_rows, n_columns = next(iter(tables.values())).shape
    panels = len(tables) + both
    size = panels * (0.62 * n_columns + 0.5) + 1.6, 0.42 * n_rows + 2.6
    title = f"{report.metric.title[0].upper()}{report.metric.title[1:]}: trained on (rows), tested on (columns)"
    figure = new_figure(report, title, size, _caption(report))
    axes = np.atleast_1d(figure.subplots(1, panels, sharey=True))
    bounds = (0, 1) if report.metric.bounded else _bounds(tables.values())
    for axis, (name, table) in zip(axes, tables.items(), strict=False):
        image = _show(axis, table, name, "cividis" if report.metric.higher_is_better else "cividis_r", bounds)
    figure.colorbar(image, ax=axes[: len(tables)].tolist(), shrink=0.8, pad=0.01)
    if both:
        classical, deep = (report.matrices[best[side]] for side in ("classical", "deep"))
        table = (deep - classical).reindex(next(iter(tables.values())).index)
        reach = np.nanmax(np.abs(table.to_numpy()), initial=0.01)
        image = _show(axes[-1], table, "deep minus classical", SIGNED, (-reach, reach), signed=True)
        figure.colorbar(image, ax=axes[-1], shrink=0.8, pad=0.01)
    return figure


def _with_people(report, model):
    """A matrix with, as its last row, how far people agree on the datasets that were labelled more than once."""
    table = report.matrices[model]
    people = {name: ceiling_of(report, name) for name in table.columns}
    return table if all(map(np.isnan, people.values())) else pd.concat([table, pd.DataFrame(people, index=["people"])])


def _show(axis, table, title, colours, bounds, signed=False):
    values = table.to_numpy(float)
    axis.set_facecolor("#EEEEEE")
    image = axis.imshow(values, cmap=colours, vmin=bounds[0], vmax=bounds[1], aspect="auto")
    axis.set_title(title, fontsize=9)
    axis.set_xticks(range(values.shape[1]), [shortened(name, 14) for name in table.columns], rotation=30, ha="right")
    axis.set_yticks(range(len(table)), [shortened(str(name), 18) for name in table.index])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    for row, column in np.argwhere(~np.isnan(values)):
        red, green, blue, _ = image.cmap(image.norm(values[row, column]))
        dark = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.179
        text = f"{values[row, column].round(2) + 0.0:{'+' if signed else ''}.2f}"  # no -0.00
        within = table.index[row] == table.columns[column]
        weight = "bold" if within else "normal"
        axis.text(column, row, text, ha="center", va="center", color="w" if dark else "k", fontsize=8, weight=weight)
    return image


def _bounds(tables):
    values = np.concatenate([table.to_numpy(float).ravel() for table in tables])
    return np.nanmin(values), np.nanmax(values)


def _caption(report):
    people = "People: the second annotator against the dataset's own labels. " if len(report.ceiling) else ""
    return (
        "Bold: within the dataset, out of fold. The best of each side is that of the leaderboard, so the targets chose "
        f"it. {people}Grey: not there or undefined."
    )
