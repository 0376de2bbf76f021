"""What a run says in words: classical against deep, and everything a reader must know beside the figures."""

import numpy as np

from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.statistics import LEVEL
from leukobench.report.columns import count_averaged
from leukobench.report.designs import compare_designs, kinds_of, make_field, plain_interval, signed_interval
from leukobench.report.leaderboard import combinations
from leukobench.running.protocols import protocols_of

COMPARED = ("classical", "deep")
# Reported as a finding when a control beats chance by more than this within a dataset.
CONTROL_MARGIN = 0.05


def compare_sides(board, cells, scores, own, run, metric=DEFAULT):
    """Classical against deep, two ways, neither of which looks at a target to choose a model.

    Only complete, inductive models take part whose weights have seen no dataset of the run, and of those that are one
    kind (`designs.kinds_of`) the one that is best within the source. *mean*: over the kinds of a side. *chosen*: on
    each source the side's model that is best within it; picking the best out-of-domain model instead would be selection
    on the targets. Both choices are made anew in every replicate.

    Parameters
    ----------
    board : DataFrame
        See `leaderboard.leaderboard`.
    cells : DataFrame
        See `cells.cells_table`.
    scores, own : statistics.Scores
        Bootstraps of the protocol and metric that rank, and of the protocol within.
    run : reader.Run
        Knows sides and designs of the models.
    metric : Metric, default balanced accuracy

    Returns
    -------
    dict
        `models` (side -> list), `kinds` (side -> list of lists), `left_out` (incomplete, transductive or contaminated
        models of either side), `designs` (see `designs.compare_designs`), and `mean` and `chosen`, each a dict with
        the Interval of `classical`, `deep` and `difference` (deep minus classical) and `picked` (side -> model -> share
        of the choices); `chosen` also has `models` (side -> source -> model, of all images). `mean` is None unless both
        sides have a model, `chosen` is None also unless the run holds within and pairwise.
    """
    fit = (board["section"] == "inductive") & ~board["marks"].str.contains("incomplete")
    of = board["model"].map(run.sides)
    sides = {side: sorted(board["model"][fit & (of == side)]) for side in COMPARED}
    either = of.isin(COMPARED)
    kinds = {side: kinds_of(members, run.designs) for side, members in sides.items()}
    result = {"models": sides, "kinds": kinds, "left_out": sorted(board["model"][either & ~fit])}
    result |= {"designs": compare_designs(sorted(board["model"][fit]), run.designs, cells, scores, own, metric)}
    result |= {"mean": None, "chosen": None}
    if not all(sides.values()):
        return result
    field = make_field(sides["classical"] + sides["deep"], cells, scores, own, metric)
    result["mean"] = _difference(field, kinds)
    if field.own is not None:
        result["chosen"] = _difference(field, {side: [members] for side, members in sides.items()})
        result["chosen"]["models"] = {side: field.best([members]).choices[0] for side, members in sides.items()}
    return result


def conclusion(families, headline, synthetic, metric=DEFAULT):
    """One paragraph: classical against deep.

    Parameters
    ----------
    families : dict
        See `compare_sides`.
    headline : Protocol
        That ranks.
    synthetic : bool
        The images are drawn, not real.
    metric : Metric, default balanced accuracy
        By which models are ranked.

    Returns
    -------
    str
    """
    opening = "SYNTHETIC (phantom) images, so nothing here is about real laboratories. " if synthetic else ""
    missing = [side for side, members in families["models"].items() if not members]
    if missing:
        lacking = " and ".join(f"no complete {side} model" for side in missing)
        return f"{opening}No comparison of classical and deep: the run holds {lacking}."
    counts = {side: f"{len(kinds)} kind{'s' * (len(kinds) > 1)}" for side, kinds in families["kinds"].items()}
    mean, chosen = families["mean"], families["chosen"]
    text = (
        f"{opening}{headline.where}, deep networks reach a mean {metric.title} of {plain_interval(mean['deep'])} "
        f"(mean of {counts['deep']}) and classical models on hand-crafted features {plain_interval(mean['classical'])} "
        f"(mean of {counts['classical']}): deep minus classical is {signed_interval(mean['difference'])}. "
    )
    if chosen:
        text += (
            "Taking on each source the model of either side that is best within that source, it is "
            f"{plain_interval(chosen['deep'])} against {plain_interval(chosen['classical'])}: "
            f"{signed_interval(chosen['difference'])}. "
        )
    return (
        text
        + verdict(families, metric)
        + (f" Brackets: {LEVEL:.0%} paired bootstrap over the test images; they say nothing about other laboratories.")
    )


