"""Text that others wrote: any common encoding and dialect is read, and what cannot be is named with file and line."""

import ast
import codecs
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leukobench.datasets import barcelona, build_index, get_dataset, munich, zxaoyou
from leukobench.datasets.facts import LONGEST_PATTERN, find_groups
from leukobench.errors import UsageError
from leukobench.inputs import read_bytes, read_table, read_text, read_toml
from leukobench.running.suite import list_suites, load_suite

PACKAGE = Path(__file__).resolve().parents[2] / "leukobench"
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8 with a mark": "utf-8-sig",
    "utf-16": "utf-16",
    "utf-16 big-endian": "utf-16-be",
    "latin-1": "latin-1",
}


def written(path, text, encoding="utf-8"):
    data = text.encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(codecs.BOM_UTF16_BE + data if encoding == "utf-16-be" else data)
    return path


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_every_common_encoding_gives_the_same_text(tmp_path, encoding):
    text = "Größe;Zelle\r\nStäbe;BNE\r\n"
    path = written(tmp_path / "x.csv", text, encoding)
    assert read_text(path) == text
    assert read_table(path) == [(1, ["Größe", "Zelle"]), (2, ["Stäbe", "BNE"])]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"label\nNE\0\n", "line 2, is no text: it holds a NUL"),
        (b"a\nb\n\x81\xff\n", "line 3, is no text"),
        (codecs.BOM_UTF8 + b"a\n\xff", "line 2, is no text"),
        (codecs.BOM_UTF16_LE + b"a", "line 1, is no text"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(tmp_path, data, words):
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(UsageError, match=rf"x\.csv, {words}.*; save it as UTF-8 text"):
        read_table(tmp_path / "x.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_in_any_dialect(tmp_path, delimiter):
    rows = [["Path", " label ", "note"], ["ward\\1.png", "NE", '"a, b; c"'], [], ["2.png", "EO", "5,5"]]
    if delimiter == ",":
        rows[3][2] = '"5,5"'
    path = written(tmp_path / "x.csv", "\n".join(delimiter.join(row) for row in rows))
    assert read_table(path, ["label", "path", "NOTE"]) == [
        (2, ["NE", "ward\\1.png", "a, b; c"]),
        (4, ["EO", "2.png", "5,5"]),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path;class\n1;NE", r"x.csv, line 1: no column 'label'; there are path, class"),
        ("", r"x.csv, line 1: no column 'path'"),
        ("path;label\n1.png\n", r"x.csv, line 2: 1 of 2 cells"),
        ('path;label\n"1.png;NE\n2.png;EO\n', r"x.csv, line 3: .*; see that every quote is closed"),
    ],
)
def test_a_wrong_table_is_named_with_its_line(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        read_table(written(tmp_path / "x.csv", text), ["path", "label"])


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_label_files_of_releases_survive_a_spreadsheet(tmp_path, encoding, delimiter):
    path = written(tmp_path / "labels.csv", f"image ID{delimiter}class\n1{delimiter}2\n012{delimiter}1\n\n", encoding)
    assert zxaoyou.read_labels(path) == {"1": "2", "12": "1"}
    lists = tmp_path / "WBCAtt"
    columns, values = delimiter.join(barcelona.ATTRIBUTES), delimiter.join("?" for _ in barcelona.ATTRIBUTES)
    text = f"{columns}{delimiter}path\n{values}{delimiter}PBC_dataset_normal_DIB\\basophil\\BA_1.jpg\n"
    written(lists / "pbc_attr_v1_val.csv", text, encoding)
    assert barcelona.read_attributes(lists) == {"basophil/BA_1.jpg": ("val", dict.fromkeys(barcelona.ATTRIBUTES, "?"))}


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_the_first_second_label_of_munich_is_not_lost_to_a_mark(tmp_path, encoding):
    text = "BAS/BAS_0001.tiff BAS EOS nan\r\nBAS\\BAS_0002.tiff BAS nan BAS\r\n"
    found = munich.read_second_labels(written(tmp_path / "annotations.dat", text, encoding))
    assert found == {"BAS/BAS_0001.tiff": ("EOS", None), "BAS/BAS_0002.tiff": (None, "BAS")}


def test_a_line_that_a_reader_cannot_use_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"labels.csv, line 3: no number"):
        zxaoyou.read_labels(written(tmp_path / "labels.csv", "image ID,class\n1,2\n1x,2\n"))
    with pytest.raises(UsageError, match=r"annotations.dat, line 2: 3 cells"):
        munich.read_second_labels(written(tmp_path / "annotations.dat", "a b c d\na b c\n"))


@pytest.fixture
def ward(tmp_path):
    """Function that writes `dataset.toml` of a data root with one picture; gives the root."""
    cells = tmp_path / "ward7" / "Stäbe"
    cells.mkdir(parents=True)
    Image.fromarray(np.zeros((12, 12, 3), np.uint8)).save(cells / "s1_1.png")

    def write(text, encoding="utf-8"):
        written(tmp_path / "ward7" / "dataset.toml", text, encoding)
        return tmp_path

    return write


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_dataset_toml_in_any_encoding(ward, encoding):
    root = ward('title = "Übung"\r\n[labels]\r\n"Stäbe" = "BNE"\r\n', encoding)
    assert get_dataset("ward7", root).card.title == "Übung"
    assert build_index(root)["code"].tolist() == ["BNE"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("labels = ['NE']", r"labels = \['NE'\] in .*dataset.toml has the wrong type"),
        ("[labels]\nSt = ['NE']", r"unknown cell type \['NE'\] for 'St' in .*dataset.toml"),
        ("[labels]\nSt = 3", "unknown cell type 3 for 'St'"),
        ("title = 'a'\num_per_px = ,", r"dataset.toml is not a TOML file: .*line 2"),
        ("um_per_px = [0.1]", "no pixel size"),
        ("title = 3", "wrong type"),
    ],
)
def test_a_wrong_dataset_toml_is_named(ward, text, words):
    with pytest.raises(UsageError, match=words):
        build_index(ward(text), ["ward7"])


