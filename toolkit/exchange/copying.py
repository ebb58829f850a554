"""All records of one store into another, and of a file into a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from toolkit.errors import StoreError
from toolkit.exchange import dump
from toolkit.privacy.tombstones import kept_out
from toolkit.stages.store import Store

__all__ = ["Copied", "Told", "copy_store", "import_records"]

T = TypeVar("T")
Told = Callable[[str, int, int], None]
"""Told which kind of records, how many of them are done, and how many there are."""
_AT_ONCE = 500


@dataclass(frozen=True)
class Copied:
    """What was copied of a kind of records.

    Attributes:
        kind: Its name.
        found: How many the source has.
        written: How many of them the target did not have, or not the same.
        there: How many the target has now.
    """

    kind: str
    found: int
    written: int
    there: int


def copy_store(source: Store, target: Store, told: Told = lambda *_: None) -> list[Copied]:
    """Copy every record; one that is there already, the same, is not written again.

    What was erased from the target on request does not come back. A copy that was cut off goes on
    where it was when it is begun again. Other records of the target stay as they are; of two with
    one id that of the source wins. Every batch is counted in the target once it is written.

    Args:
        source: From where.
        target: To where.
        told: Told how far it is.

    Raises:
        StoreError: Records could not be read or written, or are not there afterwards.
    """
    copied = []
    for kind in dump.ORDER:
        total, is_new = source.count(kind), not target.count(kind)
        found = written = 0
        told(kind.__name__, 0, total)
        for batch in (kept_out(target, every) for every in _batches(source.stream(kind))):
            ids = [one.id for one in batch]
            same = {} if is_new else {one.id: one for one in target.find(kind, id=ids)}
            news = [one for one in batch if same.get(one.id) != one]
            target.save(news)
            if (arrived := target.count(kind, id=ids)) != len(ids):
                raise StoreError(
                    f"Of {len(ids)} records of the kind {kind.__name__} only {arrived} arrived.",
                    hint="Copy again: what is there is not written twice.",
                    retriable=True,
                )
            found += len(batch)
            written += len(news)
            told(kind.__name__, found, max(total, found))
        copied.append(Copied(kind.__name__, found, written, target.count(kind)))
    return copied


def import_records(store: Store, path: Path, told: Told = lambda *_: None) -> dict[str, int]:
    """Save the records of a file that :func:`toolkit.exchange.dump.write` wrote.

    All of it is looked over before any of it is saved. A record replaces the one with its id.

    Args:
        store: To where.
        path: The file.
        told: Told how far it is.

    Returns:
        How many records of each kind were saved: what was erased on request does not come back.

    Raises:
        SourceError: The file does not hold records, or only a part of them.
        StoreError: They could not be saved.
    """
    total = sum(1 for _ in dump.read(path))
    counts: dict[str, int] = {}
    done = 0
    for batch in _batches(dump.read(path)):
        store.save(kept := kept_out(store, batch))
        for record in kept:
            counts[type(record).__name__] = counts.get(type(record).__name__, 0) + 1
        done += len(batch)
        told("records", done, total)
    return counts


def _batches(records: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(records)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch
