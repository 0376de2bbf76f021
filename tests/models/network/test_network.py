"""Fine-tuned networks on drawn crops: what training draws, what is kept of a killed one, what variants change."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import clone

from leukobench.devices import PRECISIONS
from leukobench.errors import UsageError
from leukobench.models import get_model
from leukobench.models.network.augmentation import COLOURS, prepare
from leukobench.models.network.classifier import NetworkClassifier, _temperature
from leukobench.models.network.draws import BalancedSampler
from leukobench.models.network.recipes import TRAININGS
from leukobench.preparation.crops import SIDE, as_images, crop_rows

pytest.importorskip("torch", reason="needs the extra `deep`")
pytest.importorskip("skorch", reason="needs the extra `deep`")

import torch  # after the skips

from leukobench.models.network import architecture, checkpoint, training
from leukobench.models.network.export import export_network

SIDE_HERE = 24


@pytest.fixture
def problem():
    """60 crops of three classes, told by the size of a dark disc on bright glass."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 20)
    distance = np.hypot(*np.mgrid[:SIDE_HERE, :SIDE_HERE] - (SIDE_HERE - 1) / 2)
    image = np.where(distance[None] < 3 + 2 * y[:, None, None], 70, 235)[..., None]
    image = image + rng.integers(-9, 10, (60, SIDE_HERE, SIDE_HERE, 3))
    return image.astype(np.uint8).reshape(60, -1), np.array(["LY", "MO", "NE"])[y]


def lenet(**settings):
    return NetworkClassifier("lenet", **{"epochs": 3, "random_state": 5} | settings)


def test_crops_are_canonical_squares_of_every_image():
    images = [np.full((side, side + 9, 3), 220, np.uint8) for side in (40, 300)]
    rows = crop_rows(images, "scale", um_per_px=0.1)
    assert rows.shape == (2, SIDE * SIDE * 3)
    assert rows.dtype == np.uint8
    assert as_images(rows).shape == (2, SIDE, SIDE, 3)


@pytest.mark.parametrize("view", ["white_balance", "augmented"])
def test_crops_need_a_view_with_a_scale_and_no_copies(view):
    with pytest.raises(UsageError, match="crops need a view"):
        crop_rows([np.zeros((9, 9, 3), np.uint8)], view)


@pytest.mark.parametrize(
    "rows", [np.zeros((2, 7)), np.full((1, 12), 300), np.full((1, 12), np.nan), np.full((1, 12), -1), np.zeros(12)]
)
def test_rows_that_are_no_pixels_are_refused(rows):
    with pytest.raises(ValueError, match="are needed"):
        as_images(rows)


def test_prepared_crops_have_white_glass_and_the_same_chance_gives_the_same_crop():
    image = np.full((40, 40, 3), (200, 190, 170), np.uint8)
    image[15:25, 15:25] = (90, 40, 130)
    assert (prepare(image, 32)[0, 0] == 255).all()
    once, again, other = (prepare(image, 32, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
    grey = prepare(image, 32, np.random.default_rng(1), grey=1.0)
    assert (grey == grey[..., :1]).all()


def test_a_crop_in_a_world_is_another_laboratory_s_prepared_as_its_picture_would_be():
    image = np.full((160, 160, 3), (230, 220, 200), np.uint8)
    image[60:100, 60:100] = (90, 40, 130)
    draws = [prepare(image, 112, np.random.default_rng(seed), colour="worlds") for seed in range(12)]
    np.testing.assert_array_equal(draws[0], prepare(image, 112, np.random.default_rng(0), colour="worlds"))
    assert {draw.shape for draw in draws} == {(112, 112, 3)}
    assert len({draw.tobytes() for draw in draws}) == 12
    # The glass of most is found and made white, whatever its lamp; the cell is dark in all of them.
    assert np.median([np.median(draw[:8], axis=(0, 1)).min() for draw in draws]) > 240
    assert max(draw[40:72, 40:72, 1].min() for draw in draws) < 200


def test_the_strength_of_other_augmentation_is_no_choice_in_worlds():
    assert "strength" not in get_model("finetune:mobilenet_v2+worlds").space
    assert "strength" in get_model("finetune:mobilenet_v2").space


@pytest.mark.parametrize("colour", COLOURS)
def test_no_strength_is_no_augmentation_but_for_the_place(colour):
    image = np.full((40, 40, 3), 235, np.uint8)
    image[18:22, 18:22] = 60
    crop = prepare(image, 40, np.random.default_rng(0), strength=0.0, colour=colour)
    np.testing.assert_array_equal(crop, prepare(image, 40))


def test_mixup_blends_images_and_labels_alike():
    images = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (0, 100)])
    items = [(images[i], (i, 0)) for i in (0, 1)]
    blended, (labels, _) = training.mixup(1.0, 2, 0)(items)
    np.testing.assert_allclose(labels.sum(1), 1)
    np.testing.assert_allclose(blended[:, 0, 0, 0], 100 * labels[:, 1], atol=1e-4)
    plain, (labels, _) = training.mixup(0.0, 2, 0)(items)
    assert labels.tolist() == [0, 1]
    assert plain.dtype == torch.uint8


