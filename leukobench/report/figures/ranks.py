"""The critical-difference diagram of the ranked models, with what it cannot say."""

from itertools import chain

import numpy as np
import pandas as pd
import scikit_posthocs

from leukobench.report.figures.style import ABOVE, family_colours, new_figure, shortened


def draw(report):
    """Average ranks, with bars over models that Nemenyi's test does not tell apart; None without ranks.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    Figure or None
    """
    if not report.ranks:
        return None
    ranks = pd.Series(report.ranks["average_ranks"]).sort_values(kind="stable")
    distance = report.ranks["critical_difference"]
    names = _unique(ranks.index)
    apart = np.abs(ranks.to_numpy()[:, None] - ranks.to_numpy()) > distance
    families = report.board.set_index("model")["family"]
    colours = family_colours(families[ranks.index])
    size = 10, 1.9 + 0.125 * len(ranks)
    laboratories = len(report.run.suite["datasets"])
    caption = (
        f"Ranks over {report.ranks['n']} train x test combinations, 1 is best; bars join models that Nemenyi's test at "
        f".05 does not tell apart (critical difference {distance:.2f}; Friedman's p = {report.ranks['p']:.2g}). "
        f"Combinations that share a laboratory are not independent, so the bars are too short: over {laboratories} "
        f"laboratories no two-sided sign test goes below p = {2 * 0.5**laboratories:.4g}."
    )
    figure = new_figure(report, "Average ranks out of domain" if _abroad(report) else "Average ranks", size, caption)
    axis = figure.subplots()
    drawn = scikit_posthocs.critical_difference_diagram(
        pd.Series(ranks.to_numpy(), index=names),
        pd.DataFrame(np.where(apart, 0.0, 1.0), index=names, columns=names),
        ax=axis,
        label_fmt_left="{label}  {rank:.1f} ",
        label_fmt_right=" {rank:.1f}  {label}",
        label_props={"fontsize": 8},
        color_palette={name: colours[families[model]] for name, model in zip(names, ranks.index, strict=True)},
        crossbar_props={"color": "#555555", "linewidth": 2.2, "marker": ""},
        elbow_props={"linewidth": 1},
        text_h_margin=0.02,
    )
    for bar in chain.from_iterable(drawn["crossbars"]):
        # its points come in the order of a set, which is another in each process
        bar.set_xdata(np.sort(bar.get_xdata()))
    handles = [axis.scatter([], [], color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=handles, **ABOVE, ncols=len(handles))
    return figure


def _abroad(report):
    return report.headline.name == "pairwise"


def _unique(models):
    """Short names, all different."""
    names = []
    for model in models:
        name = shortened(model)
        names.append(f"{name} ({len(names) + 1})" if name in names else name)
    return names
