"""Whether probabilities can be believed: reliability, calibration and abstention of each model, all pairs together."""

from leukobench.page.scores import rounded
from leukobench.report.calibration import ABSTAINING, COVERAGES, JUDGED
from leukobench.report.columns import IDENTITY


def certainty(report):
    """What the calibration figures show.

    Parameters
    ----------
    report : Report

    Returns
    -------
    dict
        `coverages`, and `protocols` (name -> model's place in the leaderboard -> `bins`: lists of count, mean
        probability and accuracy; `ece`: before and after; `aurc`; `abstention`: mean balanced accuracy at each
        coverage; `pairs`: how many these are of).
    """
    places = {name: i for i, name in enumerate(report.board["model"])}
    clean = report.cells.loc[~report.cells["contaminated"], IDENTITY]
    bins = report.reliability.merge(clean, on=IDENTITY)
    bins = bins.assign(confidence=bins["confidence"] * bins["n"], accuracy=bins["accuracy"] * bins["n"])
    bins = bins.groupby(["protocol", "model", "bin_low"])[["n", "confidence", "accuracy"]].sum()
    bins[["confidence", "accuracy"]] = bins[["confidence", "accuracy"]].div(bins["n"], axis=0)
    judged = report.calibration[~report.calibration["contaminated"]].dropna(subset=ABSTAINING)
    curves = judged.groupby(["protocol", "model"])[ABSTAINING]
    means, pairs = curves.mean(), curves.size()
    protocols = {}
    for protocol, model in bins.index.droplevel("bin_low").unique():
        table, known = bins.loc[(protocol, model)], report.calibration_means.loc[model]
        there = (protocol, model) in means.index
        protocols.setdefault(protocol, {})[places[model]] = {
            "bins": [[int(n), *rounded([confidence, accuracy])] for n, confidence, accuracy in table.to_numpy()],
            "ece": rounded([known[f"{protocol}_ece"], known[f"{protocol}_ece_calibrated"]]),
            "aurc": rounded([known[f"{protocol}_aurc"]])[0],
            "abstention": rounded(means.loc[(protocol, model)]) if there else None,
            "pairs": int(pairs.get((protocol, model), 0)),
        }
    return {"coverages": list(COVERAGES), "protocols": {name: protocols[name] for name in JUDGED if name in protocols}}
