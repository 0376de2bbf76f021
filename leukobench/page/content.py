"""What the page says and draws, as plain values: the report's own objects, each figure once."""

from leukobench.page.scores import rounded, score_tables, switches
from leukobench.text import visible

FAMILY_ORDER = ("classical", "embedding", "fine-tuned", "fused", "control")


def content_of(report):
    """Everything that the page shows.

    Parameters
    ----------
    report : Report

    Returns
    -------
    dict
        Plain values; None where there is no number.
    """
    metrics, protocols = switches(report)
    suite = report.run.suite
    return {
        "title": f"{suite['name']}: which classifier carries over",
        "synthetic": report.synthetic,
        "conclusion": visible(report.conclusion),
        "protocol_line": visible(report.protocol_line),
        "notes": [visible(line) for line in report.notes],
        "suite": suite["name"],
        "datasets": suite["datasets"],
        "metrics": [
            {"name": metric.name, "title": metric.title, "sign": metric.sign, "bounded": metric.bounded}
            for metric in metrics
        ],
        "protocols": [
            {"name": each.name, "title": each.title, "where": each.where, "row": each.row} for each in protocols
        ],
        "ranking": {"metric": report.metric.name, "scoring": "shared", "protocol": report.headline.name},
        "rankingLine": f"{report.metric.title}, {report.headline.title}, shared classes",
        "intervalLine": _interval_line(report),
        "protocolNames": [protocol.name for protocol in report.protocols],
        "models": _models(report),
        **score_tables(report),
    }


def _interval_line(report):
    """How the intervals arose: the last part of the protocol line."""
    return report.protocol_line.rsplit("; ", 1)[-1]


def _models(report):
    sides = report.run.sides
    rows = report.board.to_dict("records")
    families = [*FAMILY_ORDER, *sorted({row["family"] for row in rows} - {*FAMILY_ORDER})]
    return [
        {
            "name": row["model"],
            "family": row["family"],
            "colour": families.index(row["family"]),
            "side": sides.get(row["model"], ""),
            "section": row["section"],
            "marks": row["marks"].split(),
            "seen": row["contaminated_targets"].split(),
            "interval": rounded([row["ci_low"], row["ci_high"]]),
            "gap": rounded([row["gap"]])[0],
            "coverage": row["coverage"],
            "tune_s": rounded([row["tune_s"]], 2)[0],
            "fit_s": rounded([row["fit_s"]], 2)[0],
            "ms_per_image": rounded([row["ms_per_image"]], 3)[0],
        }
        for row in rows
    ]
