"""A model's card from elsewhere: what it says is of the right kind, fits its model, and is bound to its estimator."""

import contextlib
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leukobench.errors import UsageError
from leukobench.inference.model_file import load_model
from leukobench.inference.trust import PLACED
from tests.faults.hostile import JSON, QUICK, put, read_parts, refused, spots, write_model, write_parts


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file as it should be."""
    return write_model(tmp_path_factory.mktemp("model") / "lda.zip")


DROP = object()
SHA = "ab" * 32
CARDS = {
    "no model": {"model": DROP},
    "model that is unknown": {"model": "ldaa"},
    "model that is a number": {"model": 5},
    "model that is empty": {"model": ""},
    "model with a control character": {"model": "lda\x1b[2J"},
    "another model": {"model": "knn"},
    "model of a file that is not there": {"model": "onnx:/nowhere/a.onnx+knn"},
    "no sources": {"sources": []},
    "sources in one word": {"sources": "barcelona"},
    "source twice": {"sources": ["barcelona", "barcelona"]},
    "source that is null": {"sources": [None]},
    "a thousand sources": {"sources": [f"s{i}" for i in range(1000)]},
    "source on two lines": {"sources": ["barcelona\nmunich"]},
    "unknown level": {"level": "L7"},
    "level that is a list": {"level": ["L5"]},
    "another level": {"level": "L11"},
    "seed that is a word": {"seed": "0"},
    "seed that is a float": {"seed": 0.5},
    "seed that is true": {"seed": True},
    "seed that is huge": {"seed": 10**30},
    "another seed": {"model": "random_forest", "seed": 1},
    "no parameters": {"params": {}},
    "parameter too many": {"params": {"shrinkage": 0.05, "solver": "svd"}},
    "parameter of another type": {"params": {"shrinkage": "0.05"}},
    "parameter that is a list": {"params": {"shrinkage": [0.05]}},
    "another parameter": {"params": {"shrinkage": 0.5}},
    "parameter that is no number": {"params": {"shrinkage": float("nan")}},
    "parameters in a list": {"params": [["shrinkage", 0.05]]},
    "classes swapped": {"head": ["LY", "BA", "NE"]},
    "classes shortened": {"head": ["BA", "LY"]},
    "class twice": {"head": ["BA", "LY", "LY"]},
    "class too many": {"head": ["BA", "EO", "LY", "NE"]},
    "one class": {"head": ["BA"]},
    "class of no level": {"head": ["BA", "LY", "XX"]},
    "class that is a number": {"head": ["BA", "LY", 3]},
    "class on both sides": {"left_out": {"NE": 3}},
    "left out that are none": {"left_out": {"XX": 3}},
    "left out below zero": {"left_out": {"MO": -3}},
    "left out in words": {"left_out": {"MO": "three"}},
    "left out in a list": {"left_out": ["MO"]},
    "no images": {"images": []},
    "image twice": {"images": [SHA, SHA]},
    "image that is no hash": {"images": [SHA, "ab"]},
    "image in capitals": {"images": [SHA, "AB" * 32]},
    "images in one word": {"images": SHA},
    "synthetic in words": {"synthetic": "no"},
    "synthetic as a number": {"synthetic": 0},
    "no versions": {"made_with": {}},
    "versions in a list": {"made_with": ["numpy"]},
    "another version": {"made_with": {"numpy": "0.1"}},
    "field too many": {"fitted": {"estimator": "os.system"}},
    "classes of before": {"classes": ["BA", "LY", "NE"]},
    "no trust": {"trust": DROP},
    "trust in words": {"trust": "all of it"},
    **{
        f"trust with {what}": {"trust": change}
        for what, change in {
            "no temperature": {"temperature": 0.0},
            "a limit that is no number": {"limits": {"distance": float("nan")}},
            "a limit of no check": {"limits": {"__class__": 1.0}},
            "a measure too few": {"middle": [0.0]},
            "a spread of nothing": {"spread": [0.0] * len(PLACED)},
            "a matrix that is none": {"turn": [[1.0] * len(PLACED)]},
            "no places": {"places": []},
            "a place too many": {"of": [0, 1, 1]},
            "a place of no reference": {"of": [0, 9]},
            "a place of a negative one": {"of": [0, -1]},
            "a reference of no class": {"references": [{"sha256": SHA, "path": "a.png", "label": "XX"}] * 2},
            "a reference without a hash": {"references": [{"sha256": "", "path": "a.png", "label": "LY"}] * 2},
            "ranges that are missing": {"usual": {}},
            "a field too many": {"code": "os.system"},
        }.items()
    },
    "empty card": dict.fromkeys(
        [
            "model",
            "sources",
            "level",
            "seed",
            "params",
            "head",
            "left_out",
            "images",
            "synthetic",
            "trust",
            "made_with",
        ],
        DROP,
    ),
}


@pytest.mark.parametrize("what", CARDS)
def test_an_altered_card_is_refused_though_it_is_sealed(model, tmp_path, what):
    card, estimator = read_parts(model)
    change = dict(CARDS[what])
    if isinstance(change.get("trust"), dict):
        change["trust"] = card["trust"] | change["trust"]
    card = {name: value for name, value in (card | change).items() if value is not DROP}
    refused(write_parts(tmp_path / "card.zip", card, estimator))


def test_the_seal_binds_card_and_estimator(model, tmp_path):
    card, estimator = read_parts(model)
    other = read_parts(write_model(tmp_path / "knn.zip", "knn"))[1]
    changes = ({"head": ["EO", "LY", "NE"]}, {"sources": ["munich"]}, {"left_out": {}}, {"synthetic": True}, {})
    for change in changes:
        with zipfile.ZipFile(tmp_path / "unsealed.zip", "w") as file:
            file.writestr("card.json", json.dumps(card | change))
            file.writestr("model.skops", estimator if change else other)
        refused(tmp_path / "unsealed.zip", "not as they were written")


@QUICK
@given(data=st.data())
def test_any_change_of_a_card_is_a_sentence_or_harmless(model, tmp_path, data):
    card, estimator = read_parts(model)
    card = put(card, data.draw(st.sampled_from(list(spots(card))[1:])), data.draw(JSON))
    with contextlib.suppress(UsageError):
        load_model(write_parts(tmp_path / "any.zip", card, estimator))
