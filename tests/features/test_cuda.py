"""The CUDA kernels without a device: compiled for real, run on the CPU behind a shim; test_gpu.py runs them there."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.features import extract_features
from leukobench.features.backends import cuda, get_backend
from leukobench.features.backends.cuda import _by_reference, kernel_source
from leukobench.features.batch import stream
from leukobench.features.registry import all_parts
from tests.features.fake_cupy import cupy_of

PARTS = [part for part in all_parts() if part.cuda]
ALL = [name for part in PARTS for name in part.columns]


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_kernels_compile(architecture):
    pytest.importorskip("cupy", reason="no CuPy with NVRTC: install the extra gpu-cuda12")
    from cupy.cuda import nvrtc

    program = nvrtc.createProgram(kernel_source(PARTS), "kernels.cu", [], [])
    try:
        nvrtc.compileProgram(program, ["-std=c++14", f"--gpu-architecture={architecture}"])
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    cubin = nvrtc.getCUBIN(program)
    assert all(part.name.encode() in cubin for part in PARTS)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The kernels behind the shim, compiled for the CPU."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ to run the CUDA kernels on the CPU")
    folder = tmp_path_factory.mktemp("kernels")
    shim = Path(__file__).with_name("cuda_shim.hpp").read_text()
    (folder / "kernels.cpp").write_text(shim + kernel_source(PARTS))
    command = ["g++", "-std=c++14", "-O2", "-shared", "-fPIC", "kernels.cpp", "-o", "kernels.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "kernels.so"))


@pytest.fixture
def no_device(library, monkeypatch):
    """CuPy as far as the backend needs it, of NumPy arrays; its kernels are those behind the shim."""
    fake = cupy_of(library)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    cuda._module.cache_clear()
    yield fake
    cuda._module.cache_clear()


@pytest.fixture
def on_cpu(no_device):
    """Function (images, masks, batch_bytes) -> values of all parts."""

    def compute(images, masks, batch_bytes=None):
        return np.concatenate([block.copy() for block in cuda.compute(images, masks, PARTS, batch_bytes)])

    return compute


def _reference(images, masks):
    cell = extract_features(images, masks, device="reference", feature_set="extended")
    background = extract_features(images, masks, device="reference", feature_set="background")
    return cell.join(background)[ALL]


def test_logic_on_drawn_cells(on_cpu, drawn_cells, difference):
    assert difference(on_cpu(*drawn_cells), _reference(*drawn_cells)) < 1e-4


@pytest.mark.real
def test_logic_on_real_cells(on_cpu, real_cells, difference):
    some = [part[::10] for part in real_cells]
    assert difference(on_cpu(*some), _reference(*some)) < 1e-4


def test_logic_on_degenerate_cells(on_cpu, degenerate, kind, agree):
    images, masks, _ = degenerate(kind)
    agree(on_cpu(images, masks), _reference(images, masks))


def test_a_part_without_a_kernel_is_measured_on_the_host(drawn_cells):
    pytest.importorskip("cupy", reason="no CuPy: install the extra gpu-cuda12")
    (batch,) = stream(*drawn_cells, 1 << 40)
    (found,) = _by_reference(batch, [(7, part) for part in PARTS if part.name == "zernike"])
    expected = extract_features(*drawn_cells, device="reference", feature_set="extended").filter(like="zernike")
    assert found[0] == 7
    np.testing.assert_array_equal(found[1], expected)


@pytest.mark.parametrize("batch_bytes", [None, 300_000])
@pytest.mark.parametrize("parts", [PARTS, [part for part in PARTS if not part.whole]], ids=["whole", "cell"])
@pytest.mark.parametrize(
    "place", ["iterator", "list", "stack", "objects", "objects and list", "device stack", "device list"]
)
def test_wherever_the_arrays_lie_the_values_are_the_same(no_device, drawn_cells, place, parts, batch_bytes):
    count = 7
    height, width = (min(mask.shape[axis] for mask in drawn_cells[1][:count]) for axis in (0, 1))
    stacks = [np.stack([array[:height, :width] for array in part[:count]]) for part in drawn_cells]
    stacks[1][2] = 0  # no cell
    objects = [np.fromiter(stack, object, count) for stack in stacks]
    given = {
        "iterator": [iter(stack) for stack in stacks],
        "list": [[*stack] for stack in stacks],
        "stack": stacks,
        "objects": objects,
        "objects and list": [objects[0], [*stacks[1]]],
        "device stack": [no_device.asarray(stack) for stack in stacks],
        "device list": [[no_device.asarray(each) for each in stack] for stack in stacks],
    }[place]
    expected = np.concatenate([block.copy() for block in get_backend("reference")(*stacks, parts, None)])
    found = np.concatenate([block.copy() for block in cuda.compute(*given, parts, batch_bytes)])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("where", ["list", "stack", "device"])
def test_a_label_above_two_names_its_mask(no_device, cell, where):
    images, masks = (np.stack([array] * 5) for array in cell)
    masks[3, 0, 0] = 3
    if where == "device":
        images, masks = map(no_device.asarray, (images, masks))
    if where == "list":
        images, masks = [*images], [*masks]
    parts = [part for part in PARTS if part.name == "shape"]
    with pytest.raises(UsageError, match="mask 3 has a label above 2"):
        list(cuda.compute(images, masks, parts, 2 * 4 * masks[0].size))


@pytest.mark.parametrize("bad", ["dtype", "shape", "count"])
def test_what_is_no_cell_is_a_usage_error(no_device, cell, bad):
    images, masks = [cell[0]] * 3, [cell[1], cell[1].astype(int) if bad == "dtype" else cell[1], cell[1][:, 1:]]
    masks = masks[: {"dtype": 2, "shape": 3, "count": 1}[bad]]
    with pytest.raises(
        UsageError, match={"dtype": "mask 1 is int", "shape": "mask 2 is", "count": "3 images and 1"}[bad]
    ):
        list(cuda.compute(images[: len(masks)] if bad != "count" else images, masks, PARTS[:1]))


@pytest.mark.parametrize("cells", [3, 0])
def test_images_without_pixels_are_no_cells(no_device, cell, cells):
    images, masks = [cell[0]] * cells + [cell[0][:0]], [cell[1]] * cells + [cell[1][:0]]
    with pytest.raises(UsageError, match=f"image {cells} is uint8"):
        list(cuda.compute(images, masks, [PARTS[0]]))


def test_images_and_masks_of_different_devices_are_told_apart(no_device, cell):
    with pytest.raises(UsageError, match="different devices"):
        cuda.compute([no_device.asarray(cell[0])], [cell[1]], PARTS[:1])


def test_an_empty_stack_has_no_values(no_device):
    empty = np.empty((0, 9, 9, 3), np.uint8), np.empty((0, 9, 9), np.uint8)
    assert not list(cuda.compute(*empty, PARTS))
