"""Datasets with a reader of one's own; test_all_five.py runs the file of docs/extending.md."""

import importlib.metadata
import sys
from types import SimpleNamespace

import pytest

from leukobench import plugins
from leukobench.datasets import DATASETS, DatasetCard, get_dataset, register, unregister
from leukobench.datasets.registry import OWN, load_others
from leukobench.errors import UsageError


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setenv(plugins.VARIABLE, "")
    yield
    for name in list(OWN):
        unregister(name)


def test_an_installed_package_needs_no_name(monkeypatch):
    card = DatasetCard(name="theirs", title="Theirs", folder="theirs", labels={"n": "NE"})
    point = importlib.metadata.EntryPoint("theirs", "somebody:source", "leukobench.datasets")
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda self: SimpleNamespace(card=card, read=list))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    load_others.cache_clear()
    assert get_dataset("theirs").card is card
    load_others.cache_clear()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"name": "merged"}, "cannot be called 'merged'"),
        ({"name": "cvb"}, "name or folder of the dataset 'cvb' is taken"),
        ({"folder": "munich"}, "name or folder of the dataset 'x' is taken"),
        ({"labels": {"n": "NEUT"}}, "unknown cell type of x 'NEUT'"),
    ],
)
def test_mistakes_are_named(facts, message):
    known = set(DATASETS)
    card = DatasetCard(**{"name": "x", "title": "X", "folder": "x", "labels": {"n": "NE"}} | facts)
    with pytest.raises(UsageError, match=message):
        register(SimpleNamespace(card=card, read=list))
    with pytest.raises(UsageError, match="is no dataset"):
        register(sys)
    assert set(DATASETS) == known
