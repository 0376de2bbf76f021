"""A laboratory's own table of labels, in whatever dialect it was saved."""

import pytest

from leukobench.datasets import build_index, index_hash, own_datasets
from leukobench.errors import UsageError

ROWS = [("a/1.png", "Stabkernige", "s1", "0,1"), ("b/Käfig 2.png", "LY", "s2", "0,2")]
GIVEN = {"a/1.png": ("BNE", "s1", 0.1), "b/Käfig 2.png": ("LY", "s2", 0.2)}


@pytest.fixture
def ward(tmp_path, write_picture):
    """A data root with the pictures of `ROWS`, and a function that writes the table beside them."""
    for path, *_ in ROWS:
        write_picture(tmp_path / "ward" / path)

    def save(text, encoding="utf-8", name="labels.csv"):
        (tmp_path / "ward" / name).write_bytes(text.encode(encoding))
        return tmp_path

    return save


def table(delimiter=";", heads=("path", "label", "group", "um_per_px"), change=str, rows=ROWS):
    lines = [heads, *((change(path), *rest) for path, *rest in rows)]
    return "".join(delimiter.join(line) + "\r\n" for line in lines)


def found(root):
    index = build_index(root)
    assert (index["status"] == "ok").all(), index["reason"].tolist()
    rows = zip(index["path"], index["code"], index["group"], index["um_per_px"], strict=True)
    return {path.removeprefix("ward/"): tuple(facts) for path, *facts in rows}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_dialects(ward, encoding, delimiter):
    assert found(ward(table(delimiter), encoding)) == GIVEN


@pytest.mark.parametrize("line", ["sep=;", '"sep=|"'])
def test_the_line_of_a_spreadsheet_on_top(ward, line):
    assert found(ward(f"{line}\r\n{table(line.strip(chr(34))[-1])}")) == GIVEN


def test_a_changed_mapping_changes_the_digest_of_the_data(ward):
    before = index_hash(build_index(ward(table())))
    assert index_hash(build_index(ward(table(";")))) == before
    (ward(table()) / "ward/dataset.toml").write_text("[labels]\nStabkernige = 'SNE'")
    assert index_hash(build_index(ward(table()))) != before


def test_commas_and_quotes(ward):
    assert found(ward(table(",", rows=[(*row[:3], f'"{row[3]}"') for row in ROWS]))) == GIVEN


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.replace("/", "\\"),
        lambda path: ".\\" + path.replace("/", "\\"),
        lambda path: "D:\\Labor\\Bilder\\" + path.replace("/", "\\"),
        lambda path: "\\\\server\\share\\x\\" + path.replace("/", "\\").upper(),
        lambda path: "/home/somebody/" + path,
        lambda path: path.replace("ä", "a\u0308"),
    ],
)
def test_paths_of_other_machines(ward, change):
    assert found(ward(table(change=change))) == GIVEN


def test_heads_in_other_words_and_columns_beside(ward):
    heads = ["Dateiname", "Klasse", "Objektträger", "µm/px", "Bemerkung"]
    assert found(ward(table(heads=heads, rows=[(*row, "schön") for row in ROWS]))) == GIVEN


def test_a_table_makes_a_dataset_and_dataset_toml_chooses_it(ward):
    root = ward(table())
    assert own_datasets(root) == ["ward"]
    ward(table(rows=[("a/1.png", "MO", "", ""), ("b/Käfig 2.png", "-", "", "")]), name="other.tsv")
    with pytest.raises(UsageError, match=r"several tables of labels: labels.csv, other.tsv; write table ="):
        build_index(root)
    (root / "ward/dataset.toml").write_text("table = 'other.tsv'\n[labels]\n'-' = '-'\nMO = 'PLT'")
    index = build_index(root).set_index("path")
    assert index["code"].fillna("").tolist() == ["PLT", ""]


def test_what_is_missing_is_a_row_with_its_reason(ward, write_picture):
    root = ward(table(rows=[*ROWS, ("a/gone.png", "LY", "", ""), *[("a/3.png", "", "", "")] * 2]))
    write_picture(root / "ward/a/3.png")
    write_picture(root / "ward/a/4.png")
    rows = build_index(root).set_index("path")
    assert rows.loc["ward/a/gone.png", "status"] == "unreadable"
    assert rows.loc["ward/a/3.png", "reason"].endswith("labels.csv, line 5, gives no label")
    assert rows.loc["ward/a/4.png", "reason"] == "not named in labels.csv"


def test_an_image_is_not_mistaken_for_one_of_the_same_name_elsewhere(ward, write_picture):
    root = ward(table(rows=[*ROWS, ("c/5.png", "LY", "", "")]))
    write_picture(root / "ward/5.png")
    rows = build_index(root).set_index("path")
    assert (rows.loc["ward/5.png", "status"], rows.loc["ward/c/5.png", "status"]) == ("unlabelled", "unreadable")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a/1.png", "Kernix", "", ""), r"labels.csv, line 4: 'Kernix' is no cell type; .*init-folder"),
        (("a/1.png", "LY", "", ""), r"labels.csv, line 4: a/1.png is in line 2 too, and not the same"),
        (("a/9.png", "LY", "", "viel"), r"labels.csv, line 4: um_per_px = 'viel' is no number"),
        (("a/9.png", "LY", "", "900"), r"labels.csv, line 4: um_per_px = 900"),
        (("", "LY", "", ""), r"labels.csv, line 4: no path"),
        (("a/9.png", "LY"), r"labels.csv, line 4: 2 cells, and 3 are needed"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(ward, row, message):
    rows = [*ROWS, row]
    if row[1] == "Kernix":
        rows = [ROWS[0], ROWS[1], ("a/9.png", *row[1:])]
    with pytest.raises(UsageError, match=message):
        build_index(ward(table(rows=rows)))


def test_a_table_without_its_columns_or_images(ward):
    root = ward("what;else\r\na/1.png;LY\r\n")
    for path in sorted(root.rglob("*.png")):
        path.rename(root / "ward" / path.name)
    with pytest.raises(UsageError, match=r"labels.csv, line 1: no column 'path'; there is what, else"):
        build_index(root, ["ward"])
    ward("path,label\nx/y.png,LY\n")
    with pytest.raises(UsageError, match=r"labels.csv, line 2: neither this image nor any other"):
        build_index(root)
