"""The precision networks train in: who decides it, what a record says of it, and gradients that it must not bend."""

import numpy as np
import pandas as pd
import pytest

from leukobench import devices
from leukobench.models import get_model
from leukobench.running.changes import changes
from leukobench.running.plan import build_plan
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

    def plan(precision, model="lenet"):
        monkeypatch.setattr("leukobench.running.plan.training_precision", lambda: precision)
        budget = Budget("quick", 3, 3, 1, {"light": 2, "medium": 2, "heavy": 2, "network": 0})
        facts = {"name": "small", "description": "", "version": 1, "level": "L5", "protocols": ("pairwise",)}
        facts |= {"seeds": (0,), "budget": budget, "min_source_images": 10, "min_test_images": 5}
        return build_plan(Suite(datasets=("left", "right"), models=(model,), **facts), samples)

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
