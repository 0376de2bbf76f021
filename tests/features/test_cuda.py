"""The CUDA kernels without a device: compiled for real, run on the CPU behind a shim; test_gpu.py runs them there."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from leukobench.features import extract_features
from leukobench.features.backends.cuda import _by_reference, kernel_source, scratch_layout, shared_tables
from leukobench.features.batch import stream
from leukobench.features.registry import all_parts

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
def on_cpu(tmp_path_factory):
    """Function (images, masks) -> values of all parts, by the kernels behind the shim."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ to run the CUDA kernels on the CPU")
    folder = tmp_path_factory.mktemp("kernels")
    shim = Path(__file__).with_name("cuda_shim.hpp").read_text()
    (folder / "kernels.cpp").write_text(shim + kernel_source(PARTS))
    command = ["g++", "-std=c++14", "-O2", "-shared", "-fPIC", "kernels.cpp", "-o", "kernels.so"]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "kernels.so"))
    block = ctypes.c_int.in_dll(library, "blockIdx")
    constants = shared_tables()[0]

    def compute(images, masks):
        (batch,) = stream(images, masks, 1 << 40)
        scratch_offsets, size = scratch_layout(batch.shapes)
        scratch, out = np.empty(size, np.int32), np.empty((len(batch), len(ALL)))
        arrays = batch.pixels, batch.labels, batch.offsets, batch.shapes, constants, scratch, scratch_offsets, out
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        column = 0
        for part in PARTS:
            for block.value in range(len(batch)):
                getattr(library, part.name)(*pointers, ctypes.c_int(len(ALL)), ctypes.c_int(column))
            column += len(part.columns)
        return out

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
