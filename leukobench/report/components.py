"""Where the variance of each model's mean comes from, from the predictions of its single runs."""

from zlib import crc32

import numpy as np
import pandas as pd

from leukobench.metrics.components import components, rank_intervals
from leukobench.metrics.drawing import ENOUGH, draw_counts
from leukobench.report.leaderboard import RANKED, combinations
from leukobench.running.setting import dataset_of

COMPONENTS = {  # column: title
    "sd_images": "test images",
    "sd_sample": "training sample",
    "sd_seed": "seed",
    "sd_laboratory": "laboratory",
    "sd_same_laboratories": "total, these laboratories",
    "sd_total": "total",
}


def components_table(scored, board, protocol, metric, *, replicates, seed):
    """Components of variance of each model, in the order of the leaderboard.

    Parameters
    ----------
    scored : cells.Cells
    board : DataFrame
        See `leaderboard.leaderboard`.
    protocol : str
        That ranks.
    metric : Metric
    replicates, seed : int
        Of the bootstrap; no more than 200 replicates are made.

    Returns
    -------
    DataFrame
        `model`, `section`, `protocol`, `metric`, `pairs`, `seeds`, `resamples`; standard deviations of the mean that
        ranks: `sd_images`, `sd_sample`, `sd_seed` (of one seed), `sd_laboratory`, `sd_same_laboratories` and
        `sd_total` (of the mean over seeds), NaN where not enough ran to tell; `rank_low` and `rank_high` of the models
        that have a rank, by the total.
    """
    means = combinations(scored.table, metric).xs(protocol, level="protocol")
    means = means[means["score"].notna() & ~means["contaminated"]]
    places = {model: list(rows.index.droplevel("model")) for model, rows in means.groupby("model")}
    runs = _Runs(scored.runs, min(replicates, ENOUGH), seed)
    rows = [
        {"model": each.model, "section": each.section, **_row(runs, each.model, places.get(each.model))}
        for each in board.itertuples()
    ]
    table = pd.DataFrame(rows).reindex(
        columns=["model", "section", "pairs", "seeds", "resamples", *COMPONENTS, "rank_low", "rank_high"]
    )
    table.insert(2, "protocol", protocol)
    table.insert(3, "metric", metric.name)
    for section in RANKED:
        models = list(board["model"][(board["section"] == section) & board["rank"].notna()])
        # An undefined pair of one model is in no mean of it: models with other pairs have no common draws.
        together = len(models) > 1 and len({tuple(places[model]) for model in models}) == 1
        if together and runs.kept(models, places[models[0]])[0]:
            found, means = runs.components(models, places[models[0]])
            ends = rank_intervals(metric.sign * means, found.total())
            table.loc[table["model"].isin(models), ["rank_low", "rank_high"]] = ends
    counts = ["pairs", "seeds", "resamples", "rank_low", "rank_high"]
    return table.astype(dict.fromkeys(counts, "Int64"))


def _row(runs, model, places):
    if not places or not runs.kept([model], places)[0]:
        return {}
    found, _ = runs.components([model], places)
    parts = [found.images, found.sample, found.seed, found.laboratory, found.total(laboratories=False)]
    parts.append(None if found.laboratory is None else found.total())
    counts = {"pairs": len(places), "seeds": found.seeds, "resamples": len(runs.kept([model], places)[1]) - 1}
    spreads = [np.nan if part is None else float(np.sqrt(part[0, 0])) for part in parts]
    return counts | dict(zip(COMPONENTS, spreads, strict=True))


class _Runs:
    """What every run scored, of the images as they are (first) and drawn again."""

    def __init__(self, targets, replicates, seed):
        self.values = {}
        for test, target in targets.items():
            drawn = draw_counts(target.labels, target.clusters, replicates, [seed, crc32(test.encode())])
            counts = np.concatenate([np.ones_like(drawn[:1]), drawn])
            for (train, run), values in zip(target.columns, target.replicates(counts).T, strict=True):
                self.values[(train, test), run] = values
        self.numbers = {}  # model: its seeds and resamples
        for _, (model, each, number) in self.values:
            seeds, resamples = self.numbers.setdefault(model, (set(), set()))
            seeds.add(each)
            resamples.add(number)

    def kept(self, models, places):
        """Seeds that all of the models ran everywhere, and the resamples that ran everywhere with these."""

        def ran(each, number):
            return all((pair, (model, each, number)) in self.values for pair in places for model in models)

        seeds, resamples = (sorted(set.intersection(*(self.numbers[model][k] for model in models))) for k in (0, 1))
        seeds = [each for each in seeds if ran(each, 0)]
        return seeds, [number for number in resamples if all(ran(each, number) for each in seeds)]

    def components(self, models, places):
        """Components of models that share their pairs, and their means."""
        seeds, resamples = self.kept(models, places)
        values = np.array(
            [
                [
                    [[self.values[pair, (model, each, number)] for model in models] for each in seeds]
                    for number in resamples
                ]
                for pair in places
            ]
        )
        values = np.moveaxis(values, -1, 0)
        trains = [train for train, _ in places]
        targets = {dataset_of(test) for _, test in places}
        # A source of several laboratories is named after what it leaves out, which is the target.
        pairs = [frozenset({dataset_of(test)} | ({train} & targets)) for train, test in places]
        return components(values[0], values[1:], trains, pairs), values[0][:, 0].mean(axis=(0, 1))
