"""What a registered model is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

FAMILIES = ("control", "classical", "embedding", "fine-tuned", "fused")
COSTS = ("light", "medium", "heavy", "network")


@dataclass(frozen=True)
class Recipe:
    """A named model: what it reads, how it is built, and what may be tuned.

    Parameters
    ----------
    name : str
        Name in the registry, the suites and the tables.
    family : {"control", "classical", "embedding", "fine-tuned", "fused"}
        The side the model stands on in the leaderboard; a fused model stands on none.
    representation : str
        The table it is trained on, such as "features:core" or "embedding:mobilenet_v2".
    build : callable
        `build(params, seed)` gives an unfitted scikit-learn classifier with `predict_proba`. It reads a float table
        of shape (n, p), which may hold NaN, and labels 0..k-1; `params` holds a value for every name in `space`. Where
        its `fit` takes `laboratories` or `genuine` it is told the dataset of each row, and which rows are no copies.
    space : mapping of str to optuna.distributions.BaseDistribution
        The search space; empty where there is nothing to tune.
    defaults : mapping of str to value
        A good first trial: one value for every name in `space`.
    version : str, default "1"
        Raised whenever the same data and parameters would give other predictions, so that cached records go stale.
    transductive : bool, default False
        Whether it uses unlabelled target images; such models are ranked apart.
    contamination : tuple of str, default ()
        Datasets that its pretrained weights have seen: scores on them are marked and left out of every mean.
    cost : {"light", "medium", "heavy", "network"}, default "light"
        Seconds of one fit on 2,000 x 216 (1,280 for embeddings) on one thread: under .5, under 2, or more; a network
        takes minutes, and as many epochs as the budget says.
    description, source : str
        What it is, and the publication it follows.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> Recipe("most_frequent", "control", "features:core", lambda params, seed: DummyClassifier()).cost
    'light'
    """

    name: str
    family: str
    representation: str
    build: Callable[[Mapping[str, Any], int], Any]
    space: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    version: str = "1"
    transductive: bool = False
    contamination: tuple[str, ...] = ()
    cost: str = "light"
    description: str = ""
    source: str = ""

    def with_epochs(self, epochs):
        """The recipe with the epochs of a budget; the recipe itself where it has none or the budget is None."""
        if epochs is None or "epochs" not in self.defaults:
            return self
        return replace(self, defaults={**self.defaults, "epochs": epochs})
