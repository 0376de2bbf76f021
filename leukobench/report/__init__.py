"""Tables computed from a run folder and nothing else: the report reads the store and knows no runner."""

from leukobench.report.build import Report, build_report
from leukobench.report.tables import write_report
from leukobench.report.terminal import print_leaderboard

__all__ = ["Report", "build_report", "print_leaderboard", "write_report"]
