"""Whether a run folder still is what the run wrote: records, predictions, and every table computed again."""

import re
from dataclasses import dataclass, field

from leukobench.errors import UsageError
from leukobench.files import content_hash
from leukobench.inputs import read_text
from leukobench.readback import DamagedFile
from leukobench.report import manifest
from leukobench.report.build import report_of
from leukobench.report.reader import Run, ranked_by, read_record
from leukobench.report.tables import render
from leukobench.running.changes import identity_of
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
    digest : str
        SHA-256 of `manifest.json`; empty where there is none.
    wrong : list of str
        What is not as the run wrote it, by file.
    version : str
        What wrote the run, where that is another version or commit than this one; else nothing.
    """

    records: int = 0
    tables: int = 0
    missing: int = 0
    digest: str = ""
    wrong: list = field(default_factory=list)
    version: str = ""


def verify(folder, digest=None, *, tables=True):
    """Check a run folder against itself, and against a digest that was published.

    The plan, the environment and every record carry a hash of their content, every record a checksum of its predictions
    and the fingerprint of its inputs; `manifest.json` holds the digest of every file; the tables are computed again
    from the predictions and compared byte by byte. Whoever rewrites all of that leaves a folder that agrees with
    itself: only a digest that was published before, or a fit of the cells from the data (`running.refit`), tells.

    Parameters
    ----------
    folder : path-like
        The run folder.
    digest : str, optional
        SHA-256 of the manifest, as the tables name it, in hexadecimal; its first 12 digits or more.
    tables : bool, default True
        Compute the tables again. Without it they are only held against the manifest, which another version passes too.

    Returns
    -------
    Verdict

    Raises
    ------
    UsageError
        The folder is no run folder, its plan cannot be read, or the digest is none.
    """
    if digest is not None and not re.fullmatch("[0-9a-f]{12,64}", digest.lower()):
        raise UsageError(f"'{digest}' is no SHA-256", "take the one that stands in leaderboard.md, 12 digits or more")
    store, verdict = RunFolder(folder), Verdict()
    run, found = Run(store, store.read_plan(), []), manifest.loose_digests(store)
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
        found |= _check_record(run, cell, verdict)
    sealed = _read_manifest(store, digest, verdict)
    if len(run.records) == len(run.plan["cells"]):
        found |= _check_tables(run, verdict) if tables else {}
    else:
        verdict.wrong.append("the tables: not computed again, since records or predictions cannot be read")
    if sealed is not None:
        _compare(sealed, found | _unchecked_tables(store, sealed, found, verdict.digest), verdict)
    return verdict


def _version(environment):
    """What a run was made by, in words; nothing for a merged one, which several versions may have made."""
    name, commit = environment.get("leukobench"), environment.get("commit")
    return f"leukobench {name}{f' of commit {commit[:10]}' if commit else ''}" if name else ""


def _read_manifest(store, digest, verdict):
    """The digests that the manifest holds, or None where there is none to compare with."""
    try:
        content = store.read_json(manifest.NAME)
    except DamagedFile as error:
        verdict.wrong.append(error.message)
        return None
    if content is None:
        why = "taken away, or of an early version; nothing seals this folder as a whole"
        verdict.wrong.append(f"{manifest.NAME}: there is no such file ({why})")
        return None
    verdict.digest = manifest.digest_of((store.path / manifest.NAME).read_bytes())
    if digest is not None and not verdict.digest.startswith(digest.lower()):
        verdict.wrong.append(f"{manifest.NAME}: this is another run than the one of {digest}: it is {verdict.digest}")
    return content.get("files", {})


def _unchecked_tables(store, sealed, found, digest):
    """Digests of tables that could not be computed again: whether they are those that were sealed can still be told."""
    lying = (store.path / name for name in sealed if "/" not in name and name not in found)
    return {path.name: manifest.table_digest(read_text(path), digest) for path in lying if path.is_file()}


def _compare(sealed, found, verdict):
    for name in sorted({*sealed, *found}):
        if sealed.get(name) != found.get(name):
            what = "not what is sealed" if name in sealed and name in found else "not sealed"
            what = what if name in found else "sealed, and cannot be read"
            verdict.wrong.append(f"{name}: {what} in {manifest.NAME}: changed by hand, or the run went on after it")


def _check_seal(name, content, verdict):
    if content is None:
        verdict.wrong.append(f"{name}: there is no such file")
    elif SEAL not in content:
        verdict.wrong.append(f"{name}: it has no seal: taken off, or written by an early version")
    elif not seal_holds(content):
        verdict.wrong.append(f"{name}: its content was changed after the run wrote it")


def _check_fingerprint(name, cell, verdict):
    if "inputs" in cell and cell["fingerprint"] != content_hash([*identity_of(cell), cell["inputs"]]):
        which = " ".join(map(str, identity_of(cell)))
        verdict.wrong.append(f"{name}: the inputs of {which} are not those of its fingerprint")


def _check_record(run, cell, verdict):
    """Look at a planned cell's record and predictions, and give their digests."""
    name, found = manifest.record_name(cell), {}
    try:
        record = read_record(run.store, cell, run.suite["datasets"])
        if record["status"] == "missing":
            verdict.missing += 1
        else:
            verdict.records += 1
            written = run.store.written_record(cell["fingerprint"])  # without what `read_record` adds
            found[name] = manifest.record_digest(written)
            _check_seal(name, written, verdict)
            _check_fingerprint(name, written, verdict)
        if record["status"] == "ok":
            run.predictions(record)
            found[manifest.predictions_name(record)] = _check_predictions(run, record, verdict)
    except UsageError as error:
        verdict.wrong.append(error.message)
    else:
        run.records.append(record)
    return found


def _check_predictions(run, record, verdict):
    name, found = manifest.predictions_name(record), checksum(run.prediction_table(record))
    if "predictions_checksum" not in record:
        verdict.wrong.append(f"{name}: its record has no checksum of it")
    elif found != record["predictions_checksum"] and not run.store.rounded(record["fingerprint"]):
        verdict.wrong.append(f"{name}: not the predictions that its record is about")
    return found


def _check_tables(run, verdict):
    """Compute the tables again, and give the digests of those that are there."""
    digests = {}
    try:
        metric = ranked_by(run.folder)
    except UsageError as error:
        verdict.wrong.append(f"{error.message}; {error.hint}")
        return digests
    try:
        files = render(report_of(run, rank_by=metric))
    except UsageError as error:
        verdict.wrong.append(f"the tables: not computed again ({error})")
        return digests
    digest = verdict.digest or manifest.NO_DIGEST
    for name, text in files.items():
        verdict.tables += 1
        try:
            found = (run.folder / name).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            verdict.wrong.append(f"{name}: cannot be read ({error})")
            continue
        digests[name] = manifest.table_digest(found, digest)
        expected = text.replace(manifest.NO_DIGEST, digest)
        if found != expected:
            pairs = enumerate(zip([*found.splitlines(), ""], [*expected.splitlines(), ""], strict=False), start=1)
            line = next((number for number, (a, b) in pairs if a != b), 1)
            other = f"another version (the run is of {verdict.version})" if verdict.version else "another version"
            verdict.wrong.append(
                f"{name}: line {line} is not what the predictions give: changed by hand, made by {other}, or records "
                "came after it"
            )
    return digests
