"""Whether to trust an answer: what is measured of each cell against limits that the model's own source has set.

Every check gives a number per cell, the larger the stranger. Its limit is a quantile of that number over the cells of
the source, at one level for all checks: that at which no more than `ALLOWED` of the source's held-out cells, nor of
their copies as other laboratories might have taken them, lie beyond any of them. No target has a say.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.spatial.distance import cdist
from scipy.special import log_softmax
from sklearn.covariance import LedoitWolf

from leukobench.features.looks import FACTS, MEASURES
from leukobench.models.likelihood import likeliest
from leukobench.models.soundness import MOST_COLUMNS

ALLOWED = 0.03  # of the source's own held-out cells that are `unsure`
LEAST_ACROSS = 16  # px of a cell's diameter below which nobody can tell what it is
NEIGHBOURS = 5  # reference cells whose mean distance counts
MOST_REFERENCES = 1_000  # images that are kept to compare with, beside their copies
TEMPERATURES = (0.1, 10.0)
FLOOR = 1e-12  # of a probability before its logarithm
FARTHEST = 20.0  # standard deviations that one measure may count
LEAST_SPAN = np.log(
    1.6
)  # a cell so much larger, smaller, smoother or paler than the middle passes, however rare it was
USUAL = 0.01  # share of the source at either end that is not its usual range
AT_ONCE = 500  # cells that are compared at a time
COLUMNS = [*FACTS, *MEASURES]
PLACED = [name for name in MEASURES if name != "size"]  # a place among the references; the size has a check of its own

CHECKS = {
    "outline": lambda looks, distance, doubt, usual: 1 - looks["quality"],
    "distance": lambda looks, distance, doubt, usual: distance,
    "pale": lambda looks, distance, doubt, usual: -looks["depth"],
    "blur": lambda looks, distance, doubt, usual: -looks["sharpness"],
    "size": lambda looks, distance, doubt, usual: (looks["size"] - np.mean(np.log(usual["diameter_um"]))).abs(),
    "doubt": lambda looks, distance, doubt, usual: doubt,
}
"""Check to a function of looks, distance from the references, doubt (one minus the highest probability), and usual
ranges, which gives how strange each cell is; NaN where nothing can be said."""

WORDS = {
    "outline": "its outline is uncertain",
    "distance": "it looks unlike the cells that the model was trained on",
    "pale": "no part of it is as dark as a nucleus",
    "blur": "it is blurred",
    "size": "it is {diameter_um:.1f} um across, unlike the cells that the model was trained on",
    "doubt": "it may be {likeliest} or {second}",
}
NO_CELL, TOO_SMALL = "no cell is found in the picture", "the cell is {diameter:.0f} px across, too few to tell"

Number = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, Field(max_length=5_000)]
Row = Annotated[tuple[Number, ...], Field(min_length=len(PLACED), max_length=len(PLACED))]
Numbers = Annotated[tuple[Number, ...], Field(max_length=MOST_COLUMNS)]
Rows = Annotated[tuple[Row, ...], Field(min_length=2, max_length=10 * MOST_REFERENCES)]


class Reference(BaseModel):
    """A cell that the model was trained on, by name: sha256, path below the data root, class."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    path: Word
    label: Word


