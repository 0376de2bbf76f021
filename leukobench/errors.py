"""The one exception that reaches the user as a plain line instead of a traceback."""


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
