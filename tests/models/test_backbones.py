"""Backbones by name: cards that timm, torchvision, DINOv2 and DinoBloom give, and what is said where one is missing."""

import sys
import types

import numpy as np
import pytest

from leukobench.datasets.registry import DATASETS
from leukobench.errors import UsageError
from leukobench.models import MODELS, get_model
from leukobench.models.backbones import BACKBONES, SOURCES, dino, get_backbone, hub
from leukobench.models.embedding import CNNEmbedding

torch = pytest.importorskip("torch")
nn = torch.nn

IMAGES = [np.random.default_rng(i).integers(0, 255, (40, 40, 3), dtype=np.uint8) for i in range(3)]


class TinyNet(nn.Module):
    """Four stages and a vector of 6, with the attributes by which timm tells of them."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.stages = nn.ModuleList(nn.Conv2d(i, o, 3, 2, 1) for i, o in [(3, 4), (4, 5), (5, 6), (6, 6)])
        self.feature_info = [{"module": f"stages.{i}", "num_chs": c} for i, c in enumerate([4, 5, 6, 6])]
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(6, 6), "fc2": nn.Linear(6, 6)})

    def set_input_size(self, img_size):
        self.img_size = img_size

    def forward(self, images):
        for stage in self.stages:
            images = torch.relu(stage(images))
        return self.mlp["fc2"](self.mlp["fc1"](images.mean((2, 3))))


class Classifier(nn.Module):
    """`features`, then a `classifier` that ends in a linear layer, as a mobilenet_v2 of torchvision."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.features = nn.Sequential(*(nn.Conv2d(3, 3, 3, 1, 1) for _ in range(13)), nn.Conv2d(3, 8, 3, 2, 1))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(8, 10))

    def forward(self, images):
        return self.classifier(self.features(images).mean((2, 3)))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    """Cards that a fake library made must not outlive it."""
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LEUKOBENCH_WEIGHTS", raising=False)
    for name in ("timm", "torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, None)
    yield
    hub.timm_card.cache_clear()
    hub.torchvision_card.cache_clear()


@pytest.fixture
def timm(monkeypatch):
    """The part of timm that is used, around tiny networks; `offline` is what fetching weights raises."""
    timm = types.ModuleType("timm")
    timm.offline = None
    names = ["tiny", *(f"vit_{word}_patch14_dinov2" for word, _, _ in dino.DINO.values())]

    def get_pretrained_cfg(name, allow_unregistered=True):
        if name not in ("tiny", "tiny.a1"):
            raise RuntimeError(f"no pretrained cfg registered for {name}.")
        facts = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3), "input_size": (3, 32, 32), "tag": "a1"}
        return types.SimpleNamespace(**facts, license="apache-2.0", hf_hub_id="timm/tiny.a1", url="")

    def create_model(name, pretrained=False, num_classes=1000, img_size=None):
        assert name.partition(".")[0] in names
        assert num_classes == 0
        if pretrained and timm.offline:
            raise timm.offline
        return TinyNet(seed=7 if pretrained else 0)

    timm.get_pretrained_cfg, timm.create_model, timm.list_models = get_pretrained_cfg, create_model, lambda: names
    monkeypatch.setitem(sys.modules, "timm", timm)
    return timm


@pytest.fixture
def torchvision(monkeypatch):
    """The part of torchvision that is used; it knows "mobilenet_v2", and "headless" without a linear layer."""
    torchvision, models = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")
    torchvision.models, torchvision.offline = models, None
    preset = types.SimpleNamespace(mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.2], crop_size=[32])
    weights = types.SimpleNamespace(
        transforms=lambda: preset, url="https://weights/tiny-12345678.pth", name="IMAGENET1K_V2", meta={}
    )

    def get_model(name, weights=None):
        if weights and torchvision.offline:
            raise torchvision.offline
        return Classifier() if name == "mobilenet_v2" else nn.Conv2d(3, 3, 1)

    models.list_models = lambda module: ["mobilenet_v2", "headless"]
    models.get_model_weights = lambda name: types.SimpleNamespace(DEFAULT=weights)
    models.get_model = get_model
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    return torchvision


def vectors_of(network, card):
    """What a network gives of the images, computed by hand."""
    pixels = torch.tensor(np.stack([(image - np.array(card.mean)) / card.std for image in IMAGES]), dtype=torch.float32)
    with torch.inference_mode():
        return network.eval()(pixels.permute(0, 3, 1, 2)).numpy()


