"""Arrays of the caller, seen where they lie: to hand compiled code a list of them would cost more than to copy them."""

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def pointer(context, address):
    """An address as a pointer."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@njit(nogil=True)
def bytes_at(address, n):
    """The n bytes from an address on."""
    return carray(pointer(address), n, np.uint8)


@njit(nogil=True)
def words_at(address, n):
    """Numbers of eight bytes that hold the n bytes from an address on, a multiple of eight.

    The last one may reach behind those bytes, but never into another page of memory: it can be read.
    """
    return carray(pointer(address), (n + 7) >> 3, np.uint64)
