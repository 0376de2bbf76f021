"""What a table of predictions says of its images, whatever they are shown under."""

import pyarrow as pa
import pytest

from leukobench.report.layout import Images, Layout


@pytest.mark.parametrize("tests", [("ward",), ("ward/jpeg-1", "ward/jpeg-2")])
def test_a_class_of_one_slide_is_undefined_under_every_condition(tests):
    """Its slide was held out with all of its copies, so that no model had learnt it."""
    true, slides = ["LY", "LY", "MO", "MO", "NE", "NE"], ["a", "b", "a", "b", "c", "c"]
    n = len(tests)
    hashes = [f"{i}" for i in range(6)]
    names = [test for test in tests for _ in true]
    table = pa.table({"test": names, "sha256": hashes * n, "group": slides * n, "true": true * n})
    record = {"protocol": "x", "train": "ward", "model": "lda", "seed": 0, "fingerprint": "x"}
    record |= {"sources": ["ward"], "targets": [*tests]}
    layout = Layout(table, ["LY", "MO", "NE"], record, Images())
    assert [part.unlearnt for part in layout.parts.values()] == [("NE",)] * n
