"""A store whose rows only the key opens, whichever plugin keeps them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from toolkit.errors import EncryptionError, StoreError
from toolkit.records import Completion, Record, digest
from toolkit.sealing import fields, search
from toolkit.stages.store import KINDS, Hit, Store, Where
from toolkit.vault.keys import Vault, wrong_key

__all__ = ["SealedStore", "guarded"]

R = TypeVar("R", bound=Record)
_MARK = digest("completion", "store", "encryption")
_WORDS = "this store is encrypted"
_AT_ONCE = 500


def guarded(store: Store, vault: Vault | None) -> Store:
    """The store as these settings may use it.

    Raises:
        EncryptionError: It is encrypted and no key is given, or another one than it needs.
    """
    marks = store.find(Completion, id=_MARK)
    if vault is None:
        if marks:
            raise EncryptionError(
                f"{store!r} is encrypted.", hint="Set encrypt = yes and its key in [privacy]."
            )
        return store
    if not marks:
        word = vault.seal(_WORDS, "mark")
        store.save([Completion(id=_MARK, item_id=word, stage="encryption", key="")])
    elif vault.open(marks[0].item_id, "mark") != _WORDS:
        raise wrong_key(repr(store))
    return SealedStore(store, vault)


class SealedStore(Store):
    """Seals rows on their way in and opens them on their way out.

    Rows that were saved before the workspace was encrypted are read as they are.

    Args:
        store: Keeps the rows; it is closed with this one.
        vault: The keys.
    """

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def __repr__(self) -> str:
        return f"<encrypted: {self._store!r}>"

    def save(self, records: Iterable[Record]) -> None:
        """See :class:`~toolkit.stages.store.Store`, and so below."""
        try:
            rows = [fields.sealed(record, self._vault) for record in records]
        except UnicodeEncodeError as error:
            raise StoreError(
                "A record holds text that is not Unicode, and nothing was saved.",
                hint="Decode bytes with errors='replace'.",
            ) from error
        self._store.save(rows)

    def stream(self, kind: type[R], /, **where: Where) -> Iterator[R]:
        """Rows that fit; a condition on a sealed field is looked at once the row is open."""
        plain, fits = _divided(kind, where)
        return self._opened(self._store.stream(kind, **plain), fits)

    def _opened(self, rows: Iterator[R], fits: Callable[[Record], bool]) -> Iterator[R]:
        for row in rows:
            record = fields.opened(row, self._vault)
            if record.id != _MARK and fits(record):
                yield record

    def count(self, kind: type[Record], /, **where: Where) -> int:
        """How many fit."""
        plain, _ = _divided(kind, where)
        if len(plain) < len(where):
            return sum(1 for _ in self.stream(kind, **where))
        marks = self._store.count(kind, **{**where, "id": _MARK}) if kind is Completion else 0
        asked = where.get("id", _MARK)
        named = asked == _MARK or (not isinstance(asked, (str, int)) and asked and _MARK in asked)
        return self._store.count(kind, **where) - (marks if named else 0)

    def delete(self, kind: type[Record], /, **where: Where) -> int:
        """Delete those that fit."""
        if not where:
            return self._store.delete(kind)  # which is refused
        found = [record.id for record in self.stream(kind, **where)]
        return self._store.delete(kind, id=found) if found else 0

    def scrub(self) -> Sequence[str]:
        """See that nothing of what was deleted or replaced is left in the store's files."""
        return self._store.scrub()

    def search(
        self, words: str, *, limit: int = 20, without: Collection[str] = ()
    ) -> Sequence[Hit]:
        """Scenes with these words: every text is opened and put into an index in memory."""
        return search.search(self, words, limit=limit, without=without)

    def renew(self) -> int:
        """Seal with the newest key what is not yet; says how many rows that were.

        Each batch is read, written and done with, so that it may be broken off and begun again.
        """
        mark = Completion(
            id=_MARK, item_id=self._vault.seal(_WORDS, "mark"), stage="encryption", key=""
        )
        count = 0
        for kind in KINDS:
            batch: list[Record] = []
            for row in self._store.find(kind):
                if not fields.is_current(row, self._vault):
                    batch.append(fields.opened(row, self._vault))
                if len(batch) == _AT_ONCE:
                    self.save(batch)
                    count += len(batch)
                    batch = []
            self.save(batch)
            count += len(batch)
        self._store.save([mark])
        return count

    def close(self) -> None:
        """Close the store itself."""
        self._store.close()


def _divided(
    kind: type[Record], where: dict[str, Where]
) -> tuple[dict[str, Where], Callable[[Record], bool]]:
    """The conditions that the store can look at, and a look at the others."""
    hidden = fields.FIELDS.get(kind, {}).keys()
    plain = {name: value for name, value in where.items() if name not in hidden}
    asked: dict[str, Any] = {
        name: value if isinstance(value, (str, int, type(None))) else list(value)
        for name, value in where.items()
        if name in hidden
    }

    def fits(record: Record) -> bool:
        return all(
            getattr(record, name) in value
            if isinstance(value, list)
            else getattr(record, name) == value
            for name, value in asked.items()
        )

    return plain, fits
