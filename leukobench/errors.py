"""What reaches the user as a plain line instead of a traceback: mistakes, and what the machine cannot do."""

from concurrent.futures import BrokenExecutor
from difflib import get_close_matches

AGAIN = "put it right and start the same command again: what was finished is kept"
LESS = "close other programs, or take fewer --jobs: what was finished is kept"
ENDED = f"a script starts a run under `if __name__ == '__main__':`; else the system may lack memory: {LESS}"

LISTED = 20  # names that a hint lists beside the nearest one; of more the nearest one is enough


class UsageError(Exception):
    """Something the user can put right: an unknown name, a missing folder, an impossible request.

    The command line prints the message, and the hint on what to do next, and exits with code 2.

    Parameters
    ----------
    message : str
        What is wrong, in one line.
    hint : str, default ""
        What to do next.

    Examples
    --------
    >>> str(UsageError("unknown model 'svn'", "did you mean 'svm_rbf'?"))
    "unknown model 'svn'; did you mean 'svm_rbf'?"
    """

    def __init__(self, message, hint=""):
        self.message, self.hint = message, hint
        super().__init__(f"{message}; {hint}" if hint else message)


def sentence(error):
    """What an error says to the user, or None where it is a fault of the program.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str or None

    Examples
    --------
    >>> sentence(PermissionError(13, "Permission denied", "plan.json"))
    'Permission denied (plan.json); put it right and start the same command again: what was finished is kept'
    >>> sentence(BrokenExecutor("All workers expired"))[:75]
    'the worker processes ended before they could work; a script starts a run un'
    >>> sentence(ImportError("libgfortran.so.5: failed to map segment from shared object"))[:52]
    'the machine has not enough memory to load a library;'
    >>> sentence(ZeroDivisionError()) is None
    True
    """
    match error:
        case UsageError():
            return str(error)
        case BrokenExecutor():
            return str(UsageError("the worker processes ended before they could work", ENDED))
        case MemoryError():
            return str(UsageError(f"the machine has not enough memory ({_first_line(error)})", LESS))
        case RuntimeError() if "can't start new thread" in str(error):
            return str(UsageError("the machine has not enough memory or threads", LESS))
        case Exception() if "failed to map segment from shared object" in str(error):
            return str(UsageError("the machine has not enough memory to load a library", LESS))
        case OSError():
            where = f" ({error.filename})" if error.filename else ""
            return str(UsageError(f"{error.strerror or _first_line(error)}{where}", AGAIN))
    return None


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]


def in_one_line(error):
    """An error of code that is not ours, whose own words may fail too: its type, and the first line that it says.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str

    Examples
    --------
    >>> in_one_line(ValueError("no images\\nand more")), in_one_line(SystemExit())
    ('ValueError: no images', 'SystemExit: ')
    """
    try:
        said = str(error)
    except Exception:
        said = "it cannot say why"
    return f"{type(error).__name__}: {said}".splitlines()[0]


def unknown(kind, name, known, see=""):
    """The error for a name that is none of those there are.

    Parameters
    ----------
    kind : str
        What the name is of.
    name : str
        The name that was given.
    known : iterable of str
        The names there are.
    see : str, default ""
        Where to find them, in place of a list, where none of them is near.

    Returns
    -------
    UsageError
        Its hint has the nearest name, where one is near, and those there are.

    Examples
    --------
    >>> str(unknown("protocol", "pairwize", ["within", "pairwise"]))
    "unknown protocol 'pairwize'; did you mean 'pairwise'? known: within, pairwise"
    """
    known = [str(each) for each in known]
    near = get_close_matches(str(name), known, n=1) or get_close_matches(str(name).lower(), known, n=1)
    guess = f"did you mean '{near[0]}'?" if near else ""
    listed = "" if near and len(known) > LISTED else see or f"known: {', '.join(known)}"
    return UsageError(f"unknown {kind} '{name}'", " ".join(filter(None, (guess, listed))))
