"""A finding: how bad, of what kind, in one sentence, and the files that it is about."""

from dataclasses import dataclass, field

import pandas as pd

# From what spoils a score to what is good to know. Only the first two make `data audit --strict` fail.
SEVERITIES = ("error", "warning", "look", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Parameters
    ----------
    severity : {"error", "warning", "look", "note"}
        An error is wrong whoever looks; a warning spoils a score unless it is heeded; at "look" a person should look;
        a note is good to know.
    kind : str
        What was found, in one word or two.
    dataset : str
        Where; empty where several datasets are concerned.
    sentence : str
        The same for people.
    files : tuple of str
        Paths below the data root, the worst first.

    Examples
    --------
    >>> Finding("note", "pixel size", "cvb", "its micrometres per pixel are unknown").files
    ()
    """

    severity: str
    kind: str
    dataset: str
    sentence: str
    files: tuple[str, ...] = field(default=())


def findings_table(findings):
    """Lay findings out as a table, one row per finding and file.

    Parameters
    ----------
    findings : sequence of Finding
        Of `leukobench.audit.audit`.

    Returns
    -------
    pandas.DataFrame
        Columns severity, kind, dataset, sentence and path, which is empty where a finding is about no file.

    Examples
    --------
    >>> findings_table([Finding("error", "label conflict", "a", "two labels", ("a/1.png", "a/2.png"))])["path"].tolist()
    ['a/1.png', 'a/2.png']
    """
    rows = [
        (each.severity, each.kind, each.dataset, each.sentence, path)
        for each in findings
        for path in each.files or ("",)
    ]
    return pd.DataFrame(rows, columns=["severity", "kind", "dataset", "sentence", "path"])
