"""What the page says and draws, as plain values: the report's own objects, each figure once."""

import numpy as np

from leukobench.page.certainty import certainty
from leukobench.page.counts import confusions, differential, people
from leukobench.page.diagnosed import diagnosed
from leukobench.page.gallery import gallery
from leukobench.page.provenance import provenance
from leukobench.page.scores import models_sides, rounded, score_tables, switches
from leukobench.page.steps import steps
from leukobench.report import told
from leukobench.report.conclusion import verdict
from leukobench.report.cost import costs
from leukobench.text import visible

FAMILY_ORDER = ("classical", "embedding", "fine-tuned", "fused", "control")


def content_of(report, root=None):
    """Everything that the page shows.

    Parameters
    ----------
    report : Report
    root : path-like, optional
        The data root, for pictures of cells.

    Returns
    -------
    dict
        Plain values; None where there is no number.
    """
    metrics, protocols, tests = switches(report)
    suite, said = report.run.suite, verdict(report.families, report.metric)
    return {
        "title": f"{suite['name']}: which classifier carries over",
        "synthetic": report.synthetic,
        "verdict": said,
        "conclusion": visible(report.conclusion).replace(f"{said} " if said else "", "", 1),
        "told": {
            "sides": _told(told.designs(report)),
            "ranks": _told(told.variance(report)),
            "confusion": _told(told.beyond(report)),
            "people": _told(told.people(report)),
        },
        "seeds": len(suite["seeds"]),
        "protocol_line": visible(report.protocol_line),
        "notes": [visible(line) for line in report.notes],
        "suite": suite["name"],
        "datasets": tests,
        "laboratories": len(suite["datasets"]),
        "metrics": [
            {"name": metric.name, "title": metric.title, "sign": metric.sign, "bounded": metric.bounded}
            for metric in metrics
        ],
        "protocols": [
            {
                "name": each.name,
                "title": each.title,
                "row": each.row,
                "aside": bool(each.setting.like),
            }
            for each in protocols
        ],
        "ranking": {"metric": report.metric.name, "scoring": "shared", "protocol": protocols[0].name},
        "rankingLine": f"{report.metric.title}, {report.headline.title}, shared classes",
        "rankedTitle": report.headline.title[0].upper() + report.headline.title[1:],
        "intervalLine": _interval_line(report),
        "protocolNames": [protocol.name for protocol in protocols],
        "models": _models(report),
        **score_tables(report),
        "costs": _costs(report),
        "confusions": confusions(report, protocols),
        "differential": differential(report),
        "people": people(report, metrics),
        "certainty": certainty(report),
        "gallery": gallery(report, tests, root),
        "steps": steps(report),
        "diagnosis": diagnosed(report),
        "provenance": provenance(report, root),
    }


def _told(section):
    """A section of tables; text of a report is Markdown, in which names of files stand between backticks."""
    rows = [[[visible(str(text)) for text in row] for row in table.to_numpy().tolist()] for table in section.tables]
    tables = [{"columns": list(table), "rows": each} for table, each in zip(section.tables, rows, strict=True)]
    return {"title": section.title, "text": section.text.replace("`", ""), "tables": tables}


def _interval_line(report):
    """How the intervals arose: the last part of the protocol line."""
    return report.protocol_line.rsplit("; ", 1)[-1]


def _models(report):
    rows, apart = report.board.to_dict("records"), report.components.set_index("model")["sd_seed"]
    families = [*FAMILY_ORDER, *sorted({row["family"] for row in rows} - {*FAMILY_ORDER})]
    return [
        {
            "name": row["model"],
            "family": row["family"],
            "colour": families.index(row["family"]),
            "side": side,
            "section": row["section"],
            "marks": row["marks"].split(),
            "seen": row["contaminated_targets"].split(),
            "gap": rounded([row["gap"]])[0],
            "seed": rounded([apart.get(row["model"], np.nan)])[0],
            "coverage": row["coverage"],
            "tune_s": rounded([row["tune_s"]], 2)[0],
            "fit_s": rounded([row["fit_s"]], 2)[0],
            "ms_per_image": rounded([row["ms_per_image"]], 3)[0],
        }
        for row, side in zip(rows, models_sides(report), strict=True)
    ]


def _costs(report):
    """What each model costs, by the name of the model."""
    table = costs(report)
    return {row.model: rounded([row.answer_ms, row.fit_s], 3) for row in table.itertuples()}