def test_coral_is_zero_for_equal_laboratories_and_grows_with_their_distance():
    vectors = torch.randn(20, 4)
    twice, names = torch.cat([vectors, vectors]), torch.arange(40) // 20
    assert training.coral_loss(twice, names) == pytest.approx(0, abs=1e-9)
    far = torch.cat([vectors, 3 * vectors + 1])
    assert training.coral_loss(far, names) > 1
    assert training.coral_loss(vectors, torch.zeros(20, dtype=int)) == 0


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_killed_training_goes_on_as_if_it_had_not_been(problem, precision, tmp_path, monkeypatch):
    X, y = problem
    whole = lenet(precision=precision).fit(X, y)
    path = tmp_path / "fit.checkpoint"
    write = checkpoint.atomic_write

    def killed(*arguments):
        write(*arguments)
        raise SystemExit("killed")

    monkeypatch.setattr(checkpoint, "atomic_write", killed)
    for _ in range(2):  # after the first and after the second epoch
        with pytest.raises(SystemExit):
            lenet(precision=precision).fit(X, y, checkpoint=path)
        assert path.exists()
    monkeypatch.setattr(checkpoint, "atomic_write", write)
    resumed = lenet(precision=precision).fit(X, y, checkpoint=path)
    assert not path.exists()
    assert resumed.history_ == whole.history_
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize(("judges", "kept"), [(10, "best"), (11, "last")])
def test_an_epoch_is_chosen_only_where_enough_images_are_held_out(problem, judges, kept, monkeypatch):
    X, y = problem
    monkeypatch.setattr(training, "JUDGES", judges)
    y = np.unique(y, return_inverse=True)[1]
    for_training, rest = np.arange(60) % 6 > 0, np.arange(60) % 6 == 0
    settings = {"strength": 0.2, "colour": "none", "grey": 0.0}
    crops = training.Crops(as_images(X[for_training]), y[for_training], np.zeros(50, int), 16, 0, **settings)
    # labels that are wrong: the more is learnt, the worse they fit
    held_out = training.Crops(as_images(X[rest]), (y[rest] + 1) % 3, np.zeros(10, int), 16, 0, **settings)
    sampler = BalancedSampler(crops.labels, np.zeros(50, int), 160, 0)
    module = architecture.build_network("lenet", 3, size=16)
    settings = {"n_classes": 3, "epochs": 12, "weight_decay": 0.0, "batch_size": 16, "seed": 0}
    settings |= {"device": "cpu", "precision": "float32"}
    history = training.train(module, crops, held_out, sampler, learning_rate=3e-3, **settings)
    images, labels = zip(*[held_out[i] for i in range(10)], strict=True)
    with torch.no_grad():
        logits, _ = module.eval()(torch.from_numpy(np.stack(images)))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([label for label, _ in labels])).item()
    losses = [epoch["valid_loss"] for epoch in history]
    assert min(losses) < losses[-1] - 0.5
    assert loss == pytest.approx({"best": min(losses), "last": losses[-1]}[kept], rel=1e-4)
    assert len(history) == 12 or kept == "best"


