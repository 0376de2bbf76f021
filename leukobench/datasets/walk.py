"""Folders of images, looked through by one rule, whoever asks.

- hidden folders (".thumbnails") are left out; hidden files are listed, so that nothing that is named like an image is
  lost without a word
- what is named like an image is listed, be it a pipe or a broken link: reading it then says what is wrong
- a link to a folder is followed, but no folder is entered twice, and by its own name rather than by a link's: loops end
- a folder that cannot be read is an error that names it, as nobody can say what is missing
"""

import os
from pathlib import Path

from leukobench.errors import UsageError
from leukobench.inputs import spell

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


def subfolders(folder):
    """List the folders in a folder, but for the hidden ones, in sorted order.

    Parameters
    ----------
    folder : Path
        A folder; a missing one counts as empty.

    Returns
    -------
    list of Path
        The folders, each once, whatever links lead to it.

    Raises
    ------
    UsageError
        The folder cannot be read.
    """
    found = [path for path, is_folder in _entries(folder) if is_folder and not path.name.startswith(".")]
    once = {_identity(path): path for path in sorted(found, key=lambda path: (path.is_symlink(), path), reverse=True)}
    return sorted(once.values())


def image_files(folder):
    """List what is named like an image in a folder, hidden files among them, in sorted order.

    Parameters
    ----------
    folder : Path
        A folder; a missing one counts as empty.

    Returns
    -------
    list of Path
        The files, which need not be images, nor even regular files.

    Raises
    ------
    UsageError
        The folder cannot be read.
    """
    files = [path for path, is_folder in _entries(folder) if not is_folder]
    return sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES)


def image_tree(folder):
    """List what is named like an image in a folder and in all folders below it, in sorted order.

    Parameters
    ----------
    folder : Path
        A folder; a missing one counts as empty.

    Returns
    -------
    list of Path
        The files, each folder's once.

    Raises
    ------
    UsageError
        A folder cannot be read.
    """
    folders, links, entered, files = [Path(folder)], [], set(), []
    while folders or links:
        top = folders.pop() if folders else links.pop(0)
        if _identity(top) not in entered:
            entered.add(_identity(top))
            files += image_files(top)
            for path in subfolders(top):
                (links if path.is_symlink() else folders).append(path)
    return sorted(files)


def _entries(folder):
    """What lies in a folder: paths, and whether each is a folder, or a link to one."""
    try:
        return [(Path(entry), _is_folder(entry)) for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UsageError(
            f"cannot read the folder {spell(folder)}: {error.strerror}",
            "give yourself the right to read it, or take it away",
        ) from error


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or in a circle
        return False


def _identity(folder):
    """What tells one folder from another, by whatever name it goes."""
    try:
        facts = os.stat(folder)
    except OSError:
        return folder
    return facts.st_dev, facts.st_ino
