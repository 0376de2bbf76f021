"""The diagnosis of a run, where `diagnose` has written one."""

from leukobench.page.scores import rounded
from leukobench.text import visible

ROWS = 40  # of a table; diagnosis.csv has them all


def diagnosed(report):
    """What `diagnosis.json` says.

    Parameters
    ----------
    report : Report

    Returns
    -------
    dict or None
        `warning`, `notes` and `sections` (dicts with `title`, `protocol`, `uses`, `columns`, `rows` and `more`, the
        number of rows that are left out).
    """
    found = report.run.store.read_json("diagnosis.json")
    if not found:
        return None
    sections = [_section(each) for each in found.get("sections", {}).values()]
    return {
        "warning": visible(found["warning"]),
        "notes": [visible(line) for line in found["notes"]],
        "sections": [each for each in sections if each["rows"]],
    }


def _section(section):
    table = section["table"]
    columns = list(table[0]) if table else []
    rows = [[_value(row.get(name)) for name in columns] for row in table[:ROWS]]
    texts = {name: visible(str(section[name])) for name in ("title", "protocol", "uses")}
    return texts | {"columns": columns, "rows": rows, "more": max(0, len(table) - ROWS)}


def _value(value):
    if isinstance(value, float):
        return rounded([value])[0]
    return value if value is None or isinstance(value, int) else visible(str(value))
