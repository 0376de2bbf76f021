"""Models from outside: what is taken, what is refused, and what they are then."""

import importlib.metadata
import pickle
import sys

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import get_tags

from leukobench import plugins
from leukobench.errors import UsageError
from leukobench.models import MODELS, OWN, Head, Option, get_model, register, register_file, unregister
from leukobench.models.catalogue import on_demand
from leukobench.models.identity import recipe_hash
from leukobench.models.outside import load_installed
from leukobench.models.pipeline import takes_gaps
from leukobench.models.variants import Variant

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.tile([0, 1], 15)


@pytest.fixture(autouse=True)
def _forget():
    yield
    for name in list(OWN):
        unregister(name)


def test_a_pipeline_is_seeded_tuned_and_filled():
    before = list(MODELS)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    register("mine", pipeline, space={"logisticregression__C": FloatDistribution(0.1, 10)}, description="My own.")
    assert list(MODELS) == [*before, "mine"]
    recipe = get_model("mine")
    assert recipe.defaults == {"logisticregression__C": 1.0}
    built = recipe.build({"logisticregression__C": 3.0}, 7)
    inner = built[-1][-1]
    assert (inner.C, inner.random_state) == (3.0, 7)
    holes = np.where(X > 1, np.nan, X)
    assert built.fit(holes, Y).predict_proba(holes).shape == (30, 2)
    assert get_model("mine[logisticregression__C=2]").build({}, 0)[-1][-1].C == 2.0
    assert pickle.loads(pickle.dumps(recipe)).build(recipe.defaults, 0).fit(X, Y).predict(X).shape == (30,)


def test_what_takes_missing_values_is_given_them():
    register("mine", RandomForestClassifier)
    assert isinstance(get_model("mine").build({}, 3), RandomForestClassifier)
    assert get_model("mine").build({}, 3).random_state == 3


def test_a_pipeline_that_fills_gaps_itself_is_given_them():
    told = SimpleImputer(add_indicator=True)  # which of the cells have gaps, too
    holes = np.where(X > 1, np.nan, X)
    pipelines = [[StandardScaler(), told, LogisticRegression()], [None, RandomForestClassifier(9)]]
    for own in (make_pipeline(*steps) for steps in pipelines):
        register("mine", own)
        built = get_model("mine").build({}, 0).fit(holes, Y)
        assert [name for name, _ in built.steps] == [name for name, _ in own.steps]
        assert built.predict_proba(holes).shape == (30, 2)
        unregister("mine")
    assert takes_gaps(get_model("vote").build({}, 0))
    assert get_tags(get_model("vote@augmented+experts").build({}, 0)).input_tags.allow_nan
    assert not takes_gaps(make_pipeline(StandardScaler(), LogisticRegression()))
    assert not takes_gaps(make_pipeline(PCA(), told, LogisticRegression()))


@pytest.mark.parametrize(
    ("reads", "representation", "family", "side"),
    [
        (None, "features:core", "classical", "classical"),
        ("features:untextured@canonical", "features:untextured@canonical", "classical", "classical"),
        ("embedding:mobilenet_v2+flips", "embedding:mobilenet_v2+flips", "embedding", "deep"),
        ("features:core&embedding:mobilenet_v2", "features:core&embedding:mobilenet_v2", "fused", "both"),
        ("images", "pixels:scale", "pictures", "both"),
    ],
)
def test_it_is_what_it_reads(reads, representation, family, side):
    register("mine", GaussianNB(), reads)
    recipe = get_model("mine")
    assert (recipe.representation, recipe.family, recipe.side) == (representation, family, side)
    assert recipe.backbones == (("mobilenet_v2",) if "mobilenet_v2" in representation else ())


def test_views_and_options_go_on_top():
    register("mine", GaussianNB())
    assert get_model("mine@augmented+coral").transductive
    register("seen", GaussianNB(), "features:core@canonical")
    assert get_model("seen@canonical").name == "seen"
    assert get_model("seen@scale").representation == "features:core@scale"
    register("pictures", GaussianNB(), "images")
    assert get_model("pictures@canonical").representation == "pixels:canonical"
    with pytest.raises(UsageError, match="'coral' takes"):
        get_model("pictures+coral")


@pytest.mark.parametrize(
    ("name", "model", "reads", "message"),
    [
        ("lda", GaussianNB(), None, "the name 'lda' is taken"),
        ("a+b", GaussianNB(), None, "cannot name a model"),
        ("", GaussianNB(), None, "cannot name a model"),
        ("mine", RidgeClassifier(), None, "no predict_proba; wrap it in"),
        ("mine", SVC(), None, "no predict_proba"),
        ("mine", StandardScaler(), None, "is no classifier but a StandardScaler"),
        ("mine", "forest", None, "is no classifier but a str"),
        ("mine", make_pipeline, "photons", "cannot read 'photons'"),
        ("mine", GaussianNB(), "embedding:resnet", "unknown backbone"),
    ],
)
def test_mistakes_are_named(name, model, reads, message):
    with pytest.raises(UsageError, match=message):
        register(name, model, reads)
    assert not OWN