def test_crops_that_judge_are_prepared_once_and_those_that_train_each_time(problem, monkeypatch):
    prepared = []
    monkeypatch.setattr(training, "prepare", lambda *a, **k: prepared.append(0) or prepare(*a, **k))
    images = as_images(problem[0][:2])
    crops = training.Crops(images, [0, 1], [0, 0], 16, 7, strength=1.0, colour="stain", grey=0.5)
    for _ in range(3):
        seen = crops[1][0]
    assert len(prepared) == 1
    alone = prepare(images[1], 16, np.random.default_rng((7, 0, 1)), strength=1.0, colour="stain", grey=0.5)
    np.testing.assert_array_equal(seen, alone)  # the glass that is known is the glass that is found
    assert not np.array_equal(crops[0, 5, 1][0], crops[1, 6, 1][0])
    assert len(prepared) == 3


@pytest.mark.parametrize("images", [1, 2, 4, 5, 9])
def test_a_training_of_few_steps_goes_through(problem, images):
    X, y = problem
    rows = np.tile([0, 20], images)
    history = lenet(epochs=1, batch_size=4).fit(X[rows], y[rows]).history_
    assert np.isfinite(history[0]["train_loss"])


def test_a_small_source_is_drawn_often_but_not_without_end(problem, monkeypatch):
    X, y = problem
    drawn = []
    monkeypatch.setattr(training, "train", lambda *a, **k: drawn.append(len(a[3])) or [])
    for repeats in (1, 4):
        lenet().fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
    assert drawn == [8 * 54 // 32 * 32, 768]


@pytest.mark.parametrize("content", [b"half a file", b"", 3, {"module": {}}])
def test_a_damaged_checkpoint_is_named_and_begun_again(problem, tmp_path, caplog, content):
    X, y = problem
    path = tmp_path / "fit.checkpoint"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    model = lenet(epochs=1).fit(X, y, checkpoint=path)
    assert "fit.checkpoint is damaged" in caplog.text
    np.testing.assert_array_equal(model.predict_proba(X), lenet(epochs=1).fit(X, y).predict_proba(X))


def test_a_training_of_another_precision_is_not_gone_on_with(problem, tmp_path, caplog):
    X, y = problem
    path = tmp_path / "fit"
    lenet(precision="bfloat16").fit(X, y, checkpoint=path, keep=True)
    resumed = lenet(precision="float32").fit(X, y, checkpoint=path)
    assert "fit was kept of a training in bfloat16: it starts again in float32" in caplog.text
    assert resumed.history_ == lenet(precision="float32").fit(X, y).history_


def test_a_training_of_another_network_is_not_gone_on_with(problem, tmp_path, caplog):
    X, y = problem
    path = tmp_path / "fit"
    lenet(epochs=1).fit(X, y, checkpoint=path, keep=True)
    started = lenet(epochs=1, norm="group").fit(X, y, checkpoint=path)
    assert "fit was kept of another network: its training starts again" in caplog.text
    assert started.history_ == lenet(epochs=1, norm="group").fit(X, y).history_


def test_a_checkpoint_that_the_machine_cannot_read_is_kept(problem, tmp_path):
    path = tmp_path / "fit.checkpoint"
    path.mkdir()  # root may read everything but a folder
    with pytest.raises(IsADirectoryError):
        lenet(epochs=1).fit(*problem, checkpoint=path)


def test_fitting_leaves_the_chance_of_others_alone(problem):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    lenet(epochs=1).fit(*problem)
    assert torch.equal(torch.rand(2), expected)


def test_early_layers_keep_their_weights(problem):
    module = architecture.build_network("mobilenet_v2", 3, size=32, frozen=0.2).train()
    still = {name for name, value in module.named_parameters() if not value.requires_grad}
    assert "backbone.features.0.0.weight" in still
    assert "backbone.features.18.0.weight" not in still
    assert not module.backbone.features[0][1].training
    assert module.backbone.features[18][1].training


def test_group_norms_take_the_place_of_batches():
    module = architecture.build_network("mobilenet_v2", 3, size=32, norm="group")
    groups, batches = (
        [each for each in module.modules() if isinstance(each, kind)]
        for kind in (torch.nn.GroupNorm, torch.nn.BatchNorm2d)
    )
    assert groups
    assert not batches
    alone, batch = module.eval()(torch.zeros(1, 32, 32, 3)), module(torch.zeros(2, 32, 32, 3))
    torch.testing.assert_close(alone[0][0], batch[0][0])


def test_an_image_with_the_statistics_of_the_pretraining_gets_what_batch_normalisation_gave():
    batch = torch.nn.BatchNorm2d(16).eval()
    batch.running_mean, batch.running_var = torch.linspace(-2, 3, 16), torch.linspace(0.2, 5, 16)
    torch.nn.init.normal_(batch.weight)
    torch.nn.init.normal_(batch.bias)
    maps = torch.randn(1, 16, 6, 6)
    std, mean = torch.std_mean(maps, (2, 3), keepdim=True, correction=0)
    maps = (maps - mean) / std * batch.running_var.sqrt().view(1, -1, 1, 1) + batch.running_mean.view(1, -1, 1, 1)
    holder = torch.nn.Sequential(batch)
    expected = holder(maps)
    assert architecture._group_norms(holder) == 1
    torch.testing.assert_close(holder(maps), expected, atol=1e-4, rtol=1e-4)


def test_a_backbone_without_batches_has_no_groups_to_take_their_place(monkeypatch):
    monkeypatch.setattr(architecture, "_lenet", lambda: torch.nn.Sequential(torch.nn.LayerNorm(3)))
    with pytest.raises(UsageError, match="no batch normalisation to replace"):
        architecture.build_network("lenet", 3, size=32, norm="group")


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["group_norm", "fixed_norm"])
def test_a_pretrained_network_learns_without_the_statistics_of_the_batch(problem, variant):
    X, y = problem
    recipe = get_model(f"finetune:mobilenet_v2+{variant}")
    model = recipe.build(recipe.defaults | {"epochs": 3, "strength": 0.3}, 0).fit(X[::2], y[::2])
    assert (model.predict(X[1::2]) == y[1::2]).mean() > 0.8


