"""A laboratory's own table of labels, `path,label[,group,um_per_px,mask]`, beside its images."""

from pathlib import Path

from leukobench.datasets.card import Record, check_pixel_size
from leukobench.datasets.terms import find_column
from leukobench.datasets.walk import image_tree
from leukobench.errors import UsageError
from leukobench.inputs import as_words, read_table, spell

SUFFIXES = (".csv", ".tsv")
NEEDED, OPTIONAL = ("path", "label"), ("group", "um_per_px", "mask")


def find_tables(folder):
    """List what may be a table of labels in a folder: files that end in .csv or .tsv, in sorted order."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def read_labels(folder, table, needed=NEEDED, anywhere=False):
    """Read what a table says of the images in a folder.

    Parameters
    ----------
    folder : Path
        Where the images lie, in whatever folders below. A table may have been written on another machine: with slashes
        or backslashes, in another case, from a drive or a share, whose leading folders are then left out of all paths.
    table : Path
        Text in any encoding of `leukobench.inputs.read_table`, with the columns path and label, and group, um_per_px
        and mask if they are known. Heads may be words of other languages (`terms.toml`).
    needed : sequence of str, default ("path", "label")
        Columns without which it is an error.
    anywhere : bool, default False
        Whether it may name files outside the folder, by their whole path.

    Returns
    -------
    list of (Record, int or None)
        The record of each image and the line that names it. What the table names and is not there has a record too, as
        has every image that it does not name.

    Raises
    ------
    UsageError
        A column is missing, a cell cannot be read, an image is named twice with different labels, or none is there.
    """
    (_, heads), *rows = read_table(table) or [(1, [])]
    columns = {name: find_column(name, heads) for name in NEEDED + OPTIONAL}
    for name in needed:
        if columns[name] is None:
            there = ", ".join(heads) or "no column at all"
            raise UsageError(f"{spell(table)}, line 1: no column {name!r}", f"there is {there}")
    files, found = _Files(folder), {}
    lines = [_read_line(f"{spell(table)}, line {line}", line, cells, columns) for line, cells in rows]
    above = files.folders_above([_parts(path) for _, path, _, _ in lines])

    def found_as(text):
        elsewhere = Path(text) if anywhere and Path(text).is_absolute() and Path(text).is_file() else None
        return elsewhere or files.find(_parts(text)[above:]) or files.place(_parts(text))

    for line, path, where, facts in lines:
        facts |= {"mask": found_as(facts["mask"]) if facts["mask"] else None}
        record = Record(found_as(path), **facts)
        former, other = found.get(record.path, (record, line))
        # a doubt names its line
        if former._replace(doubt=record.doubt) != record:
            raise UsageError(f"{where}: {path} is in line {other} too, and not the same", "take one of them out")
        found.setdefault(record.path, (record, line))
    if rows and not any(path in files.paths or (anywhere and path.is_file()) for path in found):
        raise UsageError(
            f"{spell(table)}, line {rows[0][0]}: neither this image nor any other of the table is in {spell(folder)}",
            "put the images there, in the folders that the table names",
        )
    doubt = f"not named in {spell(table.name)}"
    return [*found.values(), *((Record(path, None, doubt=doubt), None) for path in files.paths if path not in found)]


def _read_line(where, line, cells, columns):
    """What one line says: its number, the path, where it stands for a message, and facts of a record."""
    path, label, group, um_per_px, mask = (_cell(cells, columns[name], where) for name in NEEDED + OPTIONAL)
    if not path:
        raise UsageError(f"{where}: no path", "complete the line")
    doubt = "" if label else f"{where}, gives no label"
    facts = {"native_label": label, "group": group, "doubt": doubt, "mask": mask}
    return line, path, where, facts | {"um_per_px": _pixel_size(um_per_px, where)}


class _Files:
    """The images below a folder, found by what a table calls them."""

    def __init__(self, folder):
        self.folder, self.paths = folder, image_tree(folder)
        self.exact = {as_words(path.relative_to(folder).as_posix()): path for path in self.paths}
        self.any_case = {}
        for name, path in self.exact.items():
            self.any_case.setdefault(name.casefold(), []).append(path)

    def find(self, parts):
        """The image that parts of a path mean, in another case if there is but one such; None where there is none."""
        name = "/".join(parts)
        if name in self.exact:
            return self.exact[name]
        others = self.any_case.get(name.casefold(), ())
        return others[0] if len(others) == 1 else None

    def folders_above(self, paths):
        """How many leading folders all paths have that are not below this one: as many as find most of the images."""
        deepest = max(map(len, paths), default=1)
        return max(range(deepest), key=lambda above: sum(self.find(parts[above:]) is not None for parts in paths))

    def place(self, parts):
        """Where an image that is not there would lie."""
        return self.folder.joinpath(*parts[-2:])


def _parts(text):
    names = as_words(text).replace("\\", "/").split("/")
    return [name for name in names if name not in ("", ".", "..") and not name.endswith(":")]


def _cell(cells, place, where):
    if place is None:
        return None
    if place >= len(cells):
        raise UsageError(f"{where}: {len(cells)} cells, and {place + 1} are needed", "complete the line")
    return as_words(cells[place]) or None


def _pixel_size(text, where):
    """A number, with a comma or a point; None where nothing is said."""
    if text is None:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        raise UsageError(f"{where}: um_per_px = {text!r} is no number", "leave it empty where it is unknown") from None
    check_pixel_size(number, where)
    return number


def is_table(path):
    """Say whether a file can be read as a table and has columns for path and label."""
    try:
        lines = read_table(path)
    except UsageError:  # whoever names the file is told
        return False
    return bool(lines) and all(find_column(name, lines[0][1]) is not None for name in NEEDED)