class Trust(BaseModel):
    """What a model's source says of the model's answers; nothing in it is a picture.

    Parameters
    ----------
    temperature : float
        That makes probabilities out of what the model says, from predictions of held-out cells of the source.
    limits : dict of str to float
        Check to the largest number that is not strange; a check without a limit is not made.
    usual : dict of str to pair of float
        Range of `brightness` (grey value, 0 to 1) and of `diameter_um` among the cells of the source.
    middle, spread : tuple of float
        Of each measure in `PLACED`: what is taken off, and what it is divided by.
    turn : tuple of tuple of float
        Matrix behind which measures that vary together count once.
    references : tuple of Reference
        Cells of the source.
    places : tuple of tuple of float
        Where they and their copies lie.
    of : tuple of int
        Position in `references` of each place.
    typical : pair of tuple of float
        Mean and standard deviation, in the source, of what the model reads, where its columns are features.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    temperature: Annotated[float, Field(ge=TEMPERATURES[0], le=TEMPERATURES[1])]
    limits: dict[str, Number]
    usual: dict[str, tuple[Number, Number]]
    middle: Row
    spread: Row
    turn: Annotated[tuple[Row, ...], Field(min_length=len(PLACED), max_length=len(PLACED))]
    references: Annotated[tuple[Reference, ...], Field(min_length=2, max_length=MOST_REFERENCES)]
    places: Rows
    of: tuple[Annotated[int, Field(ge=0)], ...]
    typical: tuple[Numbers, Numbers] = ((), ())

    @model_validator(mode="after")
    def _consistent(self):
        if len(self.of) != len(self.places) or max(self.of) >= len(self.references):
            raise ValueError("places of no reference")
        if strange := {*self.limits} - {*CHECKS}:
            raise ValueError(f"no check {', '.join(sorted(strange))}")
        if {*self.usual} != {"brightness", "diameter_um"} or min(self.spread) <= 0:
            raise ValueError("no usual ranges, or a measure that varies by nothing")
        if len(self.typical[0]) != len(self.typical[1]) or min(self.typical[1], default=1) <= 0:
            raise ValueError("features that vary by nothing")
        if min(self.usual["diameter_um"]) <= 0:
            raise ValueError("cells of no size")
        return self

    def calibrate(self, probabilities):
        """Probabilities at the temperature of the source, shape (n, k)."""
        return np.exp(_cooled(probabilities, self.temperature))

    def nearest(self, looks):
        """Mean distance of cells to their nearest references, and which these are.

        Parameters
        ----------
        looks : DataFrame, n rows
            With `MEASURES`.

        Returns
        -------
        distance : ndarray of float, shape (n,)
            NaN where no cell was found.
        references : list of list of Reference
            The nearest ones of each cell, at most `NEIGHBOURS`.
        """
        at, of = np.array(self.places), np.array(self.of)
        distance, found = np.full(len(looks), np.nan), [[] for _ in range(len(looks))]
        placed = _placed(looks, self.middle, self.spread, self.turn)
        looked_at = min(20 * NEIGHBOURS, len(at)) - 1
        for i in np.flatnonzero(np.isfinite(placed).all(axis=1)):
            away = cdist(placed[i : i + 1], at)[0]
            close = np.flatnonzero(away <= np.partition(away, looked_at)[looked_at])
            near = close[np.argsort(away[close], kind="stable")]
            distance[i] = away[near[:NEIGHBOURS]].mean()
            found[i] = [self.references[k] for k in dict.fromkeys(of[near[: 20 * NEIGHBOURS]].tolist())][:NEIGHBOURS]
        return distance, found

    def judge(self, looks, distance, probabilities, head):
        """Say of each cell why its answer is not to be trusted.

        Parameters
        ----------
        looks : DataFrame, n rows
            With `FACTS` and `MEASURES`.
        distance : ndarray of float, shape (n,)
            Of `nearest`.
        probabilities : ndarray of float, shape (n, k)
            Calibrated.
        head : sequence of str, length k

        Returns
        -------
        list of str
            Empty where it is to be trusted.
        """
        doubt = 1 - probabilities.max(axis=1)
        scores = {name: np.asarray(CHECKS[name](looks, distance, doubt, self.usual)) for name in self.limits}
        beyond = {name: scores[name] > limit for name, limit in self.limits.items()}
        two = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
        said = []
        for i, (quality, diameter, size) in enumerate(looks[["quality", "diameter", "size"]].to_numpy()):
            facts = {"diameter": diameter, "diameter_um": np.exp(size)}
            facts |= {"likeliest": head[two[i, 0]], "second": head[two[i, 1]]}
            hard = [NO_CELL] if quality == 0 else [TOO_SMALL] if diameter < LEAST_ACROSS else []
            why = hard or [WORDS[name] for name in CHECKS if name in beyond and beyond[name][i]]
            said.append("; ".join(why).format(**facts))
        return said


def fit_trust(looks, samples, groups, held_out, seed=0, features=None):
    """Learn from a source what is usual there.

    Parameters
    ----------
    looks : ndarray of float, shape (n, 1 + copies, len(COLUMNS))
        Of `leukobench.features.looks.looks_of_copies`, of the images that the model was trained on.
    samples : DataFrame, n rows
        With sha256, path, dataset and class.
    groups : ndarray of int, shape (n,)
        Slide or patient: a cell is not compared with others of its own.
    held_out : tuple of (rows, probabilities, true)
        Which of the images were predicted by a model that had not seen them, what it said, and the column of the true
        class of each; empty where nothing could be held out.
    seed : int, default 0
        Of the draw of references.
    features : ndarray of float, shape (n, p), or None, default None
        Of the images themselves, where the model reads features.

    Returns
    -------
    Trust
    """
    n, each, _ = looks.shape
    table = pd.DataFrame(looks.reshape(n * each, -1), columns=COLUMNS)
    image, original = np.repeat(np.arange(n), each), np.arange(n * each) % each == 0
    rows, probabilities, true = held_out
    temperature = _temperature(probabilities, true) if len(rows) else 1.0
    usual = {
        "brightness": _range(table["brightness"][original]),
        "diameter_um": tuple(np.exp(_range(table["size"][original & (table["quality"] > 0)]))),
    }
    found = np.isfinite(table[PLACED].to_numpy()).all(axis=1)
    middle, spread, turn = _space(table[PLACED].to_numpy()[found])
    placed = _placed(table, middle, spread, turn)
    chosen = _draw(samples, seed)
    kept = np.flatnonzero(found & np.isin(image, chosen))
    distance = np.full(len(table), np.nan)
    for start in range(0, len(table), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        away = cdist(placed[some], placed[kept])
        away[groups[image[some], None] == groups[image[kept]]] = np.inf
        near = np.partition(away, min(NEIGHBOURS, len(kept)) - 1, axis=1)[:, :NEIGHBOURS].mean(axis=1)
        distance[some] = np.where(np.isfinite(near), near, np.nan)
    doubt = np.full(len(table), np.nan)
    if len(rows):
        doubt[rows * each] = 1 - np.exp(_cooled(probabilities, temperature)).max(axis=1)
    scores = {name: np.asarray(of(table, distance, doubt, usual)) for name, of in CHECKS.items()}
    return Trust(
        temperature=temperature,
        limits=_limits(scores, original, samples),
        usual=usual,
        middle=tuple(middle.tolist()),
        spread=tuple(spread.tolist()),
        turn=tuple(map(tuple, turn.tolist())),
        references=tuple(
            Reference(sha256=row.sha256, path=row.path, label=row.label)
            for row in samples.iloc[chosen].rename(columns={"class": "label"}).itertuples()
        ),
        places=tuple(map(tuple, placed[kept].round(3).tolist())),
        of=tuple(np.searchsorted(chosen, image[kept]).tolist()),
        typical=((), ()) if features is None else _typical(features),
    )


def _limits(scores, original, samples):
    """Quantiles of all checks at the level where few of the originals, and few of the copies, lie beyond any."""
    scores = pd.DataFrame(scores)
    worst = scores.rank(pct=True, method="max").max(axis=1)
    level = max(worst[part].quantile(1 - ALLOWED) for part in (original, ~original) if worst[part].notna().any())
    limits = {name: float(values.quantile(level)) for name, values in scores.items() if values.notna().any()}
    # Sizes count from the middle already. How smooth cells are depends on their class, and how pale on the laboratory's
    # stain, too; of a class a slide may have few.
    own = scores[original].set_axis(pd.MultiIndex.from_frame(samples[["class", "dataset"]]))
    smoothest = own["blur"].groupby("class").median().max()
    palest = own["pale"].groupby(["class", "dataset"]).median().max()
    least = {"size": LEAST_SPAN, "blur": smoothest + LEAST_SPAN, "pale": palest + LEAST_SPAN}
    return {name: max(limit, least.get(name, limit)) for name, limit in limits.items()}


def _typical(features):
    """Mean and spread of columns; 0 and 1 of one that nobody knows or that never varies."""
    table = pd.DataFrame(features)
    spread = table.std(ddof=0).fillna(0.0)
    return tuple(table.mean().fillna(0.0)), tuple(spread.where(spread > 0, 1.0))


def _temperature(probabilities, true):
    factor = likeliest(lambda log_factor: _cooled(probabilities, np.exp(log_factor)), true, TEMPERATURES)
    return float(np.clip(factor, *TEMPERATURES))


def _cooled(probabilities, temperature):
    return log_softmax(np.log(np.maximum(probabilities, FLOOR)) / temperature, axis=1)


def _range(values):
    """What lies between the rarest of either end; all there is where nothing is known."""
    low, high = np.nanquantile(values, [USUAL, 1 - USUAL]) if np.isfinite(values).any() else (0.0, 0.0)
    return float(low), float(high)


def _space(values):
    """Middle and spread of measures, and a matrix that makes them uncorrelated (Ledoit and Wolf's covariance)."""
    middle, spread = np.median(values, axis=0), values.std(axis=0) + 1e-6
    away = np.clip((values - middle) / spread, -FARTHEST, FARTHEST)
    return middle, spread, np.linalg.cholesky(LedoitWolf().fit(away).precision_)


def _placed(looks, middle, spread, turn):
    away = (looks[PLACED].to_numpy(float) - np.array(middle)) / np.array(spread)
    return np.clip(away, -FARTHEST, FARTHEST) @ np.array(turn)


def _draw(samples, seed):
    """Positions of the references: as many of each dataset and class, as far as there are."""
    shuffled = samples[["dataset", "class"]].reset_index(drop=True).sample(frac=1, random_state=seed)
    turn = shuffled.groupby(["dataset", "class"]).cumcount()
    return np.sort(turn.sort_values(kind="stable").index[:MOST_REFERENCES].to_numpy())
