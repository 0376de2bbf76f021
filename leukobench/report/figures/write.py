"""Which figures there are, and how they are written."""

import io
from pathlib import Path

import matplotlib

from leukobench.files import atomic_write
from leukobench.report.figures import calibration, cost, matrix, ranks, sides
from leukobench.report.figures.style import STYLE

FOLDER = "figures"
FIGURES = {
    "matrix": matrix.draw,
    "sides": sides.draw,
    "cost": cost.draw,
    "ranks": ranks.draw,
    "calibration": calibration.draw,
}
# What would differ from one minute or machine to the next stays out of the files.
PLAIN = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def write_figures(report):
    """Draw a report into the folder `figures` of its run folder.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    list of Path
        What was written; a figure that the run has nothing for is left out, and one of an earlier report removed.
    """
    folder, written = Path(report.run.folder) / FOLDER, []
    for name, draw in FIGURES.items():
        with matplotlib.rc_context(STYLE):
            figure = draw(report)
            if figure:  # the places are worked out once for both files
                figure.draw_without_rendering()
                figure.set_layout_engine("none")
            for kind, metadata in PLAIN.items():
                path = folder / f"{name}.{kind}"
                if figure is None:
                    path.unlink(missing_ok=True)
                    continue
                drawn = io.BytesIO()
                figure.savefig(drawn, format=kind, metadata=metadata)
                atomic_write(path, drawn.getvalue())
                written.append(path)
    return written
