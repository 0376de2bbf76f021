"""Archives from outside, unpacked without trust: no way out of the folder, no links, no bombs, nothing overwritten."""

import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from leukobench.errors import UsageError
from leukobench.inputs import spell

MOST_FILES = 300_000
LARGEST_RATIO = 100  # of unpacked to packed bytes, from SMALL on: pictures hardly shrink
SMALL = 2**27
RAR_TOOLS = {  # command to its arguments, before the archive and before the folder
    "unrar": (["x", "-o-", "-idq"], []),
    "bsdtar": (["-xf"], ["-C"]),
    "7z": (["x", "-y", "-bd"], None),
}
NO_RAR_TOOL = "install unrar, 7z or bsdtar; or unpack it by hand and give the folder in its place"


@dataclass(frozen=True)
class Member:
    """One entry of an archive: its path, its unpacked bytes, and why it is refused, if it is."""

    path: str
    size: int
    is_folder: bool
    refused: str
    source: object


def unpack(path, folder, parts, room=None):
    """Unpack an archive, or take over a folder, below another folder.

    Parameters
    ----------
    path : Path
        A ZIP or TAR archive, a RAR archive where there is a tool for it, or a folder that was unpacked by hand.
    folder : Path
        Where the files go; what lies there already is kept.
    parts : sequence of str
        Names of files or folders of the archive, on whatever depth: what lies below them is taken, with the path from
        there on, and all else is left. Without any, everything is taken.
    room : int, optional
        Bytes that may be written; default: what is free on the disk.

    Returns
    -------
    int
        The number of files written.

    Raises
    ------
    UsageError
        It is no archive, holds what could do harm, more than there is room for, or none of the parts. Nothing is
        written then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder) as place:
        if path.is_dir():
            return _take(path, folder, parts, shutil.copyfile)
        if not (zipfile.is_zipfile(path) or tarfile.is_tarfile(path)):
            _unpack_rar(path, Path(place))
            return _take(Path(place), folder, parts, os.replace)
        with (_Zip if zipfile.is_zipfile(path) else _Tar)(path) as archive:
            members = [member for member in archive.members() if not member.is_folder]
            _check(path, members, shutil.disk_usage(folder).free if room is None else room)
            wanted = [(member, _from_part(member.path, parts)) for member in members]
            wanted = [(member, inside) for member, inside in wanted if inside]
            _check_any(path, wanted, parts)
            return sum(_write(archive, member, folder / inside, Path(place)) for member, inside in wanted)


class _Zip:
    def __init__(self, path):
        self.file = zipfile.ZipFile(path)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()

    def members(self):
        for info in self.file.infolist():
            link = stat.S_ISLNK(info.external_attr >> 16)
            refused = "a link" if link else "encrypted" if info.flag_bits & 1 else _outside(info.filename)
            yield Member(info.filename.replace("\\", "/"), info.file_size, info.is_dir(), refused, info)

    def open(self, member):
        return self.file.open(member.source)


class _Tar(_Zip):
    def __init__(self, path):
        self.file = tarfile.open(path)  # noqa: SIM115 - closed as the context manager that this is

    def members(self):
        for info in self.file:
            plain = info.isreg() or info.isdir()
            yield Member(info.name, info.size, info.isdir(), _outside(info.name) if plain else "a link or device", info)

    def open(self, member):
        return self.file.extractfile(member.source)


def _outside(name):
    """Why a path does not stay below a folder; empty if it does."""
    path = PurePosixPath(name.replace("\\", "/"))
    leaves = path.is_absolute() or ".." in path.parts or "\0" in name or (len(name) > 1 and name[1] == ":")
    return "a path that leads out of its folder" if leaves else ""


def _check(path, members, room):
    """Refuse the whole archive for what one of its members is, or all are together."""
    for member in members:
        if member.refused:
            raise UsageError(f"{spell(path)} holds {member.refused}: {member.path!r}", "nothing was unpacked from it")
    total, packed = sum(member.size for member in members), path.stat().st_size
    if len(members) > MOST_FILES or (total > SMALL and total > LARGEST_RATIO * packed):
        raise UsageError(
            f"{spell(path)} unpacks to {len(members):,} files of {total:,} bytes, from {packed:,}",
            "no pictures shrink like that: nothing was unpacked from it",
        )
    if total > room:
        raise UsageError(f"{total:,} bytes are needed for {spell(path)}, and {room:,} are free", "make room first")


def _check_any(path, wanted, parts):
    if not wanted:
        raise UsageError(f"{spell(path)} holds none of {', '.join(parts) or 'any file'}", "is it the right file?")


def _from_part(name, parts):
    """The path of a member from the first of the parts on; None where it lies in none."""
    path = PurePosixPath(name)
    if not parts:
        return path
    start = next((place for place, each in enumerate(path.parts) if each in parts), None)
    return None if start is None or "__MACOSX" in path.parts else PurePosixPath(*path.parts[start:])


def _write(archive, member, target, place):
    """Write one file, whole or not at all; 0 where there is one already."""
    if os.path.lexists(target):
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    part = place / "part"
    try:
        with archive.open(member) as source, part.open("wb") as file:
            shutil.copyfileobj(source, file, 2**20)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{member.path} cannot be unpacked: {error}", "the archive is damaged: get it anew") from error
    os.replace(part, target)
    return 1


def _take(source, folder, parts, put):
    """Put files of an unpacked folder below another; links are refused."""
    files = []
    for top, names, found in os.walk(source):
        for name in (*names, *found):
            path = Path(top, name)
            if path.is_symlink():
                raise UsageError(f"{spell(source)} holds a link: {spell(path)}", "nothing was taken from it")
        files += [Path(top, name) for name in found]
    wanted = [(path, _from_part(Path(source.name, path.relative_to(source)).as_posix(), parts)) for path in files]
    wanted = [(path, inside) for path, inside in wanted if inside]
    _check_any(source, wanted, parts)
    fresh = [(path, folder / inside) for path, inside in wanted if not os.path.lexists(folder / inside)]
    for path, target in fresh:
        target.parent.mkdir(parents=True, exist_ok=True)
        put(path, target)
    return len(fresh)


def _unpack_rar(path, place):
    with path.open("rb") as file:
        if file.read(4) != b"Rar!":
            raise UsageError(f"{spell(path)} is no archive that can be read", "ZIP, TAR and RAR are")
    tool = next(filter(shutil.which, RAR_TOOLS), None)
    if tool is None:
        raise UsageError(f"no tool unpacks {spell(path)}", NO_RAR_TOOL)
    before, between = RAR_TOOLS[tool]
    where = [f"-o{place}"] if between is None else [*between, f"{place}/"]
    done = subprocess.run([tool, *before, str(path.resolve()), *where], capture_output=True, text=True, cwd=place)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise UsageError(f"{tool} cannot unpack {spell(path)}: {said[-1]}", "the archive is damaged: get it anew")
