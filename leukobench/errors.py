"""What reaches the user as a plain line instead of a traceback: mistakes, and what the machine cannot do."""

from concurrent.futures import BrokenExecutor

AGAIN = "put it right and start the same command again: what was finished is kept"
LESS = "close other programs, or take fewer --jobs: what was finished is kept"


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
    >>> sentence(ZeroDivisionError()) is None
    True
    """
    match error:
        case UsageError():
            return str(error)
        case MemoryError() | BrokenExecutor():
            return str(UsageError(f"the machine has not enough memory ({_first_line(error)})", LESS))
        case RuntimeError() if "can't start new thread" in str(error):
            return str(UsageError("the machine has not enough memory or threads", LESS))
        case OSError():
            where = f" ({error.filename})" if error.filename else ""
            return str(UsageError(f"{error.strerror or _first_line(error)}{where}", AGAIN))
    return None


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
