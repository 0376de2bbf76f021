"""Models compared by design: family, augmentation and ensemble, each kind of model counted once.

A pool of models answers no question by its mean: five heads on one frozen network are one kind of model and not five,
and a family whose members learn from augmented copies differs from another in two things. So models are put into the
cells of a design; of each kind the member counts that is best within its source, and as that choice is made from
images, too, it is made anew in every replicate of the bootstrap.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.statistics import Interval, Scores
from leukobench.report.columns import count_averaged

FAMILIES = {
    "classical": "hand-crafted features",
    "embedding": "frozen network",
    "fine-tuned": "fine-tuned network",
    "fused": "features and network",
}


@dataclass(frozen=True)
class Field:
    """Scores of the models that take part, by source, with the replicates of one bootstrap.

    Parameters
    ----------
    models : list of str, length m
    sources : list of str, length s
    away : ndarray of float, shape (s, m)
        Sum of a model's scores over the targets of a source.
    drawn : ndarray of float, shape (b, s, m)
        The same in each replicate.
    own, own_drawn : ndarray of float, shapes (s, m) and (b, s, m), or None
        Scores within the source, higher is better; None where the run cannot tell.
    pairs : int
        Number of sources and targets.
    asked : ndarray of bool, shape (k,)
        Scores that count.
    scores : statistics.Scores
        Where they come from.
    """

    models: list
    sources: list
    away: np.ndarray
    drawn: np.ndarray
    own: np.ndarray | None
    own_drawn: np.ndarray | None
    pairs: int
    asked: np.ndarray
    scores: Scores

    def best(self, kinds):
        """Mean over kinds of the members that are best within each source.

        Parameters
        ----------
        kinds : sequence of sequence of str
            Models of each kind.

        Returns
        -------
        Outcome
        """
        point, drawn, shares, choices = 0.0, 0.0, np.zeros(len(self.models)), []
        for members in kinds:
            at = [self.models.index(model) for model in members]
            if self.own is None:
                point, drawn = point + self.away[:, at].mean(axis=1), drawn + self.drawn[:, :, at].mean(axis=2)
                shares[at] += 1 / len(at)
                continue
            first, each = self.own[:, at].argmax(axis=1), self.own_drawn[:, :, at].argmax(axis=2)
            point = point + np.take_along_axis(self.away[:, at], first[:, None], axis=1)[:, 0]
            drawn = drawn + np.take_along_axis(self.drawn[:, :, at], each[:, :, None], axis=2)[:, :, 0]
            shares[at] += np.bincount(each.ravel(), minlength=len(at)) / each.size
            choices.append({source: members[k] for source, k in zip(self.sources, first, strict=True)})
        scale = len(kinds) * self.pairs
        picked = {self.models[k]: float(shares[k]) for k in np.flatnonzero(shares > 0)}
        return Outcome(point.sum() / scale, drawn.sum(axis=1) / scale, self._weights(kinds), picked, choices)

    def interval(self, first, second=None):
        """Interval of an outcome, or of the first less the second, that knows how the choice varies."""
        estimate, drawn, weights = first[:3]
        if second is not None:
            estimate, drawn, weights = estimate - second.estimate, drawn - second.drawn, weights - second.weights
        spread = float(np.sqrt(np.mean((drawn - estimate) ** 2)))
        return self.scores.around(estimate, spread, weights)

    def _weights(self, kinds):
        taken = self.scores.keys.get_level_values("model").isin([model for members in kinds for model in members])
        taken &= self.asked
        return self.scores.weights(taken)


class Outcome(NamedTuple):
    """What a choice of models scores: of all images and in each replicate; which how often, and which of each kind."""

    estimate: float
    drawn: np.ndarray
    weights: np.ndarray
    picked: dict
    choices: list


def make_field(models, cells, scores, own=None, metric=DEFAULT, *, target=None, adjusted=False):
    """Arrange scores by source and model.

    Parameters
    ----------
    models : list of str
        Models with a score on every pair.
    cells : DataFrame
        See `cells.cells_table`; only read where scores are adjusted.
    scores, own : statistics.Scores
        Bootstraps of the protocol that ranks and of within, from the same draws; None where there is none.
    metric : Metric, default balanced accuracy
    target : str, optional
        The one target that counts; all of them by default.
    adjusted : bool, default False
        Whether a score s counts as (s - c) / (1 - c), c what guessing gives among the pair's classes.

    Returns
    -------
    Field
    """
    point, drawn = scores.point, scores.replicates
    if adjusted:
        rows = cells[cells["status"] == "ok"].drop_duplicates(["train", "test", "model", "protocol"])
        counts = count_averaged(rows).groupby([rows["train"], rows["test"], rows["model"]]).max()
        chance = np.array([metric.chance(counts[key]) for key in scores.keys])
        point, drawn = (point - chance) / (1 - chance), (drawn - chance) / (1 - chance)
        scores = replace(scores, bounds=(-np.inf, np.inf))  # Below chance it is negative.
    asked = np.array([target in (None, test) for test in scores.keys.get_level_values("test")])
    trains, names = (np.asarray(scores.keys.get_level_values(name)) for name in ("train", "model"))
    sources = sorted(set(trains[asked]))
    of_model = [np.flatnonzero(asked & (names == model)) for model in models]
    places = [[rows[trains[rows] == source] for rows in of_model] for source in sources]
    away = np.array([[point[place].sum() for place in row] for row in places])
    sums = np.array([[drawn[:, place].sum(axis=1) for place in row] for row in places])
    pairs = len(of_model[0])
    within = _within(models, sources, own, metric)
    return Field(models, sources, away, np.moveaxis(sums, 2, 0), *within, pairs, asked, scores)


def _within(models, sources, own, metric):
    """Scores within each source, from high to low; None where one of them is not known."""
    if own is None:
        return None, None
    place = {(train, model): k for k, (train, _, model) in enumerate(own.keys)}
    if not all((source, model) in place for source in sources for model in models):
        return None, None
    at = np.array([[place[source, model] for model in models] for source in sources])
    # Equal scores must not be told apart by their rounding: of those the first model is chosen.
    return (metric.sign * own.point[at]).round(12), (metric.sign * own.replicates[:, at]).round(12)


def kinds_of(models, designs):
    """Models by what they count as; each by itself where that is not known."""
    kinds = defaultdict(list)
    for name in models:
        kinds[designs[name].counts_as if name in designs else name].append(name)
    return [kinds[name] for name in sorted(kinds)]


def compare_designs(models, designs, cells, scores, own=None, metric=DEFAULT):
    """Score every cell of the design, and the pairs of cells that differ in one factor.

    Parameters
    ----------
    models : list of str
        Complete, inductive models that no weights contaminate.
    designs : dict of str to Design
        See `reader.Run.designs`.
    cells, scores, own, metric
        As in `make_field`.

    Returns
    -------
    dict
        `cells`, a list with one dict per cell of the design: family, augmented, ensemble, kinds (lists of models),
        `typical` (Interval: mean over kinds, of each the member that is best within the source), `adjusted` (the same,
        adjusted for chance; None where the metric has none), `chosen` (Interval: the one model that is best within the
        source), `picked` (model to its share of the choices over replicates and sources); and `contrasts`, with
        question, first, second, `typical` and `chosen` (Intervals of the first less the second).
    """
    models = [model for model in models if model in designs]
    if not models:
        return {"cells": [], "contrasts": []}
    field = make_field(models, cells, scores, own, metric)
    adjusted = make_field(models, cells, scores, own, metric, adjusted=True) if metric.chance else None
    places = {}
    for model in models:
        places.setdefault(designs[model].cell, []).append(model)
    rows, outcomes = [], {}
    for place in sorted(places, key=_order):
        kinds = kinds_of(places[place], designs)
        typical, chosen = field.best(kinds), field.best([places[place]])
        outcomes[place] = typical, chosen
        row = dict(zip(("family", "augmented", "ensemble"), place, strict=True)) | {"kinds": kinds}
        row |= {"typical": field.interval(typical), "chosen": field.interval(chosen), "picked": chosen.picked}
        rows.append(row | {"adjusted": adjusted.interval(adjusted.best(kinds)) if adjusted else None})
    contrasts = [
        {"question": question, "first": label(first), "second": label(second)}
        | {
            name: field.interval(ours, theirs)
            for name, ours, theirs in zip(("typical", "chosen"), outcomes[first], outcomes[second], strict=True)
        }
        for second, first in combinations(sorted(places, key=_order), 2)
        if (question := _question(first, second))
    ]
    return {"cells": rows, "contrasts": contrasts}


def label(place):
    """A cell of the design in words.

    Parameters
    ----------
    place : (family, augmented, ensemble)

    Returns
    -------
    str

    Examples
    --------
    >>> label(("embedding", False, False))
    'frozen network, plain, single'
    """
    family, augmented, ensemble = place
    return f"{FAMILIES.get(family, family)}, {_copies(augmented)}, {_members(ensemble)}"


def _question(first, second):
    """What the comparison of two cells answers; nothing where they differ in more than one factor."""
    if sum(a != b for a, b in zip(first, second, strict=True)) != 1:
        return ""
    family, augmented, ensemble = first
    if family != second[0]:
        names = [FAMILIES.get(each, each) for each in (family, second[0])]
        return f"{names[0]} or {names[1]}, both {_copies(augmented)} and {_members(ensemble)}?"
    what = "augmentation" if augmented != second[1] else "an ensemble"
    kept = _members(ensemble) if augmented != second[1] else _copies(augmented)
    return f"what does {what} give: {FAMILIES.get(family, family)}, {kept}?"


def _copies(augmented):
    return "augmented" if augmented else "plain"


def _members(ensemble):
    return "ensemble" if ensemble else "single"


def _order(place):
    names = list(FAMILIES)
    return (names.index(place[0]) if place[0] in names else len(names), *place)


def plain_interval(interval: Interval) -> str:
    """An interval as text, to three digits."""
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def signed_interval(interval: Interval) -> str:
    """An interval of a difference as text, to three digits."""
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
