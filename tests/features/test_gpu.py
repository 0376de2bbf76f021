"""The CUDA backend on a device: the CPU's numbers, arrays taken where they are, how fast.

`python -m pytest tests/features/test_gpu.py -m gpu`; the figures are kept by `python benchmarks/features.py --gpu`.
"""

import numpy as np
import pytest

from leukobench.devices import cuda_is_available
from leukobench.errors import UsageError
from leukobench.features import extract_features, feature_sets
from leukobench.features.bench import run_cuda_bench

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cuda_is_available(), reason="no CUDA device: see results/gpu/README.md"),
]


@pytest.mark.real
@pytest.mark.parametrize("feature_set", feature_sets())
def test_parity_with_cpu_on_all_real_cells(real_cells, difference, feature_set):
    cpu = extract_features(*real_cells, device="cpu", feature_set=feature_set)
    assert len(cpu) == 400
    # Of the background, 60,000 pixels of nearly one colour, the CPU and CUDA are each within .0001 of the reference.
    most = 2e-4 if feature_set == "background" else 1e-4
    assert difference(extract_features(*real_cells, device="cuda", feature_set=feature_set), cpu) < most


@pytest.mark.parametrize("feature_set", ["extended", "background"])
def test_degenerate_cells(degenerate, kind, feature_set, agree):
    images, masks, _ = degenerate(kind)
    cpu = extract_features(images, masks, device="cpu", feature_set=feature_set)
    agree(extract_features(images, masks, device="cuda", feature_set=feature_set), cpu)


def test_small_batches_change_nothing(drawn_cells):
    whole = extract_features(*drawn_cells, device="cuda", feature_set="extended")
    parts = extract_features(*drawn_cells, device="cuda", feature_set="extended", batch_bytes=20_000)
    np.testing.assert_allclose(parts, whole, rtol=1e-9)


class CudaArray:
    """An array of another library, known by `__cuda_array_interface__` alone."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape
        self.__cuda_array_interface__ = array.__cuda_array_interface__


class DLPackArray:
    """An array of another library, known by DLPack alone."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __dlpack__(self, *args, **kwargs):
        return self.array.__dlpack__(*args, **kwargs)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("wrap", [lambda array: array, CudaArray, DLPackArray], ids=["cupy", "interface", "dlpack"])
@pytest.mark.parametrize("stacked", [True, False])
def test_arrays_on_the_device_are_taken_as_they_are(cell, wrap, stacked):
    import cupy

    images, masks = np.stack([cell[0]] * 5), np.stack([cell[1]] * 5)
    host = extract_features(images, masks, device="cuda")
    if stacked:
        arrays = wrap(cupy.asarray(images)), wrap(cupy.asarray(masks))
    else:
        arrays = [[wrap(cupy.asarray(one)) for one in part] for part in (images, masks)]
    np.testing.assert_allclose(extract_features(*arrays, device="cuda"), host, rtol=1e-9)


def test_a_label_above_two_on_the_device_is_a_usage_error(cell):
    import cupy

    with pytest.raises(UsageError, match="above 2"):
        extract_features([cupy.asarray(cell[0])], [cupy.asarray(cell[1] + 1)], device="cuda")


def test_throughput():
    """Prints images per second at 300 x 300, from the host and on the device: figures, not thresholds."""
    table = run_cuda_bench(images=500, seconds=1.0)
    print(table.to_string(index=False))
    assert set(table["data"]) == {"host list", "host stack", "device stack"}
    assert (table["images_per_s"] > 0).all()
