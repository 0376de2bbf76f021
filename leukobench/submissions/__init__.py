"""Runs of different people in one table: a small sealed file of each, its check, and the leaderboard over all."""

from leukobench.submissions.check import check
from leukobench.submissions.join import as_shown, join
from leukobench.submissions.submission import as_text, read_submission, submission_of

__all__ = ["as_shown", "as_text", "check", "join", "read_submission", "submission_of"]
