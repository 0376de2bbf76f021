"""Own folders from anywhere: the draft of their facts, and their place beside the data root."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from leukobench.cli import app
from leukobench.datasets import build_index, get_dataset
from leukobench.datasets.added import with_folders
from leukobench.datasets.draft import draft_facts
from leukobench.datasets.index import PHANTOM_FILE
from leukobench.errors import UsageError
from leukobench.inputs import read_toml


@pytest.fixture
def scans(tmp_path, write_picture):
    """A folder with German class folders, outside the data root `root`."""
    for name in ("Lymphozyten/1.png", "Monozyten/2.png", "03 Neutrophile (neu)/3.png", "Unklar/4.png"):
        write_picture(tmp_path / "scans" / name)
    write_picture(tmp_path / "root/ward7/LY/1.png")
    return tmp_path / "scans"


def test_a_draft_guesses_and_asks(scans):
    path, asked = draft_facts(scans)
    assert asked == ["Unklar"]
    labels = {"Lymphozyten": "LY", "Monozyten": "MO", "03 Neutrophile (neu)": "NE", "Unklar": "?"}
    assert read_toml(path) == {"title": "scans", "labels": labels}
    assert '"03 Neutrophile (neu)" = "NE"    # 1 image, guessed: is it neutrophil?' in path.read_text("utf-8")
    with pytest.raises(UsageError, match="is there already"):
        draft_facts(scans)
    with pytest.raises(UsageError, match=r"dataset.toml, line \d+: nobody has said what 'Unklar' is"):
        get_dataset("scans", scans.parent)
    path.write_text(path.read_text("utf-8").replace('"?"', '"-"'), "utf-8")
    index = build_index(scans.parent, ["scans"])
    assert index["code"].fillna("").tolist() == ["NE", "LY", "MO", ""]


def test_a_draft_needs_labels(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        draft_facts(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no image in .* has a label"):
        draft_facts(tmp_path)


def test_a_folder_lies_beside_the_data_root(scans):
    draft_facts(scans)[0].write_text("[labels]\n'03 Neutrophile (neu)' = 'NE'\nUnklar = '-'")
    with with_folders(scans.parent / "root", [str(scans), str(scans.parent / "root/ward7")]) as (root, names):
        assert names == ["scans", "ward7"]
        assert root.name == "root"
        index = build_index(root, ["scans", "ward7"])
        assert index["path"].iloc[0] == "scans/03 Neutrophile (neu)/3.png"
        assert (index["status"] == "ok").sum() == 4
    assert not root.exists()
    assert (scans / "Lymphozyten/1.png").exists()


def test_folders_alone_are_a_data_root_and_drawn_images_stay_marked(scans):
    (scans.parent / PHANTOM_FILE).write_text("{}")
    with with_folders(None, [f"n={scans / 'Lymphozyten'}"]) as (root, names):
        assert (names, (root / PHANTOM_FILE).is_file()) == (["n"], True)
    with with_folders("as it was", []) as given:
        assert given == ("as it was", [])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["{0}/nowhere"], "no folder"),
        (["munich={0}/scans"], "called 'munich' already; write another name before it: name=/"),
        (["ward7={0}/scans"], "called 'ward7' already"),
        (["other={0}/root/ward7"], "is the dataset 'ward7' already"),
        (["merged={0}/scans"], "cannot be called 'merged'"),
        (["{0}/scans", "scans={0}/root"], "one name"),
    ],
)
def test_what_cannot_be_added(scans, texts, message):
    with (
        pytest.raises(UsageError, match=message),
        with_folders(scans.parent / "root", [text.format(scans.parent) for text in texts]),
    ):
        pass


def test_the_command_line_drafts_and_indexes_a_folder_without_a_data_root(scans, monkeypatch):
    monkeypatch.delenv("LEUKOBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(scans.parent / "no data here"))
    run = CliRunner().invoke
    assert "what these are: Unklar" in run(app, ["data", "init-folder", str(scans)]).output
    path = scans / "dataset.toml"
    path.write_text(path.read_text("utf-8").replace('"?"', '"-"'), "utf-8")
    out = scans.parent / "index.csv"
    told = run(app, ["data", "index", "--add-folder", f"ward={scans}", "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert pd.read_csv(out)["dataset"].tolist() == ["ward"] * 4
