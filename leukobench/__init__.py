"""leukobench: how well do white-blood-cell classifiers carry over from one laboratory to the next?"""

__version__ = "0.1.0"
