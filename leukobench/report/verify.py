"""Whether a run folder still is what the run wrote: records, predictions, and every table computed again."""

from dataclasses import dataclass, field

from leukobench.errors import UsageError
from leukobench.files import content_hash
from leukobench.report.reader import PLANNED, Run, ranked_by, read_record
from leukobench.report.tables import render, report_of
from leukobench.running.environment import describe_environment
from leukobench.running.records import SEAL, checksum, seal_holds
from leukobench.running.store import RunFolder


@dataclass
class Verdict:
    """What `verify` found.

    Parameters
    ----------
    records, tables : int
        How many were looked at.
    missing : int
        Planned run cells without a record: not wrong, only not run yet.
    unsealed : list of str
        Files of a version that wrote no seals: their content cannot be vouched for.
    wrong : list of str
        What is not as the run wrote it, by file.
    version : str
        What wrote the run, where that is another version or commit than this one; else nothing.
    """

    records: int = 0
    tables: int = 0
    missing: int = 0
    unsealed: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    version: str = ""


def verify(folder):
    """Check a run folder against itself.

    The plan, the environment and every record carry a hash of their content, every record a checksum of its predictions
    and the fingerprint of its inputs; the tables are computed again from the predictions and compared byte by byte.

    Parameters
    ----------
    folder : path-like
        The run folder.

    Returns
    -------
    Verdict

    Raises
    ------
    UsageError
        The folder is no run folder, or its plan cannot be read.
    """
    store, verdict = RunFolder(folder), Verdict()
    run = Run(store, store.read_plan(), [])
    _check_seal("plan.json", run.plan, verdict)
    try:
        environment = store.read_json("environment.json")
    except UsageError as error:
        verdict.wrong.append(error.message)
    else:
        _check_seal("environment.json", environment, verdict)
        wrote, here = (_version(facts) for facts in (environment or {}, describe_environment()))
        verdict.version = wrote if wrote != here else ""
    for cell in run.plan["cells"]:
        _check_fingerprint("plan.json", cell, verdict)
        _check_record(run, cell, verdict)
    if len(run.records) == len(run.plan["cells"]):
        _check_tables(run, verdict)
    else:
        verdict.wrong.append("the tables: not computed again, since records or predictions cannot be read")
    return verdict


def _version(environment):
    """What a run was made by, in words; nothing for a merged one, which several versions may have made."""
    name, commit = environment.get("leukobench"), environment.get("commit")
    return f"leukobench {name}{f' of commit {commit[:10]}' if commit else ''}" if name else ""


def _check_seal(name, content, verdict):
    if content is None:
        verdict.wrong.append(f"{name}: there is no such file")
    elif SEAL not in content:
        verdict.unsealed.append(name)
    elif not seal_holds(content):
        verdict.wrong.append(f"{name}: its content was changed after the run wrote it")


def _check_fingerprint(name, cell, verdict):
    if "inputs" in cell and cell["fingerprint"] != content_hash([*(cell[key] for key in PLANNED[1:]), cell["inputs"]]):
        which = " ".join(str(cell[key]) for key in PLANNED[1:])
        verdict.wrong.append(f"{name}: the inputs of {which} are not those of its fingerprint")


def _check_record(run, cell, verdict):
    name = f"cells/{cell['fingerprint']}.json"
    try:
        record = read_record(run.store, cell, run.suite["datasets"])
        if record["status"] == "missing":
            verdict.missing += 1
        else:
            verdict.records += 1
            written = run.store.written_record(cell["fingerprint"])  # without what `read_record` adds
            _check_seal(name, written, verdict)
            _check_fingerprint(name, written, verdict)
        if record["status"] == "ok":
            run.predictions(record)
            _check_predictions(run, record, verdict)
    except UsageError as error:
        verdict.wrong.append(error.message)
    else:
        run.records.append(record)


def _check_predictions(run, record, verdict):
    name = f"predictions/{record['fingerprint']}.parquet"
    if "predictions_checksum" not in record:
        verdict.unsealed.append(name)
    elif checksum(run.prediction_table(record)) != record["predictions_checksum"]:
        verdict.wrong.append(f"{name}: not the predictions that its record is about")


def _check_tables(run, verdict):
    try:
        metric = ranked_by(run.folder)
    except UsageError as error:
        verdict.wrong.append(f"{error.message}; {error.hint}")
        return
    try:
        files = render(report_of(run, rank_by=metric))
    except UsageError as error:
        verdict.wrong.append(f"the tables: not computed again ({error})")
        return
    for name, text in files.items():
        verdict.tables += 1
        try:
            found = (run.folder / name).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            verdict.wrong.append(f"{name}: cannot be read ({error})")
            continue
        if found != text:
            pairs = enumerate(zip([*found.splitlines(), ""], [*text.splitlines(), ""], strict=False), start=1)
            line = next((number for number, (a, b) in pairs if a != b), 1)
            other = f"another version (the run is of {verdict.version})" if verdict.version else "another version"
            verdict.wrong.append(
                f"{name}: line {line} is not what the predictions give: changed by hand, made by {other}, or records "
                "came after it"
            )