def notes(run, cells, board, metric=DEFAULT):
    """What must stand beside every table, one line each.

    Parameters
    ----------
    run : reader.Run
    cells, board : DataFrame
        See `cells.cells_table` and `leaderboard.leaderboard`.
    metric : Metric, default balanced accuracy
        By which models are ranked.

    Returns
    -------
    list of str
    """
    limits, lines = run.suite, []
    if run.plan["synthetic"]:
        lines.append("SYNTHETIC: phantom images, drawn by a program; not a result about real laboratories")
    if len(limits["seeds"]) == 1:
        lines.append("ONE SEED: another one would move every model that draws by chance, and nothing here says how far")
    if unknown := run.plan["groups_unknown"]:
        lines.append(f"groups unknown: {', '.join(sorted(unknown))} (scores within them are optimistic)")
    if told := [each.name for each in protocols_of(set(cells["protocol"])) if each.setting.labels]:
        lines.append(
            f"{', '.join(told)}: labelled cells of the target train too, others than are predicted; not comparable with"
            " protocols that see none"
        )
    if leaks := [each.name for each in protocols_of(set(cells["protocol"])) if each.setting.ungrouped]:
        lines.append(
            f"{', '.join(leaks)}: slides, patients and pictures of one cell stand on both sides of a split, to tell "
            "what keeping them together is worth; no score to report"
        )
    lines += run.plan.get("notes", [])  # of runs that were planned before there were any
    fitted = cells[cells["status"] == "ok"]
    if rare := _named(fitted, "test", "rare_classes"):
        lines.append(f"rare, out of the class means (fewer than {limits['min_test_images']} test images): {rare}")
    if alone := _named(fitted, "train", "undefined_classes"):
        lines.append(
            "undefined, out of the class means (all images are of one group, so that none is left to learn from where "
            f"it is held out; the gap leaves these sources out): {alone}"
        )
    if left := _named(cells, "train", "left_out_classes"):
        lines.append(f"left out of the head (fewer than {limits['min_source_images']} source images): {left}")
    if undefined := sorted(set(_undefined(fitted, metric))):
        lines.append(f"undefined, in no mean (fewer than two classes to average): {', '.join(undefined)}")
    for seen, models in board[board["contaminated_targets"] != ""].groupby("contaminated_targets")["model"]:
        lines.append(
            f"contaminated: the pretrained weights of {', '.join(models)} have seen {seen.replace(' ', ', ')}; "
            "means leave these targets out, so there is no rank"
        )
    for known, models in board[board["developed_on_targets"] != ""].groupby("developed_on_targets")["model"]:
        lines.append(
            f"developed on {known.replace(' ', ', ')}: defaults of {', '.join(models)}, or of the segmentation before "
            "them, were chosen with these targets in view; a ranking here says less of laboratories nobody looked at"
        )
    for _, row in board[board["marks"].str.contains("incomplete")].iterrows():
        lost = cells[(cells["model"] == row["model"]) & (cells["status"] != "ok")].drop_duplicates("fingerprint")
        kinds = ", ".join(f"{n} {status}" for status, n in lost["status"].value_counts().sort_index().items())
        lines.append(f"incomplete: {row['model']} has {row['coverage']} run cells ({kinds}); its means leave them out")
    return lines + _findings(cells, board)


def _findings(cells, board, metric=DEFAULT):
    """Controls that beat chance, whatever models are ranked by."""
    within = cells[cells["protocol"] == "within"]
    own = within[(within["status"] == "ok") & within[metric.name].notna()].drop_duplicates("train")
    if own.empty:
        return []
    chance = float(np.mean([metric.chance(n) for n in count_averaged(own)]))
    scores = combinations(within, metric)["score"].groupby("model").mean()
    return [
        f"finding: the control {model} scores {scores[model]:.3f} within, chance is {chance:.3f}: "
        "something other than the cell gives the class away"
        for model in board["model"][board["section"] == "control"]
        if scores.get(model, np.nan) > chance + CONTROL_MARGIN
    ]


def _named(cells, dataset, column):
    pairs = cells[cells[column].fillna("") != ""][[dataset, column]].drop_duplicates().sort_values([dataset, column])
    return "; ".join(f"{name} {classes}" for name, classes in pairs.itertuples(index=False))


def _undefined(fitted, metric):
    rows = fitted[fitted[metric.column].isna()]
    return (f"{protocol} {train} to {test}" for protocol, train, test in rows[["protocol", "train", "test"]].to_numpy())


def _difference(field, kinds):
    found = {side: field.best(each) for side, each in kinds.items()}
    return {
        **{side: field.interval(outcome) for side, outcome in found.items()},
        "difference": field.interval(found["deep"], found["classical"]),
        "picked": {side: outcome.picked for side, outcome in found.items()},
    }


def verdict(families, metric=DEFAULT):
    """Which side is ahead, in one sentence.

    Parameters
    ----------
    families : dict
        See `compare_sides`.
    metric : Metric, default balanced accuracy

    Returns
    -------
    str
        Empty where a side has no model.
    """
    found = [families[way]["difference"] for way in ("mean", "chosen") if families[way]]
    signs = [metric.sign * (int(each.low > 0) - int(each.high < 0)) for each in found]
    if not signs:
        return ""
    if len(set(signs)) > 1:
        return "The two ways of comparing do not agree, so neither side is clearly ahead."
    return {
        1: "Deep networks are ahead.",
        -1: "Classical models on hand-crafted features are ahead.",
        0: "Neither side is clearly ahead.",
    }[signs[0]]
