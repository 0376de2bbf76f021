"""Everything that is computed from a run folder, in one value that tables, figures and the page are made from."""

from dataclasses import dataclass

import pandas as pd

from leukobench.metrics import Metric, get_metric
from leukobench.metrics.catalogue import DEFAULT, metrics_of
from leukobench.metrics.drawing import REPLICATES, Draws
from leukobench.metrics.significance import rank_tests
from leukobench.metrics.statistics import LEVEL, bootstrap
from leukobench.report import manifest
from leukobench.report.calibration import calibration_means
from leukobench.report.ceiling import human_ceiling, notes_of
from leukobench.report.cells import score_cells
from leukobench.report.components import components_table
from leukobench.report.conclusion import compare_sides, conclusion, notes
from leukobench.report.curves import curves
from leukobench.report.intervals import every_choice, intervals_of
from leukobench.report.leaderboard import combinations, headline_protocol, leaderboard, matrix
from leukobench.report.reader import Run, read_run
from leukobench.running.protocols import Protocol, protocols_of


@dataclass(frozen=True)
class Report:
    """Everything that is computed from a run folder.

    Parameters
    ----------
    run : reader.Run
    cells : DataFrame
        See `cells.cells_table`.
    calibration : DataFrame
        See `cells.Cells`.
    calibration_means : DataFrame
        See `calibration.calibration_means`; in the order of the leaderboard.
    board : DataFrame
        See `leaderboard.leaderboard`.
    matrices : dict of str -> DataFrame
        See `leaderboard.matrix`, one per model in the order of the leaderboard.
    families : dict
        See `conclusion.compare_sides`.
    ranks : dict or None
        See `significance.rank_tests`: complete inductive models, over the combinations of the protocol that ranks.
    headline : Protocol
        That ranks.
    metric : Metric
        By which models are ranked.
    protocol_line : str
        Suite, level, seeds, budget, scoring and bootstrap in one line.
    notes : list of str
        What must stand beside every table.
    conclusion : str
        One paragraph: classical against deep.
    confusion, classes : DataFrame
        See `confusion.Confusions.tables`.
    differential : DataFrame
        See `differential.DifferentialCounts.table`; of the protocol that ranks.
    ceiling : DataFrame
        See `ceiling.human_ceiling`; empty where no dataset was labelled more than once.
    curves : dict of str -> DataFrame
        See `curves.curves`.
    reliability : DataFrame
        See `reliability.Reliability.table`.
    intervals, by_target : DataFrame
        See `intervals.intervals_of`: models, and sides on each target, by everything that can be chosen.
    mistakes, suspects : DataFrame
        See `mistakes.Mistakes.tables`; of the protocol that ranks.
    components, resampled : DataFrame
        See `components.components_table`, and `cells.Cells`.
    digest : str, default zeros
        SHA-256 of `manifest.json`, which seals every file of the folder; known once the tables are written.
    """

    run: Run
    cells: pd.DataFrame
    calibration: pd.DataFrame
    calibration_means: pd.DataFrame
    board: pd.DataFrame
    matrices: dict
    families: dict
    ranks: dict | None
    headline: Protocol
    metric: Metric
    protocol_line: str
    notes: list
    conclusion: str
    confusion: pd.DataFrame
    classes: pd.DataFrame
    differential: pd.DataFrame
    ceiling: pd.DataFrame
    curves: dict
    reliability: pd.DataFrame
    intervals: pd.DataFrame
    by_target: pd.DataFrame
    mistakes: pd.DataFrame
    suspects: pd.DataFrame
    components: pd.DataFrame
    resampled: pd.DataFrame
    digest: str = manifest.NO_DIGEST

    @property
    def synthetic(self):
        """Whether the images are phantoms."""
        return bool(self.run.plan["synthetic"])

    @property
    def ranking(self):
        """Protocol, metric and scoring that rank, as columns of long tables name them."""
        scoring = "deployed" if self.metric.deployed else "shared"
        return {"protocol": self.headline.name, "metric": self.metric.name, "scoring": scoring}

    @property
    def protocols(self):
        """Protocols of the run, in the order of tables."""
        return protocols_of(set(self.cells["protocol"]))


