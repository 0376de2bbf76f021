"""The precision networks train in: who decides it, what a record says of it, and gradients that it must not bend."""

import contextlib

import numpy as np
import pandas as pd
import pytest

from leukobench import devices
from leukobench.models import get_model
from leukobench.running import runner
from leukobench.running.changes import changes
from leukobench.running.plan import build_plan
from leukobench.running.prepare import Prepared
from leukobench.running.suite import Budget, Suite

pytest.importorskip("torch", reason="needs the extra `deep`")

import torch  # after the skip

from leukobench.models.network.precision import _Depthwise, computing_in


@pytest.mark.parametrize(
    ("told", "precision"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 clzero\n", "bfloat16"),
        ("flags\t\t: fpu amx_bf16\n", "bfloat16"),
        ("model name\t: avx512_bf16\nflags\t\t: fpu avx512f avx512bw\n", "float32"),
        ("Features\t: fp asimd bf16\n", "float32"),
        (None, "float32"),
    ],
)
def test_the_processor_decides_where_nobody_does(told, precision, tmp_path, monkeypatch):
    facts = tmp_path / "cpuinfo"
    if told is not None:
        facts.write_text(told)
    monkeypatch.setattr(devices, "CPU_FACTS", facts)
    monkeypatch.setattr(devices, "_torch_has_cuda", lambda: False)
    assert devices.training_precision() == devices.training_precision("cpu") == precision
    assert devices.training_precision("cuda") == "bfloat16"


@pytest.fixture
def planned(samples, monkeypatch):
    """Plans of one network by the precision of the machine that plans."""

    def suite(model):
        budget = Budget("quick", 3, 3, 1, {"light": 2, "medium": 2, "heavy": 2, "network": 0})
        facts = {"name": "small", "description": "", "version": 1, "level": "L5", "protocols": ("pairwise",)}
        facts |= {"seeds": (0,), "budget": budget, "min_source_images": 10, "min_test_images": 5}
        return Suite(datasets=("left", "right"), models=(model,), **facts)

    def plan(precision, model="lenet"):
        monkeypatch.setattr("leukobench.running.plan.training_precision", lambda: precision)
        return build_plan(suite(model), samples)

    plan.suite = suite
    return plan


@pytest.fixture
def samples():
    rows = [(lab, f"{lab}-{name}-{i}", name) for lab in ("left", "right") for name in ("LY", "NE") for i in range(12)]
    table = pd.DataFrame(rows, columns=["dataset", "sha256", "class"])
    return table.assign(path=table["sha256"], um_per_px=np.nan, group=None)


def test_another_machine_s_precision_is_another_cell_and_is_said(planned):
    before, after = planned("bfloat16"), planned("float32")
    assert [cell.inputs["precision"] for cell in before] == ["bfloat16"] * len(before)
    assert not {cell.fingerprint for cell in before} & {cell.fingerprint for cell in after}
    notes = changes({"cells": [cell.as_dict() for cell in before]}, after, lambda fingerprint: True)
    assert len(notes) == 1
    assert "precision bfloat16 -> float32" in notes[0]


def test_machines_of_both_kinds_work_in_one_folder_at_once(planned, samples, tmp_path, monkeypatch):
    index = samples.assign(synthetic=False, status="ok", code=samples["class"], same_cell="")
    trained = []

    def start(precision, model="lenet"):
        plan = planned(precision, model)
        monkeypatch.setattr(runner, "prepare", lambda *told: Prepared(planned.suite(model), index, samples, plan, []))
        return runner.run(None, tmp_path, tmp_path / "run", jobs=1)

    def execute(cells, suite, store, done, **options):
        trained.append([cell.fingerprint for cell in cells])
        if len(trained) == 1:
            start("float32")
        for cell in cells:
            done(cell, {"status": "ok"})

    monkeypatch.setattr(runner, "execute", execute)
    monkeypatch.setattr(runner, "_open_pool", lambda *told: contextlib.nullcontext())
    for name in ("_represent", "credits", "count_opinions"):
        monkeypatch.setattr(runner, name, lambda *told: {})
    start("bfloat16")
    assert trained == 2 * [[cell.fingerprint for cell in planned("bfloat16")]]
    start("float32", "lenet+mixup")
    assert trained[-1] == [cell.fingerprint for cell in planned("bfloat16", "lenet+mixup")]


