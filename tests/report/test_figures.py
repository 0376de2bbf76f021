"""Figures of a report: there, the same bytes again, nothing of a name acts; and the tables that they are drawn from."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.calibration import calibration_curve

from leukobench.report import build_report
from leukobench.report.cost import costs, pareto_front
from leukobench.report.figures import FIGURES, write_figures
from leukobench.report.figures import cost as cost_figure
from leukobench.report.figures.style import STYLE, best_of_sides
from tests.report.conftest import FAMILIES, RunMaker

TRUTH = {name: ["LY"] * 20 + ["MO"] * 12 + ["NE"] * 30 for name in ("munich", "$x^2$", "c")}
NEXT = {"LY": "MO", "MO": "NE", "NE": "LY"}
WRONG = {"perfect": 9, "half": 3, "net+head": 4, "prior": 2, "fused:$a_b$": 5}
PAIR = "original against second annotator"
OPINIONS = {"munich": {PAIR: {"LY": {"LY": 9, "MO": 1}, "MO": {"MO": 10}, "NE": {"NE": 10}}}}


def answer(model, protocol, train, test, true, seed):
    step = WRONG[model] * (3 if protocol == "within" else 1)
    return [NEXT[c] if i % step == 0 else c for i, c in enumerate(true)]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    FAMILIES["fused:$a_b$"] = "fused"
    folder = tmp_path_factory.mktemp("run") / "run"
    maker = RunMaker(folder, TRUTH, tuple(WRONG), answer, opinions=OPINIONS, synthetic=True)
    return build_report(maker.write(), replicates=50)


@pytest.fixture(scope="module")
def written(report):
    return {path.relative_to(report.run.folder).as_posix(): path.read_bytes() for path in write_figures(report)}


def test_every_figure_is_there_as_png_and_pdf(report, written):
    assert set(written) == {f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "pdf")}
    for name in FIGURES:
        with Image.open(report.run.folder / "figures" / f"{name}.png") as image:
            pixels = np.asarray(image.convert("RGB"))
        assert pixels.shape[1] >= 1000
        assert (pixels[[0, -1]] == 255).all()  # nothing is cut off above or below
        assert (pixels[:, [0, -1]] == 255).all()


def test_the_same_report_gives_the_same_bytes(report, written, monkeypatch):
    monkeypatch.setattr("leukobench.report.figures.write.FIGURES", {"cost": cost_figure.draw})
    for path in write_figures(report):
        assert path.read_bytes() == written[f"figures/{path.name}"]


def test_bars_over_ranks_are_drawn_in_one_order_whatever_the_hashes_of_names(report):
    names = [f"model {k}" for k in range(12)]
    ranks = {"average_ranks": dict(zip(names, range(12), strict=True)), "critical_difference": 6.5, "n": 9, "p": 0.5}
    board = pd.DataFrame({"model": names, "family": "classical"})
    axis = FIGURES["ranks"](replace(report, ranks=ranks, board=board)).axes[0]
    bars = [line.get_xdata() for line in axis.lines if len(line.get_xdata()) > 3]
    assert len(bars) == 6
    assert all((np.diff(bar) > 0).all() for bar in bars)


def test_figures_say_that_images_are_phantoms_and_show_names_as_they_are(report):
    import matplotlib

    with matplotlib.rc_context(STYLE):
        for name, draw in FIGURES.items():
            figure = draw(report)
            assert figure.get_suptitle().startswith("SYNTHETIC (phantom) images"), name
            assert "ranked by out_of_domain" in figure.get_supxlabel().replace("\n", " "), name
        drawn = [text.get_text() for text in cost_figure.draw(report).findobj(matplotlib.text.Text)]
    assert "fused:$a_b$" in drawn


def test_a_figure_that_there_is_nothing_for_goes(report, written, monkeypatch):
    monkeypatch.setattr("leukobench.report.figures.write.FIGURES", {"ranks": FIGURES["ranks"]})
    assert write_figures(replace(report, ranks=None)) == []
    assert not (report.run.folder / "figures" / "ranks.png").exists()


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "cost"])
def test_a_run_of_controls_alone_has_nothing_to_draw(report, name):
    nobody = report.board.assign(section="control", rank=pd.NA)
    assert FIGURES[name](replace(report, board=nobody, ranks=None, by_target=report.by_target.iloc[:0])) is None


def test_the_best_of_each_side_is_that_of_the_leaderboard(report):
    assert best_of_sides(report) == {"classical": "perfect", "deep": "net+head", "both": "fused:$a_b$"}


def test_a_front_is_what_no_other_point_beats():
    generator = np.random.default_rng(0)
    cost, score = generator.integers(0, 6, (2, 40)) / 5
    score[3] = np.nan
    for i, found in enumerate(pareto_front(cost, score)):
        beaten = [
            (c <= cost[i] and s >= score[i]) and (c < cost[i] or s > score[i]) for c, s in zip(cost, score, strict=True)
        ]
        assert found == (i != 3 and not any(beaten))


def test_costs_add_what_was_measured_of_a_representation(report, monkeypatch):
    measured = {"features:core": {"ms_per_image": 7.0}, "embedding:a": {"ms_per_image": 11.0}}
    for record in report.run.records:
        name = {"half": "features:core", "fused:$a_b$": "features:core&embedding:a"}.get(
            record["model"], "features:new"
        )
        record["inputs"] = {"representation": {"name": name}}
    monkeypatch.setattr("leukobench.running.store.RunFolder.read_json", lambda self, name: measured)
    table = costs(report).set_index("model")
    assert table["answer_ms"].dropna().to_dict() == {"half": 7.5, "fused:$a_b$": 18.5}
    assert "prior" not in table.index
    assert table["fit_s"].eq(5.0).all()


def test_reliability_is_that_of_scikit_learn(report):
    place = {"protocol": "pairwise", "train": "c", "test": "munich", "model": "half"}
    rows = report.reliability
    rows = rows[np.logical_and.reduce([rows[key] == value for key, value in place.items()])]
    hits = np.arange(62) % 3 != 0
    accuracy, confidence = calibration_curve(hits, np.full(62, 0.7), n_bins=15)
    assert (rows["n"].item(), rows["bin_low"].item(), rows["bin_high"].item()) == pytest.approx((62, 10 / 15, 11 / 15))
    assert rows["accuracy"].to_numpy() == pytest.approx(accuracy, abs=1e-10)
    assert rows["confidence"].to_numpy() == pytest.approx(confidence, abs=1e-10)


def test_bins_give_back_the_calibration_error(report):
    rows = report.reliability.assign(gap=lambda t: t["n"] * (t["confidence"] - t["accuracy"]).abs())
    sums = rows.groupby(["protocol", "train", "test", "model", "seed"])[["gap", "n"]].sum()
    cells = report.cells.set_index(["protocol", "train", "test", "model", "seed"])
    pd.testing.assert_series_equal(sums["gap"] / sums["n"], cells["ece"].reindex(sums.index), check_names=False)


def test_targets_give_back_the_mean_of_the_sides(report):
    table = report.by_target.query(" and ".join(f"{name} == '{value}'" for name, value in report.ranking.items()))
    for way in ("mean", "chosen"):
        for side in ("classical", "deep", "difference"):
            own = table[(table["way"] == way) & (table["side"] == side)]
            assert own["score"].mean() == pytest.approx(report.families[way][side].estimate, abs=1e-12)
            assert (own["ci_low"] <= own["score"]).all()
            assert (own["score"] <= own["ci_high"]).all()
    assert set(table.loc[table["side"] == "both", "models"]) == {1}


@pytest.mark.parametrize(("lacking", "told"), [(None, "figures: "), ("scikit_posthocs", "no figures, for lack of")])
def test_the_command_draws_or_says_what_it_lacks(report, monkeypatch, capsys, lacking, told):
    from leukobench.cli.common import draw

    monkeypatch.setattr("leukobench.report.figures.write.FIGURES", {"cost": cost_figure.draw})
    if lacking:
        for name in [name for name in sys.modules if name.startswith("leukobench.report.figures")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, lacking, None)
    draw(report)
    assert told in capsys.readouterr().out


def test_an_axis_of_less_than_a_decade_has_numbers(report):
    figure = cost_figure.draw(report)  # every fit took five seconds
    figure.draw_without_rendering()
    assert "5" in [label.get_text() for label in figure.axes[0].get_xticklabels()]