def test_what_decides_is_in_the_fingerprint():
    def version(model, **facts):
        register("mine", model, **facts)
        return recipe_hash(get_model("mine"))

    forest = version(RandomForestClassifier(50))
    assert version(RandomForestClassifier(50)) == forest
    assert version(RandomForestClassifier(2)) != forest
    assert version(RandomForestClassifier(50), version="2") != forest
    priors = [version(GaussianNB(priors=np.array([each, 1 - each]))) for each in (0.5, 0.4)]
    assert priors[0] != priors[1]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("x = 1", "", "holds no classifier"),
        ("from sklearn.naive_bayes import GaussianNB\na = GaussianNB()\nb = GaussianNB()", "", "2 classifiers: a, b"),
        ("from sklearn.naive_bayes import GaussianNB\nforest = GaussianNB()", ":forrest", "did you mean 'forest'"),
        ("x = 1\n1 / 0", "", "fails: line 2: ZeroDivisionError"),
        ("import sys\nsys.exit()", "", "fails: line 2: SystemExit"),
        ("x = (", "", "fails: SyntaxError"),
        ("import no_such_module", "", "No module named"),
    ],
)
def test_a_file_that_is_no_model_says_so(tmp_path, content, name, message):
    (tmp_path / "my.py").write_text(content)
    with pytest.raises(UsageError, match=message):
        register_file(f"{tmp_path / 'my.py'}{name}")
    assert not OWN


class Halved(BaggingClassifier):
    pass


def test_a_step_is_put_behind_a_name_with_its_parameters_and_a_seed():
    before = list(MODELS)
    register("halved", Option(wrap=Halved, description="on halves"))
    recipe = get_model("lda+halved[max_samples=0.5]+experts")
    assert recipe.description.endswith(
        "on halves, one for each source and one for all, weighted by how they carry over between sources."
    )
    wrapper = recipe.build(recipe.defaults, 7).estimator
    assert (type(wrapper), wrapper.max_samples, wrapper.random_state) == (Halved, 0.5, 7)
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert recipe_hash(recipe) != recipe_hash(get_model("lda+halved[max_samples=0.25]+experts"))
    assert list(MODELS) == before
    assert "<table>+halved" in [row["name"] for row in on_demand()]
    unregister("+halved")
    with pytest.raises(UsageError, match="unknown step 'halved'"):
        get_model("lda+halved")


def test_a_head_from_outside_stands_on_vectors_alone():
    register("naive", Head(build=lambda params, seed: GaussianNB(), description="Naive Bayes on {}."))
    assert get_model("mobilenet_v2+flips+naive").representation == "embedding:mobilenet_v2+flips"
    with pytest.raises(UsageError, match="'naive' takes the vectors"):
        get_model("lda+naive")


@pytest.mark.parametrize(
    ("name", "step", "message"),
    [
        ("coral", Option(wrap=Halved, description="x"), "the name 'coral' is taken"),
        ("a-b", Option(wrap=Halved, description="x"), "'a-b' cannot name a step"),
        ("other", Option(wrap=Halved, description="x", takes=("tables",)), "other takes tables"),
        ("other", Variant(settings={"tta": "flips"}, description="x"), "cannot be added"),
    ],
)
def test_a_step_that_cannot_be_is_refused(name, step, message):
    with pytest.raises(UsageError, match=message):
        register(name, step)
    assert not OWN


def test_a_step_of_an_installed_package_or_in_a_file_is_there(monkeypatch, tmp_path):
    point = importlib.metadata.EntryPoint("theirs", f"{__name__}:THEIRS", "leukobench.models")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    load_installed.cache_clear()
    assert isinstance(get_model("lda+theirs").build({"shrinkage": 0.1}, 0), Halved)
    load_installed.cache_clear()
    text = "from sklearn.ensemble import BaggingClassifier\nfrom leukobench.models import Option, register\n"
    (tmp_path / "my.py").write_text(f"{text}register('bagged', Option(wrap=BaggingClassifier, description='bagged'))")
    assert register_file(str(tmp_path / "my.py")) == []
    assert get_model("lda+bagged[n_estimators=3]").name == "lda+bagged[n_estimators=3]"


THEIRS = Option(wrap=Halved, description="on halves")


def test_a_file_is_looked_for_before_it_is_run(tmp_path):
    for text in (tmp_path / "none.py", f"{tmp_path}:Forest", tmp_path):
        with pytest.raises(UsageError, match="no file of models"):
            register_file(str(text))


def test_one_of_several_is_named(tmp_path):
    path = tmp_path / "my.py"
    path.write_text("from sklearn.naive_bayes import GaussianNB\na = GaussianNB()\nclass B(GaussianNB):\n    pass\n")
    assert register_file(f"{path}:B") == ["B"]
    assert type(get_model("B").build({}, 0)[-1]).__name__ == "B"


def test_models_of_installed_packages_are_there(monkeypatch):
    point = importlib.metadata.EntryPoint("theirs", "sklearn.naive_bayes:GaussianNB", "leukobench.models")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    load_installed.cache_clear()
    assert get_model("theirs").representation == "features:core"
    assert "theirs" in list(MODELS)
    load_installed.cache_clear()


def test_a_file_that_is_used_by_all_commands_registers_models_too(tmp_path, monkeypatch):
    monkeypatch.setenv(plugins.VARIABLE, "")
    (tmp_path / "mine.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n"
        "from leukobench.models import register\n"
        "class Bayes(GaussianNB):\n    pass\n"
        "register('bayes', Bayes())\n"
    )
    plugins.use(str(tmp_path / "mine.py"))
    content = pickle.dumps(get_model("bayes"))
    for name in plugins.FILES:
        monkeypatch.delitem(sys.modules, name, raising=False)  # as in a process that never saw the file
    assert type(pickle.loads(content).build({}, 0)[-1]).__name__ == "Bayes"
