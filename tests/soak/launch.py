"""The command line with models that fail in every way; worker processes import this file again and know them too."""

import os
import resource
import time
from pathlib import Path

import numpy as np
from sklearn.dummy import DummyClassifier

from leukobench.cli import main
from leukobench.models import register
from leukobench.models.recipe import Recipe


class Broken(DummyClassifier):
    """A classifier whose fit does something else."""

    def __init__(self, how=None):
        super().__init__()
        self.how = how

    def fit(self, X, y):
        if self.how:
            self.how()
        return super().fit(X, y)


class NotANumber(DummyClassifier):
    def predict_proba(self, X):
        return super().predict_proba(X) * np.nan


def raises():
    print("about to fail")
    raise RuntimeError("this model always fails")


def sleeps():
    time.sleep(3600)


def exits():
    os._exit(3)


def eats_memory():
    limit = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**28, limit[1]))  # a small machine
    try:
        eaten = []
        while True:
            eaten.append(np.ones(2**22))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)


BROKEN = {how.__name__: lambda params, seed, how=how: Broken(how) for how in (raises, sleeps, exits, eats_memory)}
BROKEN["not_a_number"] = lambda params, seed: NotANumber()
for name, build in BROKEN.items():
    register(name, Recipe(name, "classical", "features:core", build))

if __name__ == "__main__":
    main()
