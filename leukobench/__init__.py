"""Benchmark of white-blood-cell classifiers: how well they carry over from one laboratory to the next."""

__version__ = "0.1.0"
