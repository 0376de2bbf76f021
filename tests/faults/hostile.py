"""Files of models that were made to do harm: what is written, altered, and sealed as its maker would seal it."""

import copy
import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from leukobench.errors import UsageError
from leukobench.files import content_hash
from leukobench.inference.model_file import load_model, save_model
from leukobench.inference.trained import TrainedModel, own_seed
from leukobench.inference.trust import PLACED, Reference, Trust
from leukobench.models import get_model
from leukobench.models.stored import dump_estimator
from leukobench.running.tuning import Fitted

HEAD = ("BA", "LY", "NE")


def rows(n=60, columns=5):
    """A table whose classes lie apart, and the class of each row."""
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 3
    return rng.normal(size=(n, columns)) + 3 * codes[:, None], codes


def write_model(path, name="lda"):
    """A file as --save writes it."""
    recipe = get_model(name)
    X, codes = rows()
    seed = own_seed(("barcelona",), name, 0)
    fitted = Fitted(recipe, dict(recipe.defaults), seed, X, np.array(HEAD)[codes], np.repeat("barcelona", len(X)))
    images = frozenset(hashlib.sha256(bytes([i])).hexdigest() for i in range(60))
    facts = {"sources": ("barcelona",), "level": "L5", "seed": 0, "params": dict(recipe.defaults), "head": HEAD}
    facts |= {"left_out": {"MO": 3}, "images": images, "synthetic": False, "trust": some_trust(sorted(images))}
    save_model(TrainedModel(model=name, **facts, fitted=fitted), path)
    return path


def some_trust(images):
    """What a source says of a model's answers, with two references."""
    p = len(PLACED)
    return Trust(
        temperature=1.0,
        limits={"distance": 1.0},
        usual={"brightness": (0.5, 0.9), "diameter_um": (9.0, 18.0)},
        middle=(0.0,) * p,
        spread=(1.0,) * p,
        turn=tuple(map(tuple, np.eye(p).tolist())),
        references=tuple(Reference(sha256=sha, path=f"a/{sha[:4]}.png", label="LY") for sha in images[:2]),
        places=((0.0,) * p, (1.0,) * p),
        of=(0, 1),
    )


def read_parts(path):
    """Card and bytes of the estimator in a file."""
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("card.json")), file.read("model.skops")


def write_parts(path, card, estimator):
    """A file of a card and an estimator, sealed."""
    card = card | {"estimator": hashlib.sha256(estimator).hexdigest()}
    card["seal"] = content_hash({name: value for name, value in card.items() if name != "seal"}, length=64)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("card.json", json.dumps(card))
        file.writestr("model.skops", estimator)
    return path


def members_of(estimator):
    """Members of an estimator's bytes, and its schema."""
    with zipfile.ZipFile(io.BytesIO(estimator)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    return members, json.loads(members.pop("schema.json"))


def pack(members, schema):
    """Bytes of an estimator."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in {**members, "schema.json": json.dumps(schema)}.items():
            file.writestr(name, content)
    return packed.getvalue()


def npy(array, **options):
    """Bytes of an array's file."""
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def nodes_at(node, name):
    """Nodes that are an attribute of a name, wherever in a schema."""
    if isinstance(node, list):
        return [found for each in node for found in nodes_at(each, name)]
    if not isinstance(node, dict):
        return []
    here = [node[name]] if isinstance(node.get(name), dict) and "__loader__" in node[name] else []
    return here + [found for each in node.values() for found in nodes_at(each, name)]


def altered(estimator, name, change):
    """Bytes of a fitted estimator whose attributes of a name are changed, wherever they are; of a list, each.

    `change` is given an array, or what JSON says, and gives what takes its place.
    """
    members, schema = members_of(dump_estimator(estimator))
    found = nodes_at(schema, name)
    found += [each for node in found if node["__loader__"] == "ListNode" for each in node["content"]]
    there = [node for node in found if node.get("file") or node["__loader__"] == "JsonNode"]
    assert there, name
    for node in there:
        if "file" in node:
            members[node["file"]] = npy(np.asarray(change(np.load(io.BytesIO(members[node["file"]])))))
        else:
            node["content"] = json.dumps(change(json.loads(node["content"])))
    return pack(members, schema)


def refused(path, words="."):
    """A file is refused by one sentence that says some words."""
    with pytest.raises(UsageError, match=words) as error:
        load_model(path)
    assert "\n" not in str(error.value)


def node(kind, name, **fields):
    module, _, cls = name.rpartition(".")
    return {"__loader__": kind, "__module__": module, "__class__": cls, **fields}


def text(value):
    return node("JsonNode", "builtins.str", content=json.dumps(value))


def items(*values, kind="Tuple"):
    return node(f"{kind}Node", f"builtins.{kind.lower()}", content=list(values))


def mapping(**values):
    types = items(*(node("TypeNode", "builtins.str") for _ in values), kind="List")
    return node("DictNode", "builtins.dict", content=values, key_types=types)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def spots(value, path=()):
    """Every place in a JSON value, as a way to it."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from spots(each, (*path, key))


def put(value, path, new):
    """The value with another one at a place."""
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = put(value[path[0]], path[1:], new)
    return value
