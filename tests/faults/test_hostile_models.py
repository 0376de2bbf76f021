"""An estimator from elsewhere: whatever its file asks for, nothing is run, and a sentence says why it is refused."""

import contextlib
import dataclasses
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from leukobench.errors import UsageError
from leukobench.inference.model_file import load_model, save_model
from leukobench.running.tuning import Fitted
from tests.faults.hostile import (
    JSON,
    QUICK,
    items,
    mapping,
    members_of,
    node,
    pack,
    put,
    read_parts,
    refused,
    spots,
    text,
    write_model,
    write_parts,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file as it should be."""
    return write_model(tmp_path_factory.mktemp("model") / "lda.zip")


def made(name, *arguments):
    """A node that calls something by name."""
    return node("ConstructorFromReduceNode", name, content=items(*map(text, arguments)))


def reduced(kind, name):
    return node(kind, name, __reduce__={"args": items(text("touch harm"))}, content=mapping())


ALIAS = ("-c", "alias.x=!touch harm", "x")
SEEDED = {"bit_generator": mapping(bit_generator=text("seed"), state=text(1)), "seed_seq": mapping()}
FORMAT = {"func": "format", "obj": text("{}")}
ZOO = {
    "own function that runs git": made("leukobench.running.environment._git", *ALIAS),
    "own function that writes": made("leukobench.files.atomic_write", "harm", "done"),
    "own class that is called": made("leukobench.models.pipeline.Clip", 4.0),
    "own function as an object": node("ObjectNode", "leukobench.models.registry.get_model", content=mapping()),
    "own module's import as an object": node("ObjectNode", "leukobench.running.environment.Path", content=mapping()),
    "own function": node("FunctionNode", "leukobench.files.atomic_write"),
    "eval": node("FunctionNode", "builtins.eval"),
    "a ufunc": node("FunctionNode", "numpy.add"),
    "system": made("os.system", "touch harm"),
    "system as a loss": reduced("LossNode", "os.system"),
    "system as a tree": reduced("TreeNode", "os.system"),
    "system as an array": node("NdArrayNode", "os.system", type="json", content=[], shape=items(text(0))),
    "system as a list": node("ListNode", "os.system", content=[]),
    "system as a dictionary": node("DictNode", "os.system", content={}, key_types=items(kind="List")),
    "system as a random state": node("RandomStateNode", "os.system", content=mapping()),
    "partial": node(
        "PartialNode",
        "functools.partial",
        content={"func": node("TypeNode", "os.system"), "args": items(), "kwds": mapping(), "namespace": text(None)},
    ),
    "method": node("MethodNode", "builtins.str", content=FORMAT),
    "operator": node("OperatorFuncNode", "operator.methodcaller", attrs=items(text("predict"))),
    "type": node("TypeNode", "subprocess.Popen"),
    "trusted type": node("TypeNode", "builtins.map"),
    "class": node("ObjectNode", "subprocess.Popen", content=mapping()),
    "estimator that no model has": node("ObjectNode", "sklearn.linear_model._ridge.Ridge", content=mapping()),
    "time zone": made("zoneinfo.ZoneInfo", "../../etc/passwd"),
    "generator by name": node("RandomGeneratorNode", "os.system", content=SEEDED),
    "random state": node("RandomStateNode", "numpy.random.mtrand.RandomState", content=mapping()),
    "bytes": node("BytesNode", "builtins.bytes", file="schema.json"),
    "booster": node("ObjectNode", "xgboost.core.Booster", content=mapping(handle=text("x"))),
    "another node": {"__loader__": "CachedNode", "__module__": None, "__class__": None, "__id__": 1},
    "sparse matrix": node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix", type="scipy", file="schema.json"),
    "search tree": node("ObjectNode", "sklearn.neighbors._kd_tree.KDTree", content=items()),
    "set": node("SetNode", "builtins.set", content=[]),
    "defaults": node(
        "DefaultDictNode",
        "collections.defaultdict",
        content={"main": mapping(), "default_factory": node("TypeNode", "os.system")},
    ),
    "no kind": node("EvilNode", "builtins.str"),
    "JSON that is more than a value": node("JsonNode", "builtins.str", content='{"a": []}'),
    "JSON that is none": node("JsonNode", "builtins.str", content="nonsense"),
    "number of words": node("SliceNode", "builtins.slice", content={"start": "a", "stop": None, "step": None}),
    "keys of another type": node(
        "DictNode", "builtins.dict", content={"a": text(1)}, key_types=items(node("TypeNode", "builtins.map"))
    ),
}


@pytest.mark.parametrize("where", ["attribute", "root"])
@pytest.mark.parametrize("what", ZOO)
def test_what_no_model_is_made_of_is_refused_before_anything_is_made(model, tmp_path, monkeypatch, what, where):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("skops.io.load", lambda *a, **k: pytest.fail("something was made"))
    card, estimator = read_parts(model)
    members, schema = members_of(estimator)
    if where == "root":
        schema = ZOO[what] | {"protocol": schema["protocol"]}
    else:
        schema["content"]["content"]["extra"] = ZOO[what]
        schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str"))
    refused(write_parts(tmp_path / "evil.zip", card, pack(members, schema)), "no model that --save has written")
    assert os.listdir() == ["evil.zip"]


def test_one_node_never_stands_for_another(model, tmp_path):
    """skops takes the first node of an id for all; ids do not reach it."""
    card, estimator = read_parts(model)
    members, schema = members_of(estimator)
    schema["content"]["content"]["aside"] = text("for all") | {"__id__": 7}
    schema["content"]["content"]["steps"]["__id__"] = 7
    schema["content"]["content"] = dict(sorted(schema["content"]["content"].items()))
    schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str"))
    path = write_parts(tmp_path / "ids.zip", card, pack(members, schema))
    assert [name for name, _ in load_model(path).fitted.estimator.steps][-1] == "balancedlda"


@pytest.mark.parametrize("name", ["predict_proba", "__class__", "__sklearn_tags__", "n_features_in_"])
def test_an_attribute_does_not_hide_what_its_class_has(model, tmp_path, name):
    card, estimator = read_parts(model)
    members, schema = members_of(estimator)
    schema["content"]["content"][name] = text(5)
    schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str"))
    refused(write_parts(tmp_path / "hides.zip", card, pack(members, schema)), f"another {name} for Pipeline")


@pytest.mark.parametrize("protocol", [0, 1, 3, True, None, "2"])
def test_another_version_of_the_format_is_refused(model, tmp_path, protocol):
    card, estimator = read_parts(model)
    members, schema = members_of(estimator)
    refused(write_parts(tmp_path / "old.zip", card, pack(members, schema | {"protocol": protocol})), "another version")


def test_another_estimator_or_other_parameters_are_refused(model, tmp_path):
    card, _ = read_parts(model)
    _, other = read_parts(write_model(tmp_path / "prior.zip", "prior"))
    refused(write_parts(tmp_path / "swapped.zip", card, other), "another estimator")


def test_what_could_not_be_read_is_not_kept(model, tmp_path):
    trained = load_model(model)
    ours = Fitted.restore(Pipeline([("ridge", Ridge())]), trained.fitted.classes)
    with pytest.raises(UsageError, match=r"lda cannot be kept in a file: it holds \S+\.Ridge .*; leave out --save"):
        save_model(dataclasses.replace(trained, fitted=ours), tmp_path / "ridge.zip")
    assert not list(tmp_path.iterdir())


@QUICK
@given(data=st.data())
def test_any_change_of_a_schema_is_a_sentence_or_harmless(model, tmp_path, data):
    card, estimator = read_parts(model)
    members, schema = members_of(estimator)
    strange = JSON | st.sampled_from(list(ZOO.values()))
    schema = put(schema, data.draw(st.sampled_from(list(spots(schema)))), data.draw(strange))
    with contextlib.suppress(UsageError):
        load_model(write_parts(tmp_path / "any.zip", card, pack(members, schema)))