def test_a_network_of_timm_has_its_own_card_and_pretrained_weights(timm):
    card = get_backbone("timm:tiny")
    assert (card.dim, card.input_size, card.licence, card.revision) == (6, 32, "apache-2.0", "tiny.a1")
    np.testing.assert_allclose(card.mean, [127.5, 102, 76.5])
    assert card.stages == (("stages.0", 4), ("stages.1", 5), ("stages.2", 6))
    assert card.contamination == ()
    embedding = CNNEmbedding("timm:tiny", input_size=40, runtime="torch", device="cpu")
    np.testing.assert_allclose(embedding.transform(IMAGES), vectors_of(TinyNet(seed=7), card), atol=1e-5)
    assert card.module(40).img_size == (40, 40)


def test_stages_stand_in_front_of_the_vector(timm):
    card = get_backbone("timm:tiny")
    plain, staged = (
        CNNEmbedding("timm:tiny", pooling=pooling, input_size=40, runtime="torch", device="cpu").transform(IMAGES)
        for pooling in ("last", "multi_stage")
    )
    assert staged.shape == (3, 4 + 5 + 6 + 6)
    np.testing.assert_array_equal(staged[:, 15:], plain)

    class First(nn.Module):
        def __init__(self):
            super().__init__()
            self.stage = TinyNet(seed=7).stages[0]

        def forward(self, images):
            return self.stage(images).mean((2, 3))

    np.testing.assert_allclose(staged[:, :4], vectors_of(First(), card), atol=1e-5)


def test_a_classifier_of_torchvision_loses_its_last_layer_and_no_more(torchvision):
    card = get_backbone("torchvision:mobilenet_v2")
    assert (card.dim, card.input_size, card.revision) == (8, 32, "https://weights/tiny-12345678.pth")
    assert card.stages == (("features.3", 3), ("features.6", 3), ("features.13", 8))
    whole = Classifier()
    whole.classifier = nn.Identity()
    embedding = CNNEmbedding("torchvision:mobilenet_v2", input_size=40, runtime="torch", device="cpu")
    np.testing.assert_allclose(embedding.transform(IMAGES), vectors_of(whole, card), atol=1e-5)


@pytest.fixture
def dinobloom(timm, monkeypatch, tmp_path):
    """A weights file as it is published: the teacher's backbone among its heads, gated layers by other names."""
    monkeypatch.setenv("LEUKOBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(dino, "DINOBLOOM_SHA256", {})
    network = TinyNet(seed=3)
    names = {"mlp.fc1.": "mlp.w12.", "mlp.fc2.": "mlp.w3."}
    teacher = {"backbone.mask_token": torch.zeros(1, 6), "dino_head.mlp.0.weight": torch.zeros(2, 2)}
    for name, value in network.state_dict().items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        teacher[f"backbone.{name}"] = value
    torch.save({"teacher": teacher}, tmp_path / "DinoBloom-S.pth")
    return network


def test_dinobloom_reads_the_teachers_backbone(dinobloom, tmp_path):
    card = get_backbone("dinobloom:s")
    assert card.missing() == ""
    loaded = card.module(224)
    for name, value in dinobloom.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    before = card.checksum()
    torch.save({"student": {}}, tmp_path / "DinoBloom-S.pth")
    assert card.checksum() != before
    with pytest.raises(UsageError, match="not a weights file of DinoBloom"):
        card.module(224)
    (tmp_path / "DinoBloom-S.pth").write_bytes(b"anything")
    with pytest.raises(UsageError, match="not a weights file of DinoBloom"):
        card.module(224)


def test_another_file_than_the_published_is_refused(timm, monkeypatch, tmp_path):
    monkeypatch.setenv("LEUKOBENCH_WEIGHTS", str(tmp_path))
    (tmp_path / "DinoBloom-S.pth").write_bytes(b"anything")
    with pytest.raises(UsageError, match=r"not the published weights file.*zenodo\.org/records/10908163"):
        get_backbone("dinobloom:s").module(224)


def test_dinobloom_is_fetched_from_its_record_and_checked(timm, monkeypatch, dinobloom, tmp_path):
    published = (tmp_path / "DinoBloom-S.pth").read_bytes()
    monkeypatch.setenv("LEUKOBENCH_WEIGHTS", str(tmp_path / "new"))
    asked = []

    class Record:
        def load_registry_from_doi(self):
            asked.append("registry")

        def fetch(self, name):
            (tmp_path / "new").mkdir()
            (tmp_path / "new" / name).write_bytes(published)

    monkeypatch.setattr("pooch.create", lambda path, base_url: asked.append((path, base_url)) or Record())
    assert "download https://zenodo.org" in get_backbone("dinobloom:s").missing()
    get_backbone("dinobloom:s").module(224)
    assert asked == [(tmp_path / "new", "doi:10.5281/zenodo.10908163/"), "registry"]


def test_without_a_network_the_file_to_download_is_named(timm, monkeypatch):
    def offline(*arguments, **options):
        raise ConnectionError("no route to host")

    monkeypatch.setattr("pooch.Pooch.load_registry_from_doi", offline)
    with pytest.raises(UsageError, match=r"no route to host.*download https://zenodo\.org.*DinoBloom-B\.pth"):
        get_backbone("dinobloom:b").module(224)
    timm.offline = OSError("hub cannot be reached\nlong story")
    with pytest.raises(UsageError, match=r"could not be fetched \(hub cannot be reached\).*timm\.create_model"):
        get_backbone("timm:tiny").module(32)
    with pytest.raises(UsageError, match="could not be fetched"):
        get_backbone("dinov2:b").module(224)


def test_torchvision_without_a_network(torchvision):
    torchvision.offline = OSError("name not known")
    with pytest.raises(UsageError, match=r"could not be fetched \(name not known\).*torchvision\.models\.get_model"):
        get_backbone("torchvision:mobilenet_v2").module(32)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timm:tinny", "did you mean 'timm:tiny'"),
        ("timm:hf-hub:someone/anything", "not known here"),
        ("torchvision:mobilenet_v3", "did you mean 'torchvision:mobilenet_v2'"),
        ("torchvision:headless", "ends in no linear layer"),
        ("dinov2:xl", "unknown size of dinov2 'xl'.*known: s, b, l, g"),
        ("dinobloom:", "is not understood"),
        ("keras:vgg", "unknown backbone 'keras:vgg'; known: mobilenet_v2"),
    ],
)
def test_unknown_names_are_named(timm, torchvision, name, message):
    with pytest.raises(UsageError, match=message):
        get_backbone(name)


