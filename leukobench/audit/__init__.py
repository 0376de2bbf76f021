"""What is wrong with the images and labels of a data root: findings, each with its files."""

from leukobench.audit.checks import CHECKS, audit
from leukobench.audit.finding import SEVERITIES, Finding, findings_table
from leukobench.audit.suspects import find_suspects

__all__ = ["CHECKS", "SEVERITIES", "Finding", "audit", "find_suspects", "findings_table"]
