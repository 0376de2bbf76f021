"""A journal of trials that a full disk, a kill or a loss of power has torn goes on from its last whole line."""

import numpy as np
import optuna
import pytest
from sklearn.neighbors import KNeighborsClassifier

from leukobench.models.recipe import Recipe
from leukobench.running.journal import open_storage
from leukobench.running.tuning import tune

LABELS = np.repeat(["LY", "MO"], 15)
ROWS = np.random.default_rng(0).normal(size=(30, 2)) + (LABELS == "MO")[:, None]
SPACE = {"n_neighbors": optuna.distributions.IntDistribution(1, 9)}


def tuned(storage, trials=4):
    """Parameters chosen, and those that were fitted on the way."""
    seen = []

    def build(params, seed):
        seen.append(params["n_neighbors"])
        return KNeighborsClassifier(**params)

    recipe = Recipe("knn", "classical", "features:core", build, SPACE, {"n_neighbors": 5})
    facts = {"laboratories": LABELS, "strata": LABELS, "n_folds": 2, "seed": 1, "storage": storage}
    return tune(recipe, ROWS, LABELS, np.arange(30), trials=trials, **facts), seen


@pytest.fixture
def journal(tmp_path):
    """Journal of a tuning that was stopped after two of its trials."""
    path = tmp_path / "journal" / "cell-0.log"
    tuned(open_storage(path), trials=2)
    return path


TEARS = {
    "half a line": lambda whole: whole[:-20],
    "no end of line": lambda whole: whole[:-1],
    "zeros behind": lambda whole: whole + bytes(4096),
    "zeros for the last line": lambda whole: whole[: whole.rindex(b"\n", 0, -1) + 1] + bytes(30),
    "a line of zeros": lambda whole: whole + bytes(30) + b"\n",
    "half a line that the next one joined": lambda whole: whole + whole[-60:-20] + whole.splitlines(True)[-1],
    "a number": lambda whole: whole + b"3\n",
    "not UTF-8": lambda whole: whole + b'{"op_code": "\xff"}\n',
}


@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_end_is_cut_and_the_tuning_ends_as_if_nothing_had_happened(journal, tear, caplog):
    expected, all_seen = tuned(optuna.storages.InMemoryStorage())
    journal.write_bytes(TEARS[tear](journal.read_bytes()))
    chosen, seen = tuned(open_storage(journal))
    assert chosen == expected
    assert seen == all_seen[-len(seen) :]
    assert len(seen) < len(all_seen), "the whole trials before the tear are kept"
    assert journal.name in caplog.text
    again, seen = tuned(open_storage(journal))
    assert (again, seen) == (expected, []), "what was appended is whole"


@pytest.mark.parametrize("line", ['{"op_code": 99}', '{"op_code": 4, "study_id": 7}', "{}", '{"op_code": []}'])
def test_a_journal_that_makes_no_sense_is_begun_again(journal, line, caplog):
    journal.write_text(f"{line}\n" + journal.read_text())
    assert tuned(open_storage(journal)) == tuned(optuna.storages.InMemoryStorage())
    assert "starts again" in caplog.text


def test_a_whole_journal_is_left_as_it_is(journal, caplog):
    before = journal.read_bytes()
    open_storage(journal)
    assert journal.read_bytes() == before
    assert caplog.text == ""