def test_who_fixes_the_precision_has_it_on_every_machine(planned):
    name = "lenet[precision=float32]"
    before, after = planned("bfloat16", name), planned("float32", name)
    assert [cell.fingerprint for cell in before] == [cell.fingerprint for cell in after]
    recipe = get_model(name).with_training(precision="bfloat16")
    assert recipe.build(recipe.defaults, 0).precision == "float32"


@pytest.mark.parametrize("model", ["lenet+ensemble", 'ensemble:"lda,lenet"'])
def test_the_precision_of_a_run_reaches_the_networks_inside(model):
    recipe = get_model(model).with_training(precision="bfloat16")
    built = recipe.build(recipe.defaults, 0)
    network = built.estimator if model == "lenet+ensemble" else built.estimators[1]
    assert network.precision == "bfloat16"


@pytest.mark.parametrize("height", [9, 10])
@pytest.mark.parametrize(("stride", "kernel", "padding"), [(1, 3, 1), (2, 3, 1), (2, 5, 2), (1, 5, 1), (2, 3, 0)])
def test_depthwise_gradients_are_those_of_differences(stride, kernel, padding, height):
    torch.manual_seed(0)
    images = torch.randn(2, 3, height, height + 1, dtype=torch.double, requires_grad=True)
    weight = torch.randn(3, 1, kernel, kernel, dtype=torch.double, requires_grad=True)
    both = (stride, stride), (padding, padding)
    assert torch.autograd.gradcheck(lambda *given: _Depthwise.apply(*given, *both), (images, weight))


@pytest.mark.parametrize(
    ("groups", "told", "named", "depthwise"),
    [
        (1, (), {}, False),
        (8, (None, 1, 1, 1, 8), {}, True),
        (8, (None, [2], (1, 1), 1, 8), {}, True),
        (8, (), {"groups": 8, "stride": 2}, True),
        (4, (), {"groups": 4}, False),
        (8, (torch.zeros(8), 1, 1, 1, 8), {}, False),
        (8, (None, 1, 3, 1, 8), {}, False),
        (8, (None, 1, "same", 1, 8), {}, False),
        (8, (None, 1, 1, 2, 8), {}, False),
    ],
)
def test_a_convolution_is_computed_however_it_is_told(groups, told, named, depthwise, monkeypatch):
    images, weight = torch.randn(2, 8, 9, 9), torch.randn(8, 8 // groups, 3, 3)
    expected = torch.conv2d(images, weight, *told, **named)
    calls, apply = [], _Depthwise.apply
    monkeypatch.setattr(_Depthwise, "apply", lambda *given: calls.append(given) or apply(*given))
    with computing_in("bfloat16", "cpu"):
        found = torch.conv2d(images, weight.requires_grad_(), *told, **named)
    assert len(calls) == depthwise
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.2)


@pytest.mark.parametrize("precision", devices.PRECISIONS)
def test_a_network_has_about_the_same_gradients_in_either_precision(precision, monkeypatch):
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 8, 1, bias=False), torch.nn.Conv2d(8, 8, 3, 2, 1, groups=8, bias=False)]
    network = torch.nn.Sequential(*layers, torch.nn.Conv2d(8, 4, 1, bias=False))
    images = torch.randn(4, 3, 12, 12)
    network(images).square().sum().backward()
    exact = [weight.grad.clone() for weight in network.parameters()]
    network.zero_grad()
    calls, apply = [], _Depthwise.apply
    monkeypatch.setattr(_Depthwise, "apply", lambda *given: calls.append(given) or apply(*given))
    with computing_in(precision, "cpu"):
        network(images).float().square().sum().backward()
    assert len(calls) == (precision == "bfloat16")
    for weight, expected in zip(network.parameters(), exact, strict=True):
        assert weight.grad.dtype == torch.float32
        torch.testing.assert_close(weight.grad, expected, rtol=0.03, atol=0.03 * float(expected.abs().max()))
        assert torch.equal(weight.grad, expected) == (precision == "float32")