def build_report(folder, *, rank_by=DEFAULT, replicates=REPLICATES, seed=0):
    """Compute all tables of a run folder from its plan, records and predictions alone.

    Parameters
    ----------
    folder : path-like
        The run folder.
    rank_by : str or Metric, default "balanced_accuracy"
        Metric by which models are ranked and compared.
    replicates : int, default 1000
        Bootstrap replicates.
    seed : int, default 0
        Seed of the bootstrap.

    Returns
    -------
    Report

    Raises
    ------
    UsageError
        The folder is no run folder, a file in it is damaged, by name, or there is no such metric.
    """
    return report_of(read_run(folder), rank_by=rank_by, replicates=replicates, seed=seed)


def report_of(run, *, rank_by=DEFAULT, replicates=REPLICATES, seed=0):
    """As `build_report`, of a `Run` that was read already."""
    metric = get_metric(rank_by)
    drawn, draws = {"replicates": replicates, "seed": seed}, Draws(replicates, seed)
    metric = metrics_of(run.suite).get(metric.name, metric)
    headline = headline_protocol({record["protocol"] for record in run.records})
    others = [(protocol, each) for protocol, _, each in every_choice(run, metric)]
    scored = score_cells(run, headline.name, metric, others)
    scores = bootstrap(scored.targets, draws=draws)
    # Only a model of one source can be judged within it.
    own = bootstrap(scored.own, draws=draws) if headline.name == "pairwise" else None
    cells, board = scored.table, leaderboard(scored.table, scores, metric)
    families = compare_sides(board, cells, scores, own, run, metric)
    whole = board["model"][board["rank"].notna() & (board["section"] == "inductive")]
    means = combinations(cells, metric)
    ranking = metric.sign * means["score"].xs(headline.name, level="protocol").unstack("model")
    confusion, classes = scored.confusions.tables(cells)
    ranked = means.xs(headline.name, level="protocol")
    counts = scored.counts.table(set(ranked.index[ranked["complete"]]), **drawn)
    mistakes, suspects = scored.mistakes.tables(scored.images.hashes)
    ceiling = human_ceiling(run, metric, **drawn)
    intervals, by_target = intervals_of(scored, board, run, metric, draws)
    return Report(
        run=run,
        cells=cells,
        calibration=scored.calibration,
        calibration_means=calibration_means(scored.calibration, list(board["model"])),
        board=board,
        matrices={model: matrix(means, model, run.suite["datasets"]) for model in board["model"]},
        families=families,
        ranks=rank_tests(ranking[list(whole)]),
        headline=headline,
        metric=metric,
        protocol_line=_protocol_line(run, headline, metric, replicates),
        notes=notes(run, cells, board, metric) + notes_of(ceiling, metric),
        conclusion=conclusion(families, headline, bool(run.plan["synthetic"]), metric),
        confusion=confusion,
        classes=classes,
        differential=counts.assign(protocol=headline.name)[["protocol", *counts.columns]],
        ceiling=ceiling,
        curves=curves(run, dict(zip(board["model"], board["gap"], strict=True)), metric, **drawn),
        reliability=scored.reliability.table(cells),
        mistakes=mistakes,
        suspects=suspects,
        components=components_table(scored, board, headline.name, metric, **drawn),
        resampled=scored.resampled,
        intervals=intervals,
        by_target=by_target,
    )


def _protocol_line(run, headline, metric, replicates):
    suite = run.suite
    return (
        f"suite {suite['name']}; level {suite['level']}; datasets {', '.join(suite['datasets'])}; "
        f"seeds {', '.join(map(str, suite['seeds']))}; budget {suite['budget']['name']}; {metric.title}, shared "
        f"scoring, classes with {suite['min_test_images']} test images or more; ranked by {headline.column}; "
        f"{LEVEL:.0%} interval: bootstrap over test images within classes, B = {replicates}, clustered by group "
        "where known, Student's t"
    )
