"""Arrays of the caller, seen where they lie: to hand compiled code a list of them would cost more than to copy them."""

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 64
"""Bytes that come from memory together."""


@intrinsic
def pointer(context, address):
    """An address as a pointer."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@intrinsic
def fetch(context, address):
    """Have what lies at an address brought to the processor, which does not wait for it."""

    def generate(context, builder, signature, arguments):
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, keep, data = flag(0), flag(2), flag(1)
        builder.call(function, [builder.inttoptr(arguments[0], cgutils.voidptr_t), read, keep, data])
        return context.get_dummy_value()

    return types.void(address), generate


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
