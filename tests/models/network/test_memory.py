"""Freed memory stays with a network that trains, and goes back afterwards."""

import ctypes
import resource
from types import SimpleNamespace

import pytest

from leukobench.models.network.memory import memory_kept


def touched(size=2**26):
    """Pages that are new to the process when memory is filled and given back, for the second time."""
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        assert len(b"x" * size)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc")
def test_freed_memory_is_kept_for_as_long_as_it_is_asked_for():
    with memory_kept():
        kept = touched()
    assert kept < touched() / 4
    with pytest.raises(ZeroDivisionError), memory_kept():
        raise ZeroDivisionError
    assert kept < touched() / 4


@pytest.mark.parametrize("asked", [("mallopt", "malloc_trim"), ()])
def test_another_library_is_left_alone(monkeypatch, asked):
    calls = []
    library = SimpleNamespace(**{name: lambda *given, name=name: calls.append(name) for name in asked})
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    with memory_kept():
        inside = len(calls)
    assert (inside, len(calls)) == ((2, 5) if asked else (0, 0))
