"""What is measured and how sure it is: metrics of a model's answers, and the bootstrap over test images.

A metric is one object (`Metric`); `register` gives one from outside a place in every table and in `--rank-by`.
"""

from leukobench.metrics.answers import Answers
from leukobench.metrics.catalogue import METRICS, get_metric, known_metrics, register
from leukobench.metrics.metric import Metric, Sums
from leukobench.metrics.scoring import score

__all__ = ["METRICS", "Answers", "Metric", "Sums", "get_metric", "known_metrics", "register", "score"]
