"""Imported by the process that workers are forked from: brings along what they need, as far as it imports here.

What does not import fails again where a worker asks for it, in a task that has a record; here it would end all workers.
"""

import contextlib
import os
from importlib import import_module

from leukobench.running.pool import PRELOAD

for name in os.environ.get(PRELOAD, "").split():
    with contextlib.suppress(Exception):
        import_module(name)
