"""All that the measuring of images imports and that takes long: what workers are forked from has it already.

Nothing is looked up or computed here, as that may depend on what the process that asks has been told since.
"""

import pkgutil
from importlib import import_module

from leukobench import segmentation
from leukobench.features import extractor, looks, parts, viewed
from leukobench.features.backends import cpu
from leukobench.running import computing

__all__ = ["computing", "extractor", "looks", "segmentation", "viewed"]

for package in (parts, cpu):
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