def test_a_library_that_does_not_import_is_named_with_the_command_that_helps(monkeypatch):
    with pytest.raises(UsageError, match=r"'timm' does not import .*; pip install timm torchvision"):
        get_model("timm:resnet50+knn")
    with pytest.raises(UsageError, match=r"'torchvision\.models' does not import .*; pip install torchvision"):
        get_backbone("torchvision:resnet50")
    assert get_backbone("dinov2:s").missing() == "timm not installed: pip install timm torchvision"
    monkeypatch.setattr(
        "importlib.import_module", lambda name: (_ for _ in ()).throw(RuntimeError("no torchvision::nms"))
    )
    with pytest.raises(UsageError, match="no torchvision::nms"):
        get_backbone("torchvision:resnet50")


@pytest.mark.parametrize("size", dino.DINO)
def test_dino_cards_say_what_was_seen(size):
    seen = get_backbone(f"dinobloom:{size}").contamination
    assert {"munich", "raabin", "cvb", "jiangxi", "lisc", "bccd"} == set(seen) & set(DATASETS)
    assert get_backbone(f"dinov2:{size}").contamination == ()
    assert get_model(f"dinobloom:{size}+dihedral+svm_linear").contamination == seen
    assert get_backbone(f"dinov2:{size}").length("multi_stage") == 4 * get_backbone(f"dinov2:{size}").dim


def test_a_name_has_one_card_so_that_its_network_is_loaded_once(timm, torchvision, dinobloom):
    for name in ("timm:tiny", "torchvision:mobilenet_v2", "dinov2:s", "dinobloom:s"):
        assert get_backbone(name) is get_backbone(name), name


def test_weights_decide_the_key_of_vectors(timm, dinobloom):
    from leukobench.running.representations import representation_key

    assert representation_key("embedding:mobilenet_v2") == {"name": "embedding:mobilenet_v2", "version": "1"}
    assert representation_key("embedding:timm:tiny")["weights"] == "tiny.a1"
    assert representation_key("embedding:dinobloom:s")["weights"] == get_backbone("dinobloom:s").checksum()


def test_every_source_is_told_of():
    assert {"timm", "torchvision", "dinov2", "dinobloom", "onnx"} == set(SOURCES)
    for source in SOURCES.values():
        assert source.description
        assert source.form
    assert SOURCES["timm"].missing() == "timm not installed: pip install timm torchvision"


def test_listed_models_are_the_offline_backbones_with_every_head():
    listed = [name for name, recipe in MODELS.items() if recipe.family == "embedding"]
    assert len(listed) >= 10
    assert {f"{backbone}+{head}" for backbone in BACKBONES for head in HEADS_WANTED} <= set(listed)


HEADS_WANTED = ("logistic_regression", "svm_linear", "svm_rbf", "knn", "xgboost")