def test_groups_behind_frozen_layers_have_slopes():
    torch.manual_seed(0)
    images, given = torch.randn(2, 24, 9, 9), torch.randn(2, 24, 9, 9)
    slopes = []
    for each in (images, images.contiguous(memory_format=torch.channels_last)):
        groups = architecture._as_groups(torch.nn.BatchNorm2d(24))
        (groups(each) * given).sum().backward()
        slopes.append(groups.weight.grad)
    torch.testing.assert_close(*slopes)


def test_mixstyle_acts_in_training_only_and_keeps_normalised_maps():
    mix = architecture.MixStyle(1.0)
    maps = torch.randn(8, 3, 5, 5) * torch.arange(1.0, 9).view(8, 1, 1, 1)
    with torch.no_grad():
        assert mix(None, None, maps) is maps
    mixed = mix(None, None, maps)
    assert not torch.allclose(mixed, maps)

    def normal(each):
        std, mean = torch.std_mean(each, (2, 3), keepdim=True)
        return (each - mean) / std

    torch.testing.assert_close(normal(mixed), normal(maps), atol=1e-3, rtol=1e-3)


def test_a_network_that_mixes_styles_in_training_is_exported_without():
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    network = NetworkClassifier("lenet", mixstyle=0.5)._build(2, 32).eval()
    with torch.no_grad():
        expected = network(torch.from_numpy(images))[0].numpy()
    np.testing.assert_allclose(export_network(network, 32, 2).logits(images), expected, atol=1e-5)


def test_adabn_takes_the_statistics_of_the_target_and_leaves_the_network(problem):
    X, y = problem
    model = lenet(adapt=True).fit(X, y)
    before = {name: value.clone() for name, value in model.module_.state_dict().items()}
    dark = np.clip(as_images(X).astype(int) - 60, 0, 255).astype(np.uint8).reshape(len(X), -1)
    plain = clone(model).set_params(adapt=False).fit(X, y)
    model.temperature_ = plain.temperature_ = 1.0  # six images give one at which all answers are certain
    assert not np.allclose(model.predict_proba(dark), plain.predict_proba(dark))
    assert all(torch.equal(value, before[name]) for name, value in model.module_.state_dict().items())


def test_the_temperature_is_the_likeliest():
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(4000, 3))
    labels = np.array([rng.choice(3, p=p) for p in softmax(logits, axis=1)])
    assert _temperature(logits, labels) == pytest.approx(1, abs=0.1)
    assert _temperature(2.5 * logits, labels) == pytest.approx(2.5, abs=0.2)


