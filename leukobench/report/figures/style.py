"""How all figures look: calm, in colours that the colour-blind tell apart, with the protocol below."""

import textwrap

from matplotlib.figure import Figure

from leukobench.text import visible

# Of Okabe and Ito; the families of the package first, others take what follows.
OKABE_ITO = ("#0072B2", "#D55E00", "#CC79A7", "#009E73", "#7F7F7F", "#56B4E9", "#E69F00", "#000000")
FAMILIES = ("classical", "embedding", "fine-tuned", "fused", "control")
SIDES = {"classical": "#0072B2", "deep": "#D55E00", "both": "#009E73", "difference": "#333333"}
SIDE_TITLES = {"classical": "classical", "deep": "deep", "both": "fused"}
PEOPLE = "#000000"
PALE = "#DDDDDD"

ABOVE = {
    "loc": "upper right",
    "bbox_to_anchor": (1, 1),
    "borderaxespad": 0.3,
    "fontsize": 8,
}  # a legend beside the title

STYLE = {
    "text.parse_math": False,  # names may hold dollar signs
    "font.size": 9,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that text is as wide everywhere
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "svg.hashsalt": "leukobench",
    "pdf.fonttype": 42,  # text stays text
}


def family_colours(families):
    """A colour for each family.

    Parameters
    ----------
    families : iterable of str

    Returns
    -------
    dict of str to str
        In the order of the legend.
    """
    order = [*FAMILIES, *sorted({*families} - {*FAMILIES})]
    return {name: OKABE_ITO[i % len(OKABE_ITO)] for i, name in enumerate(order) if name in {*families}}


def new_figure(report, title, size, caption=""):
    """An empty figure with its title above, and below it what its numbers are of.

    Parameters
    ----------
    report : build.Report
    title : str
    size : (float, float)
        Width and height in inches.
    caption : str, default ""
        What must be said of this figure.

    Returns
    -------
    Figure
    """
    figure = Figure(size, layout="constrained")
    kind, colour = ("SYNTHETIC (phantom) images: ", "#B00020") if report.synthetic else ("", "black")
    figure.suptitle(kind + title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=colour)
    # 7 points are about .06 inches a letter.
    lines = textwrap.wrap(visible(f"{caption} Protocol: {report.protocol_line}."), int(size[0] / 0.056))
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7, color="#555555")
    return figure


def best_of_sides(report):
    """The best ranked model of each side of a report, a dict in the order classical, deep, both."""
    ranked = report.board[report.board["rank"].notna() & (report.board["section"] == "inductive")]["model"]
    best = {}
    for model in ranked:
        best.setdefault(report.run.sides.get(model), model)
    return {side: best[side] for side in SIDE_TITLES if side in best}


def shortened(name, limit=34):
    """A name that fits, its middle left out where it is too long."""
    name = visible(name)
    return name if len(name) <= limit else f"{name[: limit // 2]}…{name[1 - limit // 2 :]}"
