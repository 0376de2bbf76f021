"""Which images of a source train a network, how often, and which judge it."""

import numpy as np

from leukobench.models.network.draws import BalancedSampler, split_source


def test_an_epoch_draws_by_its_number_alone():
    sampler = BalancedSampler(np.array([0, 1]), np.array([0, 0]), 20, 3)
    sampler.epoch = 2
    assert list(sampler) == list(sampler)
    second = list(sampler)
    sampler.epoch = 3
    assert [place for *_, place in sampler] != [place for *_, place in second]


def test_the_sampler_balances_classes_within_a_laboratory_and_laboratories_by_the_root_of_their_size():
    laboratories = np.repeat([0, 1], [900, 100])
    labels = np.concatenate([np.repeat([0, 1], [800, 100]), np.repeat([0, 1], [10, 90])])
    drawn = np.array([place for _, _, place in BalancedSampler(labels, laboratories, 40_000, 3)])
    shares = [np.mean((laboratories[drawn] == a) & (labels[drawn] == b)) for a in (0, 1) for b in (0, 1)]
    np.testing.assert_allclose(shares, [0.375, 0.375, 0.125, 0.125], atol=0.01)


def test_the_validation_split_keeps_groups_together_and_every_class_in_training():
    labels = np.repeat([0, 1, 2], [30, 20, 1])
    groups = np.arange(51) // 3
    train, valid = split_source(labels, groups, 0)
    assert set(labels[train]) == {0, 1, 2}
    assert not set(train) & set(valid)
    assert len(train) + len(valid) == 51
    both = set(groups[train]) & set(groups[valid])
    assert len(both) <= 1  # but for the single image of a class, which must train
    train, valid = split_source(np.array([0, 1]), None, 0)
    np.testing.assert_array_equal(train, valid)


def test_a_weight_of_two_draws_like_an_image_that_is_there_twice():
    rng = np.random.default_rng(0)
    labels, laboratories, weights = (rng.integers(0, most, 60) for most in (3, 2, 4))
    weights += 1
    twice = np.repeat(np.arange(60), weights)
    chances = BalancedSampler(labels, laboratories, 8, 0, weights).weights
    copies = BalancedSampler(labels[twice], laboratories[twice], 8, 0).weights
    np.testing.assert_allclose(np.bincount(twice, copies), chances)
