"""CPU backend; until its kernels are in, the reference's numbers."""

from leukobench.features.backends.reference import compute

__all__ = ["compute"]
