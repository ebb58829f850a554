"""How a process that reads files takes memory from the system, and gives it back."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

__all__ = ["environment", "give_back"]

_NAME = "GLIBC_TUNABLES"
_TUNED = {
    "hugetlb": 1,  # large pages, which cost fewer faults and fewer misses of the TLB
    "arena_max": 1,  # what one decoder's thread let go of is there for the next
    "mmap_threshold": 32 << 20,  # a decoder's frames come from there too, not a mapping each
    "trim_threshold": 1 << 30,  # it grows once, and not again and again
}


def environment() -> dict[str, str]:
    """The environment of such a process: ours, and how the C library is to take memory.

    A decoder's frames are megabytes, and those that a scan keeps are new memory: with pages of 4 kB
    that is tens of thousands of faults a file. What the user has set stays. Other C libraries than
    glibc, which knows large pages from 2.35 on, take no notice.
    """
    given = os.environ.get(_NAME, "")
    named = {one.partition("=")[0] for one in given.split(":")}
    tuned = {f"glibc.malloc.{what}": value for what, value in _TUNED.items()}
    ours = [f"{name}={value}" for name, value in tuned.items() if name not in named]
    return {**os.environ, _NAME: ":".join([*ours, *([given] if given else [])])}


def give_back() -> None:
    """Give back what lies unused."""
    with suppress(AttributeError, OSError, TypeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)