def test_a_suite_with_a_mark_is_read(tmp_path):
    text = list_suites()["cross-dataset"].read_text(encoding="utf-8")
    assert load_suite(str(written(tmp_path / "mine.toml", text, "utf-8-sig"))) == load_suite("cross-dataset")


EVIL = ["^(?P<group>(?:a+)+)+$", "(?P<group>(?:a|a)*)b", "(?P<group>(?:a?){30}a{30})$", "(?P<group>(?:.*){9})x"]


@pytest.mark.parametrize("pattern", EVIL)
def test_no_regular_expression_hangs(pattern):
    start = time.perf_counter()
    find_groups(pattern, ["a" * 200 + "!"] * 20, "ward7")
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (f"(?P<group>{'a' * LONGEST_PATTERN})", "200 may be written"),
        ("(?P<group>(?:(?:a{1000}){1000}){1000})", "invalid repetition size"),
        ("(a)(?P<group>b)", r"write \(\?:...\) for groups without a name"),
        ("(?<=a)(?P<group>b)", "looking around and back is not possible"),
        ("(?P<patient>b)", "names no group"),
        ("(?P<group>a)(?P<group>b)", "names no group|duplicate"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_at_once(ward, pattern, words):
    with pytest.raises(UsageError, match=words):
        build_index(ward(f"group = '{pattern}'"), ["ward7"])


def test_groups_are_those_that_pythons_own_expressions_find():
    names = ["slide3_17.png", "17.png", "_1.png", "Bär-7_1.png", "a_b_c.png"]
    for pattern in ("^(?P<group>[^_]+)_", r"(?P<group>\d+)", "(?P<group>.*)_", r"^(?P<group>[A-Za-z]+)?"):
        own = [re.search(pattern, name) for name in names]
        assert find_groups(pattern, names, "x") == [match and (match["group"] or None) for match in own]
    with pytest.raises(UsageError, match=r"'Bär-7_1\.png': .*English letters only"):
        find_groups(r"(?P<group>\w+)", names, "x")
    assert find_groups(r"^(?P<group>[\pL\pN]+)", ["Bär-7_1.png"], "x") == ["Bär"]


def test_text_is_bounded_and_regular_too(tmp_path):
    with open(tmp_path / "large.csv", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(UsageError, match=r"large.csv: 1,099,511,627,776 bytes, and at most"):
        read_table(tmp_path / "large.csv")
    with pytest.raises(UsageError, match="cannot read /dev/zero: no regular file"):
        read_toml("/dev/zero")
    with pytest.raises(UsageError, match="Is a directory"):
        read_text(tmp_path)
    assert read_bytes(written(tmp_path / "x", "ab"), 2) == b"ab"


OF_BYTES = {"Image.open", "os.open", "archive.open", "self.file.open", "tarfile.open", "self.part.open"}
"""A picture, a descriptor, archives and members of them, and the part of a download."""


def test_whoever_opens_text_names_its_encoding():
    """The locale's encoding is another one on another machine."""
    unnamed = []
    for path in PACKAGE.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            name, encoded = ast.unparse(call.func), any(each.arg == "encoding" for each in call.keywords)
            of_paths = re.search(r"\.(read_text|write_text|open)$", name) and name not in OF_BYTES
            binary = any(isinstance(each, ast.Constant) and "b" in str(each.value) for each in call.args)
            if (of_paths or name == "open") and not encoded and not binary:
                unnamed.append(f"{path.relative_to(PACKAGE)}:{call.lineno}: {name}")
    assert unnamed == []
