"""Why a model loses between two laboratories: what tells the datasets apart, which features shift, what would help.

Part of it looks at the targets' images and labels, to explain the loss after the fact. None of it enters the
leaderboard.
"""

from leukobench.diagnosis.diagnosis import Diagnosis, Section, diagnose
from leukobench.diagnosis.files import write_diagnosis

__all__ = ["Diagnosis", "Section", "diagnose", "write_diagnosis"]
