"""A report drawn for a talk or a paper: PNG and PDF, the same bytes for the same report."""

from leukobench.report.figures.write import FIGURES, write_figures

__all__ = ["FIGURES", "write_figures"]
