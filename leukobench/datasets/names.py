"""What a laboratory's own dataset may be called."""

from leukobench.errors import UsageError

RESERVED = frozenset(  # names that tables of results have for themselves, as rows or columns beside the datasets
    {"merged", "all", "all others", "train", "test", "contaminated_targets", "developed_on_targets"}
    | {"synthetic", "protocol_line", "notes"}
)
LEAVE_ONE_OUT = "all-"  # begins the name of all datasets but one
LONGEST_NAME = 100  # characters of a dataset's name


def check_name(name):
    """Refuse a name that cannot be a dataset's, and give it back otherwise.

    Parameters
    ----------
    name : str
        The name of a folder below the data root.

    Returns
    -------
    str
        The same.

    Raises
    ------
    UsageError
        Tables of results have the name for themselves, or it cannot stand on a command line, in a table or in a path.

    Examples
    --------
    >>> check_name("ward 7")
    'ward 7'
    """
    if name.lower() in RESERVED or name.lower().startswith(LEAVE_ONE_OUT):
        reason = "tables of results have that name for themselves"
    elif len(name) > LONGEST_NAME:
        reason = f"it has {len(name)} characters, and {LONGEST_NAME} may be written"
    elif name in ("", ".", "..") or name != name.strip() or not name.isprintable() or {*name} & {*"/\\,"}:
        reason = "a name has no commas, slashes, control characters, nor spaces around it"
    else:
        return name
    raise UsageError(f"a dataset cannot be called {name!r}: {reason}", "rename its folder")
