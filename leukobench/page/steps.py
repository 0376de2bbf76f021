"""What a setting changes beside the protocol that it is like: labels, sizes, corruptions."""

import re

from leukobench.page.scores import rounded

SEVERITY = re.compile(r"-\d+$")  # of a single severity or world, which the CSV alone has


def steps(report):
    """Mean of each model at every step of each protocol that others are like.

    Parameters
    ----------
    report : Report

    Returns
    -------
    list of dict
        `protocol` (what the steps lead away from), `steps` (names, the protocol itself first) and `models` (name ->
        for each step its mean and the ends of its interval, or None).
    """
    places = {name: i for i, name in enumerate(report.board["model"])}
    titles = {protocol.name: protocol.title for protocol in report.protocols}
    found = []
    for base, table in report.curves.items():
        rows = table[table["train"] == ""]
        names = [name for name in dict.fromkeys(rows["step"]) if not SEVERITY.search(name)]
        models = {}
        for model, own in rows.groupby("model", sort=False):
            known = own.set_index("step")[["score", "low", "high"]]
            models[places[model]] = [rounded(known.loc[name]) if name in known.index else None for name in names]
        found.append(
            {"protocol": titles.get(base, base), "file": f"curve_{base}.csv", "steps": names, "models": models}
        )
    return found
