"""Classical against deep, and the notes, on runs whose answer is known."""

import numpy as np
import pytest

from leukobench.report.build import build_report

TRUTH = {name: ["LY"] * 30 + ["MO"] * 30 for name in "abc"}


def misses(true, share):
    """Answers that take a share of the MO, evenly spread, for LY."""
    numbers = np.cumsum(np.array(true) == "MO") * round(10 * share)
    missed = (np.array(true) == "MO") & (numbers % 10 < round(10 * share))
    return np.where(missed, "LY", true).tolist()


@pytest.fixture
def report(make_run):
    def build(shares, truth=TRUTH, **rest):
        """`shares` gives (missed within, missed abroad) of the MO for each model."""

        def answer(model, protocol, train, test, true, seed):
            return misses(true, shares[model][protocol != "within"])

        return build_report(make_run(truth, list(shares), answer, **rest), replicates=300)

    return build


def test_family_means_and_their_paired_difference(report):
    found = report({"perfect": (0, 0.2), "half": (0, 0.4), "net+head": (0, 0.5), "prior": (1, 1)}).families
    assert found["models"] == {"classical": ["half", "perfect"], "deep": ["net+head"]}
    mean = found["mean"]
    assert mean["classical"].estimate == pytest.approx(1 - 0.3 / 2)
    assert mean["deep"].estimate == pytest.approx(1 - 0.5 / 2)
    assert mean["difference"].estimate == pytest.approx(-0.1)
    assert mean["difference"].low < -0.1 < mean["difference"].high < 0


def test_models_are_chosen_on_the_source_and_not_by_the_target(report):
    # half is better abroad, perfect is better within: perfect is chosen.
    found = report({"perfect": (0, 0.6), "half": (0.2, 0.0), "net+head": (0, 0.4)}).families
    assert found["chosen"]["models"]["classical"] == dict.fromkeys("abc", "perfect")
    assert found["chosen"]["classical"].estimate == pytest.approx(1 - 0.6 / 2)
    assert found["chosen"]["difference"].estimate == pytest.approx(0.1)


def test_the_paragraph_says_who_is_ahead(report):
    assert "Deep networks are ahead." in report({"half": (0, 0.5), "net+head": (0, 0)}).conclusion
    assert "hand-crafted features are ahead." in report({"half": (0, 0), "net+head": (0, 0.5)}).conclusion
    assert "Neither side is clearly ahead." in report({"half": (0, 0.5), "net+head": (0, 0.5)}).conclusion


def test_the_paragraph_gives_the_difference_and_its_interval(report):
    found = report({"half": (0, 0.5), "net+head": (0, 0)})
    low, high = found.families["mean"]["difference"][1:]
    assert 0.15 < low < 0.25 < high < 0.35
    assert f"deep minus classical is +0.250 [{low:+.3f}, {high:+.3f}]" in found.conclusion
    assert found.conclusion.startswith("Out of domain (pairwise), ")


def test_ways_of_comparing_that_disagree_say_so(report):
    found = report({"perfect": (0, 0), "half": (0.2, 0.8), "net+head": (0, 0.2)})
    assert "The two ways of comparing do not agree" in found.conclusion


def test_transductive_and_incomplete_models_take_no_part(report):
    shares = {"half": (0, 0.2), "fragile": (0, 0), "adapted": (0, 0), "net+head": (0, 0.2)}
    found = report(shares, failing={("pairwise", "a", "fragile", 0): "oom"}).families
    assert found["models"] == {"classical": ["half"], "deep": ["net+head"]}
    assert found["left_out"] == ["adapted", "fragile"]


def test_contaminated_models_take_no_part_and_are_named(report):
    shares = {"half": (0, 0.2), "pretrained": (0, 0), "adapted": (0, 0), "net+head": (0, 0.2)}
    seen = ["c", "a", "elsewhere"]
    found = report(shares, contamination={"pretrained": seen, "adapted": seen, "half": []})
    assert found.families["models"] == {"classical": ["half"], "deep": ["net+head"]}
    assert found.families["left_out"] == ["adapted", "pretrained"]
    assert found.notes[-1] == (
        "contaminated: the pretrained weights of adapted, pretrained have seen a, c; "
        "means leave these targets out, so there is no rank"
    )
    assert found.ranks is None  # two models are left that are ranked


def test_without_one_side_there_is_nothing_to_compare(report):
    found = report({"half": (0, 0.2), "prior": (1, 1)})
    assert found.families["mean"] is None
    assert "No comparison of classical and deep: the run holds no complete deep model." in found.conclusion


@pytest.mark.parametrize(
    ("protocol", "opening"), [("lodo", "Out of domain (leave one"), ("within", "Within a dataset")]
)
def test_without_pairwise_there_is_no_choice_on_the_source(report, protocol, opening):
    found = report({"half": (0, 0.2), "net+head": (0, 0)}, protocols=(protocol,))
    assert found.families["chosen"] is None
    assert found.conclusion.startswith(opening)


def test_notes_name_what_a_reader_must_know(report):
    truth = {
        "a": ["LY"] * 30 + ["MO"] * 30,
        "b": ["LY"] * 30 + ["MO"] * 30 + ["EO"] * 3,
        "c": ["LY"] * 30 + ["MO"] * 30,
    }
    truth["d"] = ["LY"] * 30 + ["MO"] * 2
    found = report(
        {"half": (0, 0), "fragile": (0, 0), "prior": (0.5, 1)},
        truth,
        heads={"b": ["LY", "MO"]},
        groups={"a": ["x", "y"] * 30},
        failing={("pairwise", "a", "fragile", 0): "timeout"},
        synthetic=True,
    )
    assert found.notes == [
        "SYNTHETIC: phantom images, drawn by a program; not a result about real laboratories",
        "ONE SEED: another one would move every model that draws by chance, and nothing here says how far",
        "groups unknown: b, c, d (scores within them are optimistic)",
        "rare, out of the class means (fewer than 5 test images): d MO",
        "left out of the head (fewer than 10 source images): b EO:3",
        "undefined, in no mean (fewer than two classes to average): pairwise a to d, pairwise b to d, pairwise c to d, "
        "within d to d",
        "incomplete: fragile has 7/8 run cells (1 timeout); its means leave them out",
        "finding: the control prior scores 0.750 within, chance is 0.500: "
        "something other than the cell gives the class away",
    ]
    assert found.conclusion.startswith("SYNTHETIC (phantom) images")


def test_nothing_to_note_is_nothing(report):
    groups = {name: ["x", "y"] * 30 for name in TRUTH}
    assert report({"half": (0, 0), "net+head": (0, 0)}, groups=groups, seeds=(0, 1)).notes == []
