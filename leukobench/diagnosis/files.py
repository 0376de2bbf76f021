"""Writes the diagnosis into the run folder, beside the leaderboard and never in it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.diagnosis.diagnosis import diagnose
from leukobench.files import atomic_write, check_writable
from leukobench.text import markdown, markdown_table, to_csv

WARNING = (
    "Diagnosis, after the fact: these figures look at images and labels of the datasets that models were tested on. "
    "They explain scores; they are no scores, rank nothing, and must not choose a model."
)


def write_diagnosis(folder, **options):
    """Diagnose a run and write `diagnosis.md`, `diagnosis.csv` and `diagnosis.json` into its folder.

    Parameters
    ----------
    folder : path-like
        The run folder.
    **options
        As for `diagnose`.

    Returns
    -------
    Diagnosis
    """
    check_writable(Path(folder) / "diagnosis.md")
    diagnosis = diagnose(folder, **options)
    folder = diagnosis.run.folder
    atomic_write(folder / "diagnosis.md", as_markdown(diagnosis))
    atomic_write(folder / "diagnosis.csv", to_csv(as_table(diagnosis), float_format="%.6g"))
    atomic_write(folder / "diagnosis.json", json.dumps(as_json(diagnosis), indent=1, ensure_ascii=False) + "\n")
    return diagnosis


def facts_line(diagnosis):
    """Suite, level and datasets in one line."""
    suite = diagnosis.run.suite
    return f"suite {suite['name']}; level {suite['level']}; datasets {', '.join(suite['datasets'])}"


def as_markdown(diagnosis):
    """The diagnosis for people: every table under the protocol that its figures arose by.

    Parameters
    ----------
    diagnosis : Diagnosis

    Returns
    -------
    str
    """
    title = "# Diagnosis" + (" of SYNTHETIC (phantom) images" if diagnosis.synthetic else "")
    parts = [title, f"**{WARNING}**", markdown(facts_line(diagnosis))]
    parts.append("\n".join(f"- {markdown(note)}" for note in diagnosis.notes))
    for section in diagnosis.sections:
        parts += [f"## {section.title}", markdown_table(section.shown), f"{section.protocol} Looks at: {section.uses}."]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_table(diagnosis):
    """Every figure of the diagnosis as one long table.

    Parameters
    ----------
    diagnosis : Diagnosis

    Returns
    -------
    DataFrame
        Columns synthetic, section, uses, whatever names a figure (representation, train, test, feature, ...), measure
        and value. What names a figure in one section only is empty in the others.
    """
    parts = []
    for section in diagnosis.sections:
        names = [name for name in section.table if section.table[name].dtype.kind not in "fi"]
        values = [name for name in section.table if name not in names]
        if values:
            long = section.table.melt(names, values, var_name="measure", value_name="value")
            parts.append(long.assign(section=section.name, uses=section.uses))
    none = pd.DataFrame(columns=["section", "uses", "measure", "value"])
    table = pd.concat(parts or [none], ignore_index=True).assign(synthetic=diagnosis.synthetic)
    first, last = ["synthetic", "section", "uses"], ["measure", "value"]
    return table[[*first, *(name for name in table if name not in first + last), *last]]


def as_json(diagnosis):
    """The diagnosis for programs; NaN and infinity are None.

    Parameters
    ----------
    diagnosis : Diagnosis

    Returns
    -------
    dict
    """
    return {
        "warning": WARNING,
        "synthetic": diagnosis.synthetic,
        "suite": diagnosis.run.suite,
        "notes": diagnosis.notes,
        "sections": {
            section.name: {
                "title": section.title,
                "protocol": section.protocol,
                "uses": section.uses,
                "table": section.table.astype(object)
                .where(section.table.notna() & ~section.table.isin([np.inf, -np.inf]), None)
                .to_dict("records"),
            }
            for section in diagnosis.sections
        },
    }
