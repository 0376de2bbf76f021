"""The grammar of names, and what the registry makes of them."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leukobench
from leukobench.errors import UsageError
from leukobench.models import MODELS, get_model
from leukobench.models.bases import BASES, STEPS
from leukobench.models.recipe import COSTS, KINDS, SIDES
from leukobench.models.spec import ModelSpec, StepSpec, parts_of
from leukobench.preparation.views import VIEWS
from leukobench.text import split_outside

WORDS = st.from_regex(r"[^\W\d]\w{0,6}", fullmatch=True)
TEXTS = st.text(st.sampled_from(' "[]@+~,=&:./\\ab1é') | st.characters(codec="utf-8"), max_size=12).filter(
    str.isprintable
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.sampled_from(["1", "1e3", "true", "none", '"', ""])
)
PARAMS = st.dictionaries(WORDS, VALUES, max_size=3)
ARGUMENTS = st.just(()) | st.tuples(TEXTS) | st.tuples(WORDS | st.just("onnx"), TEXTS)
SPECS = st.builds(
    ModelSpec,
    WORDS | st.just("onnx"),
    ARGUMENTS,
    PARAMS,
    WORDS | st.just(""),
    st.lists(st.builds(StepSpec, WORDS, PARAMS), max_size=3).map(tuple),
)


@given(SPECS)
@settings(max_examples=300, deadline=None)
def test_a_name_is_read_as_it_was_written(spec):
    assert ModelSpec.parse(str(spec)) == spec
    assert str(ModelSpec.parse(str(spec))) == str(spec)


@given(st.lists(SPECS, min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_lists_and_joint_representations_come_apart_where_they_were_joined(specs):
    texts = [str(spec) for spec in specs]
    assert split_outside(",".join(texts), ",") == texts
    assert parts_of("&".join(texts)) == specs


@given(st.text(max_size=20) | st.text(st.sampled_from('ab1:[]@+~="., '), max_size=20))
@settings(max_examples=300, deadline=None)
def test_any_other_text_is_refused_in_a_sentence(text):
    try:
        spec = ModelSpec.parse(text)
    except UsageError:
        return
    assert ModelSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/a@b/x+1.onnx", ""),
        ("~/my nets/x~1.onnx", "@augmented+flips+knn"),
        ("a.onnx+b.onnx", "[k=1]"),
        ("C:\\x.onnx", ""),
    ],
)
def test_the_path_of_an_onnx_file_needs_no_quotes(path, rest):
    spec = ModelSpec.parse(f"onnx:{path}{rest}")
    assert spec == ModelSpec.parse(f'onnx:"{path}"{rest}')
    assert spec.argument == (path,)
    assert ModelSpec.parse(f"finetune:onnx:{path}{rest}").argument == ("onnx", path)


def test_every_listed_name_is_the_one_name_of_its_model():
    for name in MODELS:
        assert get_model(name).name == name == str(ModelSpec.parse(name))


def test_lookups_agree_and_list_nothing_new():
    before = list(MODELS)
    assert "vote@scale" in MODELS
    assert MODELS["vote@scale"] == MODELS.get("vote@scale") == get_model("vote@scale")
    assert "vote@moon" not in MODELS
    with pytest.raises(KeyError):
        MODELS["vote@moon"]
    assert list(MODELS) == before
    assert len(MODELS) == len(before)


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("mobilenet_v2+dihedral+multi_stage+knn", "mobilenet_v2+multi_stage+dihedral+knn"),
        ("lenet+ensemble+mixup", "lenet+mixup+ensemble"),
        ("fused:mobilenet_v2@augmented", "fused:mobilenet_v2"),
        ("finetune:mobilenet_v2@scale+mixup", "finetune:mobilenet_v2+mixup"),
        ("knn[n_neighbors=5.0,metric=cosine]", "knn[metric=cosine,n_neighbors=5]"),
        ("lda+coral+experts", "lda+coral+experts"),
        ("lda+experts+coral", "lda+experts+coral"),
    ],
)
def test_a_model_has_one_name(name, one):
    assert get_model(name) == get_model(one)
    assert get_model(name).name == one


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mobilenet_v2~flips+knn", "mobilenet_v2+flips+knn"),
        ("mobilenet_v2~multi_stage~dihedral+svm_linear", "mobilenet_v2+multi_stage+dihedral+svm_linear"),
        ("mobilenet_v2+knn@augmented", "mobilenet_v2@augmented+knn"),
        ("mobilenet_v2+knn@augmented+coral", "mobilenet_v2@augmented+knn+coral"),
        ("fused:mobilenet_v2~flips", "fused:mobilenet_v2+flips"),
        ("finetune:mobilenet_v2+coral", "finetune:mobilenet_v2+deep_coral"),
    ],
)
def test_names_of_the_version_before_are_read_with_a_note(old, new):
    with pytest.warns(FutureWarning, match="is now '") as notes:
        assert get_model(old) == get_model(new)
    assert f"is now '{new}'" in str(notes[0].message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lenet+ensemble[members=0]", "members=0.*members is 1 at least; such as 3"),
        ("knn[n_neighbors=-1]", "n_neighbors is 1 at least; such as 7"),
        ("lda@moon", "unknown view 'moon'; known: scale"),
        ("lda+luck", "unknown step 'luck'; lda is a classifier of a table; what fits: stable"),
        ("nobody@canonical", "unknown model 'nobody'; known: prior"),
        ("extratrees+coral", "did you mean 'extra_trees'"),
        ("mobilnet_v2+flips+knn", "did you mean 'mobilenet_v2'"),
        (
            "mobilenet_v2",
            "the vectors of a frozen network, no classifier yet; put a head behind it: logistic_regression",
        ),
        ("mobilenet_v2+svm", "unknown step 'svm'; .* svm_linear"),
        ("mobilenet_v2+flip+knn", "unknown step 'flip'; mobilenet_v2 is the vectors .* what fits: multi_stage, flips"),
        ("mobilenet_v2+coral+knn", "'coral' takes .*; mobilenet_v2 is the vectors"),
        ("mobilenet_v2+knn+flips", "'flips' takes the vectors .* is a classifier of a table; what fits: stable"),
        ("mobilenet_v2+flips+dihedral+knn", r"\+flips and \+dihedral both decide tta"),
        ("lda+knn", "'knn' takes the vectors of a frozen network; lda is a classifier of a table"),
        ("lda+coral+coral", "both decide coral"),
        (
            "finetune:mobilenet_v2+flips+mixup",
            "'flips' takes the vectors .* is a network in training; what fits: plain",
        ),
        ("lenet+group_norm+fixed_norm", "both decide norm"),
        ("lenet+group_norm+adabn", "both decide norm"),
        ("finetune:mobilenet_v2@augmented", "without copies, not 'augmented'; known: scale, canonical"),
        ("fused:mobilenet_v2+stable", "apart by their place; what fits: multi_stage"),
        ("fused:mobilenet_v2+coral+flips", "with a step behind it; what fits: experts"),
        ("fused:resnet", "unknown backbone 'resnet'"),
        ("fused", "it is written fused:<backbone>"),
        ("lda:x", "it is written lda"),
        ("lda[k=1]", "lda has no parameter 'k'; it has shrinkage"),
        ("vote[k=1]", "vote has no parameter 'k'; it has none"),
        ("mobilenet_v2[C=1]+logistic_regression", "mobilenet_v2 has no parameter 'C'"),
        ("lda+coral[k=1]", "coral has no parameter 'k'; it has least"),
        ("knn[n_neighbors=2.5]", "n_neighbors is of type int"),
        ("knn[metric=hamming]", "unknown metric; known: euclidean"),
        ("lda[shrinkage=0.1,shrinkage=0.2]", "stands twice"),
        ("lda@canonical@scale", "a second view"),
        ("lda++coral", r"'\+\+coral' in .* is not understood"),
        ("lda\x1b[2J", "no name"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(name, message):
    with pytest.raises(UsageError, match=message):
        get_model(name)


def test_what_is_fixed_leaves_the_search_space_and_is_built():
    recipe = get_model("knn[n_neighbors=3]")
    assert set(recipe.space) == set(recipe.defaults) == {"metric"}
    assert recipe.build({"metric": "cosine"}, 0)[-1].n_neighbors == 3
    head = get_model("mobilenet_v2+svm_linear[C=2]+experts[sharpness=30]")
    built = head.build(head.defaults, 0)
    assert set(head.space) == {"variance"}
    assert (built.sharpness, built.estimator[-1].C) == (30, 2.0)
    network = get_model("lenet[epochs=3,learning_rate=0.1]+group_norm+mixup[mixup=0.4]+ensemble[members=2]")
    built = network.with_training(epochs=8).build(network.defaults, 0)
    inner = built.estimator
    assert (built.members, inner.epochs, inner.learning_rate, inner.mixup, inner.norm) == (2, 3, 0.1, 0.4, "group")
    assert network.version == get_model("lenet+group_norm").version


def test_steps_stack_in_order_and_what_looks_at_the_target_is_told():
    recipe = get_model("lda+stable+coral")
    built = recipe.build(recipe.defaults, 0)
    assert [type(built).__name__, type(built.estimator).__name__] == ["Coral", "StableFeatures"]
    assert recipe.transductive
    assert get_model("lda+coral+stable").transductive
    assert not get_model("lda+stable+experts").transductive
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30)
    X = rng.normal(size=(60, 6)) + 2 * y[:, None]
    fitted = built.fit(X, y, laboratories=np.arange(60) % 2)
    assert (fitted.predict(X + 50) == y).mean() > 0.9
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_a_view_is_that_of_every_part():
    assert get_model("fused:mobilenet_v2@canonical").representation == (
        "features:untextured@canonical&embedding:mobilenet_v2@canonical"
    )
    assert get_model("finetune:mobilenet_v2@canonical").representation == "pixels:canonical"
    assert get_model("mobilenet_v2@augmented+flips+knn").representation == "embedding:mobilenet_v2@augmented+flips"


def test_the_words_of_the_grammar_are_complete():
    assert all(step.name == name and step.takes and set(step.takes) <= set(KINDS) for name, step in STEPS.items())
    assert all(base.name == name for name, base in BASES.items())
    for name in (*BASES, *STEPS, *VIEWS):
        assert str(ModelSpec.parse(name)) == name
    for recipe in MODELS.values():
        assert recipe.side in SIDES
        assert recipe.cost in COSTS
        assert recipe.kind in KINDS
        assert recipe.uses_gpu == recipe.explainable == (recipe.kind == "network")


def test_nothing_else_takes_a_name_apart():
    package = Path(leukobench.__file__).parent
    splits = re.compile(r"""(partition|split)\(["'][@+~&]["']""")
    assert [path.name for path in package.rglob("*.py") if splits.search(path.read_text(encoding="utf-8"))] == []
