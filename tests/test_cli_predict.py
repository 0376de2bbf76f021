"""`leukobench predict` from the command line."""

import hashlib
import re
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from leukobench.cli import app
from leukobench.datasets.phantom import write_phantom
from leukobench.errors import UsageError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=10, domains=["barcelona"])


@pytest.fixture
def predict(root, tmp_path, monkeypatch):
    """Run the command on four cells and a damaged file; gives what it printed."""
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "no data here"))
    monkeypatch.delenv("LEUKOBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells").mkdir()
    for path in sorted((root / "barcelona").rglob("*.jpg"))[:4]:
        shutil.copy(path, tmp_path / "cells")
    (tmp_path / "cells" / "[bold].png").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").touch()

    def call(*arguments):
        result = CliRunner().invoke(app, ["predict", "--jobs", "1", *map(str, arguments)])
        if isinstance(result.exception, UsageError):
            raise result.exception
        return result.exit_code, result.output

    return call


def test_models_that_answer_together_are_kept_in_one_file(predict, root, tmp_path):
    name = 'ensemble:"lda,lda@canonical"'
    code, text = predict("cells", "--model", name, "--train", "barcelona", "--data", root, "--save", "both.zip")
    assert code == 0, text
    first = pd.read_csv(tmp_path / "predictions.csv")
    assert first["class"].notna().sum() == 4
    code, text = predict("cells", "--load", "both.zip", "--out", "again.csv")
    assert code == 0, text
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "again.csv"), first)


def test_a_folder_is_predicted_and_the_model_kept(predict, root, tmp_path):
    code, text = predict("cells", "--model", "lda", "--train", "barcelona", "--data", root, "--save", "lda.zip")
    assert code == 0, text
    assert "4 of 5 files are predicted, " in text
    assert "1 cannot be read" in text
    assert "[bold].png: truncated: the file is empty" in text
    assert "note: 4 of the files were trained on" in text
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert len(table) == 5
    assert table["class"].notna().sum() == 4
    digest = hashlib.sha256((tmp_path / "lda.zip").read_bytes()).hexdigest()
    assert f"the model is lda.zip, sha256 {digest}" in text
    code, text = predict("cells", "--load", "lda.zip", "--out", "new/again.csv")
    assert code == 0, text
    assert f"the model is lda.zip, sha256 {digest}" in text
    assert (tmp_path / "new" / "again.csv").read_bytes() == (tmp_path / "predictions.csv").read_bytes()
    code, text = predict("cells", "--load", "lda.zip", "--um-per-px", "0.5", "--no-page")
    assert "unsure (4): it is of another size than the cells that the model was trained on" in text
    assert "no answer is sure: there is no differential count" in text
    assert "nan" not in text


def test_a_release_file_is_taken_where_no_model_is_named(predict, root, tmp_path):
    release = tmp_path / "no data here" / "leukobench" / "models" / "default.zip"
    code, text = predict("--model", "lda", "--train", "barcelona", "--data", root, "--save", release)
    assert code == 0, text
    assert not (tmp_path / "predictions.csv").exists()
    code, text = predict("cells", "--no-page")
    assert code == 0, text
    assert f"the model is {release}" in text.replace("\n", "")
    assert [path.name for path in tmp_path.glob("predictions.*")] == ["predictions.csv"]


def test_a_network_is_explained(predict, root, tmp_path, monkeypatch):
    monkeypatch.setattr("leukobench.models.network.draws.LEAST_DRAWS", 64)
    how = ("--model", "lenet", "--epochs", "1", "--train", "barcelona", "--data", root)
    code, text = predict("cells", *how, "--explain", "cams")
    assert code == 0, text
    assert "why, of every cell: cams" in text
    assert len(list((tmp_path / "cams").iterdir())) == 4
    page = (tmp_path / "predictions.html").read_text()
    assert len(re.findall(r'"map": ?"data:image/webp', page)) == 4


TRAIN = ("--model", "lda", "--train", "barcelona", "--data", "DATA")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cells"], "no model is there"),
        (["cells", "--model", "lda"], "no --train; for example"),
        ([*TRAIN], "no images are named"),
        (["cells", "--model", "ldaa", "--train", "barcelona"], "did you mean 'lda'"),
        (["cells", "--model", "lda", "--train", "barcelona"], "no images found; give --data"),
        (["cells", "--model", "lda", "--train", "barcelone", "--data", "DATA"], "did you mean 'barcelona'"),
        (["cells", *TRAIN, "--level", "L7"], "unknown level"),
        (["empty", *TRAIN], "no images in empty"),
        (["nowhere", *TRAIN], "no file or folder nowhere"),
        (["cells", *TRAIN, "--um-per-px", "-1"], "is no pixel size"),
        (["cells", "--model", "mobilenet_v2+knn", *TRAIN[2:], "--explain", "cams"], "reads numbers without a name"),
        (["cells", "--model", "lenet", *TRAIN[2:], "--explain", "cells/cams"], "lies in cells"),
        (["cells", "--load", "no.zip"], "cannot read no.zip"),
        (["cells", "--load", "no.zip", "--model", "lda"], "--load and --model do not go together"),
        (["cells", *TRAIN, "--out", "empty"], "cannot write empty"),
        (["cells", *TRAIN, "--out", "cells/[bold].png/x.csv"], "[bold].png is no folder"),
        (["cells", *TRAIN, "--out", "taken.html"], "cannot write taken.html: another file of this command"),
        (["cells", *TRAIN, "--out", "./a.zip", "--save", "a.zip"], "cannot write a.zip: another file of this"),
        (["cells", *TRAIN, "--save", "a.html", "--out", "a.csv"], "cannot write a.html: another file of this"),
        (["cells", "--load", "taken", "--out", "taken"], "cannot write taken: another file of this command"),
        (["taken", "--load", "no.zip", "--out", "taken", "--no-page"], "cannot write taken: another file of this"),
        (["cells", "--model", "lenet", *TRAIN[2:], "--explain", "taken"], "taken is no folder"),
    ],
)
def test_a_mistake_is_named_with_what_to_do_next(predict, root, tmp_path, arguments, words):
    with pytest.raises(UsageError) as error:
        predict(*(root if each == "DATA" else each for each in arguments))
    assert words in str(error.value)
    assert not (tmp_path / "predictions.csv").exists()


def test_a_wrong_name_is_told_before_images_are_read(predict, root, monkeypatch):
    monkeypatch.setattr("leukobench.inference.reading.read_images", lambda *args: pytest.fail("read"))
    with pytest.raises(UsageError, match="did you mean 'barcelona'"):
        predict("cells", "--model", "lda", "--train", "barcelona,barcelone", "--data", root)
