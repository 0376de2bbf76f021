"""Files of the run folder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leukobench.running.store import RunFolder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return RunFolder(tmp_path_factory.mktemp("run"))


def test_plain_names_can_be_read(folder):
    assert folder.rows_path("features:core@augmented").name == "features-core@augmented.npy"
    assert folder.rows_path("embedding:mobilenet_v2+dihedral").name == "embedding-mobilenet_v2+dihedral.npy"


@pytest.mark.parametrize(
    "name", ["embedding:onnx:/models/a.onnx", "embedding:onnx:../a b.onnx", "embedding:é/%" + 300 * "é"]
)
def test_rows_of_any_name_are_written_and_read(folder, name):
    folder.write_rows(name, np.eye(3))
    assert folder.rows_path(name).parent == folder.path / "rows"
    np.testing.assert_array_equal(folder.read_rows(name), np.eye(3))


WHAT = st.text(st.sampled_from("ab/:-%@+~&. é"), max_size=8) | st.text(
    st.sampled_from("ab/"), min_size=140, max_size=300
)
NAMES = st.builds("{}:{}".format, st.sampled_from(("features", "embedding")), WHAT)


@given(NAMES, NAMES)
def test_two_names_never_share_a_file(folder, one, other):
    assert (folder.rows_path(one) == folder.rows_path(other)) == (one == other)
    assert len(folder.rows_path(one).name.encode()) < 255