def test_mistakes_are_named(problem):
    X, y = problem
    with pytest.raises(UsageError, match="unknown device"):
        lenet(device="tpu").fit(X, y)
    with pytest.raises(UsageError, match="unknown precision"):
        lenet(precision="float8").fit(X, y)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no CUDA device"):
            lenet(device="cuda").fit(X, y)
    with pytest.raises(UsageError, match="unknown backbone"):
        NetworkClassifier("resnet").fit(X, y)
    with pytest.raises(ValueError, match="two are needed"):
        lenet().fit(X[:5], y[:5])
    with pytest.raises(UsageError, match="unknown step 'luck'"):
        get_model("lenet+luck")


@pytest.mark.parametrize("variant", TRAININGS)
def test_every_variant_fits(problem, variant):
    X, y = problem
    recipe = get_model(f"lenet+{variant}").with_training(epochs=1)
    model = recipe.build(recipe.defaults, 0).fit(X, y, laboratories=np.arange(60) % 2)
    assert model.predict_proba(X).shape == (60, 3)
    assert recipe.transductive == (variant == "adabn")


def test_ctrl_c_ends_a_training_and_gives_no_half_trained_network(problem, monkeypatch):
    calls, whole = [], training.prepare

    def interrupted(*arguments, **settings):
        calls.append(1)
        if len(calls) == 300:
            raise KeyboardInterrupt
        return whole(*arguments, **settings)

    monkeypatch.setattr(training, "prepare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lenet().fit(*problem)


def test_what_lies_beyond_a_small_picture_has_its_glass_and_is_white_after_the_balance():
    image = np.full((60, 60, 3), (230, 200, 150), np.uint8)
    image[22:38, 22:38] = (90, 40, 130)
    crop = as_images(crop_rows([image], "scale", um_per_px=0.2))[0]
    np.testing.assert_array_equal(crop[0, 0], (230, 200, 150))
    assert (prepare(crop, 112)[[0, 40], [0, 40]] == 255).all()  # beyond the picture, and its own glass


def test_the_loss_that_epochs_are_chosen_by_weighs_images(problem):
    X, y = problem
    labels, rows, weights = np.unique(y, return_inverse=True)[1], np.arange(0, 60, 5), np.arange(12) % 3 + 1
    plain = architecture.build_network("lenet", 3, size=24)

    def loss(rows, by=None):
        crops = training.Crops(as_images(X)[rows], labels[rows], np.zeros(len(rows), int), 24, 0, by, strength=0.0)
        net = training.Net(plain, criterion=torch.nn.CrossEntropyLoss, criterion__label_smoothing=0.1).initialize()
        batches = torch.utils.data.DataLoader(crops, batch_size=4)
        return np.mean([float(net.validation_step(batch)["loss"]) for batch in batches])

    each = np.array([loss(row[None]) for row in rows])
    assert loss(rows, weights) == pytest.approx(np.average(each, weights=weights), rel=1e-5)
    assert loss(rows, weights) != pytest.approx(each.mean(), rel=1e-4)


def test_an_image_that_weighs_nothing_is_not_there(problem, monkeypatch):
    monkeypatch.setattr("leukobench.models.network.draws.LEAST_DRAWS", 32)
    X, y = problem
    there = np.arange(60) % 4 > 0
    groups = np.arange(60) // 2
    with_all = lenet(epochs=1).fit(X, y, groups=groups, sample_weight=there.astype(float))
    without = lenet(epochs=1).fit(X[there], y[there], groups=groups[there])
    assert with_all.predict_proba(X).tolist() == without.predict_proba(X).tolist()
    for wrong, words in ((np.ones(5), "shape"), (-np.ones(60), "[Nn]egative"), (y == "LY", "only the class")):
        with pytest.raises(ValueError, match=words):
            lenet(epochs=1).fit(X, y, sample_weight=wrong)


def test_a_weight_of_two_judges_like_an_image_that_is_there_twice():
    rng = np.random.default_rng(0)
    labels, weights = rng.integers(0, 3, 60), rng.integers(1, 5, 60)
    twice = np.repeat(np.arange(60), weights)
    logits = rng.normal(size=(60, 3)) + 2 * np.eye(3)[labels]
    same = _temperature(logits[twice], labels[twice])
    assert _temperature(logits, labels, weights) == pytest.approx(same)
    assert _temperature(logits, labels) != pytest.approx(same)
