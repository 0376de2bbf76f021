"""Components of variance: known ones are found again, and none is counted twice."""

from itertools import permutations

import numpy as np
import pytest

from leukobench.metrics.components import components, rank_intervals

LABS = list("abcde")
PAIRS = list(permutations(LABS, 2))
TRAINS = [train for train, _ in PAIRS]
SETS = [frozenset(pair) for pair in PAIRS]
# Standard deviations: images of a target, images in one run, seed, sample, source, target, pair.
TRUE = {"images": 0.02, "noise": 0.02, "seed": 0.03, "sample": 0.04, "source": 0.05, "target": 0.06, "pair": 0.03}


def simulate(rng, resamples, seeds, draws=60, **changed):
    sd = TRUE | changed
    place = {name: number for number, name in enumerate(LABS)}
    source = np.array([place[train] for train, _ in PAIRS])
    target = np.array([place[test] for _, test in PAIRS])
    runs = (1 + resamples, seeds)
    whole = 0.6 + (sd["source"] * rng.normal(size=5))[source] + (sd["target"] * rng.normal(size=5))[target]
    whole = (whole + sd["pair"] * rng.normal(size=len(PAIRS)))[:, None, None]
    whole = whole + (sd["sample"] * rng.normal(size=(5, runs[0])))[source][:, :, None]
    whole = whole + (sd["seed"] * rng.normal(size=(5, *runs)))[source]

    def images():
        return (sd["images"] * rng.normal(size=5))[target][:, None, None] + sd["noise"] * rng.normal(
            size=(len(PAIRS), *runs)
        )

    point = whole + images()
    return point[..., None], np.stack([point + images() for _ in range(draws)])[..., None]


def average(resamples, seeds, number=150, **changed):
    rng = np.random.default_rng(0)
    found = [components(*simulate(rng, resamples, seeds, **changed), TRAINS, SETS) for _ in range(number)]
    return {
        name: np.mean([getattr(each, name)[0, 0] for each in found if getattr(each, name) is not None] or [np.nan])
        for name in ("images", "sample", "seed", "laboratory")
    }


def test_known_components_are_found_again():
    found = average(resamples=4, seeds=3)
    assert found["images"] == pytest.approx(TRUE["images"] ** 2 / 5 + TRUE["noise"] ** 2 / 60, rel=0.1)
    assert found["seed"] == pytest.approx(TRUE["seed"] ** 2 / 5, rel=0.1)
    assert found["sample"] == pytest.approx(TRUE["sample"] ** 2 / 5, rel=0.15)
    laboratory = (TRUE["source"] ** 2 + TRUE["target"] ** 2) / 5 + TRUE["pair"] ** 2 / 20
    assert found["laboratory"] == pytest.approx(laboratory, rel=0.2)


def test_a_difference_between_seeds_that_the_images_make_is_none_of_the_seeds():
    found = average(resamples=0, seeds=3, seed=0.0, noise=0.05)
    assert found["seed"] < 0.35 * 0.05**2 / 20  # of what the seeds seem to differ by


def test_what_did_not_run_is_not_told():
    found = components(*simulate(np.random.default_rng(0), 0, 1), TRAINS, SETS)
    assert found.seed is None
    assert found.sample is None
    assert found.total()[0, 0] > found.total(laboratories=False)[0, 0] == found.images[0, 0]


def test_two_laboratories_say_nothing_of_others():
    point = np.array([0.5, 0.7]).reshape(2, 1, 1, 1)
    assert components(point, point[None], ["a", "b"], [frozenset("ab")] * 2).laboratory is None


def test_what_all_models_share_moves_no_rank():
    shared = np.full((2, 2), 1.0) + 1e-8 * np.eye(2)
    assert rank_intervals(np.array([0.6, 0.5]), shared).tolist() == [[1, 1], [2, 2]]
    assert rank_intervals(np.array([0.6, 0.5]), np.eye(2)).tolist() == [[1, 2], [1, 2]]
