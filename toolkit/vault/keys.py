"""The keys of a workspace: age identities, from each of which a key for texts is derived.

Files are age files (https://age-encryption.org/v1), so that ``age -d`` opens them without the
toolkit. Texts are sealed with AES-SIV (RFC 5297), bound to the place they stand in: a text that
was moved to another row or field does not open. The same text in the same place gives the same
bytes, so that a row that is written again stays as it is; there is no nonce that could repeat.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import EncryptionError, MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    from pyrage.x25519 import Identity

__all__ = ["SEALED", "Vault", "new_key", "vaults"]

SEALED = "sealed:"
"""What a sealed text begins with."""
_NAME_BYTES = 6  # eight characters
_PURPOSE = b"video-analysis-toolkit "

_lock = threading.Lock()
_known: dict[tuple[tuple[str, ...], Path | None], Vault] = {}


class Vault:
    """Keys at work: the first one seals, each of them opens. For many threads.

    Args:
        keys: Age identities (``AGE-SECRET-KEY-1…``), the newest first.
        scratch: Folder for what has to be plain for a while; None for memory.

    Attributes:
        recipient: The public half of the first key: whoever has it can seal files and open none.
        identities: All keys, as ``pyrage`` takes them.
        scratch: As given.

    Raises:
        EncryptionError: There is no key, or one is none.
        MissingExtraError: The libraries are not installed.
    """

    def __init__(self, keys: Sequence[str], scratch: Path | None = None) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV
            from pyrage import IdentityError
            from pyrage.x25519 import Identity
        except ImportError as error:
            raise MissingExtraError("encryption", "encryption", cause=error) from error
        if not keys:
            raise EncryptionError("There is no key.", hint="Make one with: toolkit keys new FILE")
        try:
            self.identities: list[Identity] = [Identity.from_str(key) for key in keys]
        except IdentityError:
            raise EncryptionError(  # without what it quotes
                "A key is none: it does not read AGE-SECRET-KEY-1 and 58 letters and digits.",
                hint="Make one with: toolkit keys new FILE",
            ) from None
        self.recipient = str(self.identities[0].to_public())
        self.scratch = scratch
        self._texts: dict[bytes, AESSIV] = {
            _derived(key, b"name", _NAME_BYTES): AESSIV(_derived(key, b"texts", 64))
            for key in map(str, self.identities)
        }
        self._first = next(iter(self._texts))

    def __repr__(self) -> str:
        return f"<Vault: {self.recipient}>"

    @classmethod
    def of(cls, keys: Sequence[str], scratch: Path | None = None) -> Vault:
        """The vault with these keys; from then on this process opens what they sealed."""
        name = (tuple(keys), scratch)
        with _lock:
            if name not in _known:
                _known[name] = cls(keys, scratch)
            return _known[name]

    def seal(self, text: str, *place: str) -> str:
        """A text that only these keys open, at this place (kind of row, field, id)."""
        cipher = self._texts[self._first]
        data = cipher.encrypt(text.encode(), _bound(place))
        return SEALED + base64.urlsafe_b64encode(self._first + data).rstrip(b"=").decode()

    def open(self, sealed: str, *place: str) -> str:
        """The text; one that is not sealed is given back as it is.

        Raises:
            EncryptionError: It was sealed with another key, for another place, or was changed.
        """
        from cryptography.exceptions import InvalidTag

        if not sealed.startswith(SEALED):
            return sealed
        body = sealed[len(SEALED) :]
        try:
            data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            cipher = self._texts[data[:_NAME_BYTES]]
            return cipher.decrypt(data[_NAME_BYTES:], _bound(place)).decode()
        except KeyError:
            raise wrong_key("A text") from None
        except (InvalidTag, binascii.Error, ValueError):
            raise EncryptionError(
                f"A sealed text ({' '.join(place[:2])}) was changed, or is not where it was.",
                hint="Somebody edited the store, or its disk fails. Bring back a copy.",
            ) from None

    def current(self, sealed: str) -> bool:
        """Whether a text is sealed, and with the first key."""
        return sealed.startswith(SEALED + base64.urlsafe_b64encode(self._first).decode())


def wrong_key(what: str) -> EncryptionError:
    """The error where none of the keys fits."""
    return EncryptionError(
        f"{what} was sealed with another key than those that are given.",
        hint="Give the key that the workspace was made with, after the newest one if it is older: "
        "[privacy] key, key_file or keyring.",
    )


def vaults() -> list[Vault]:
    """All that this process can open things with, the latest first."""
    with _lock:
        return list(reversed(_known.values()))


def new_key() -> str:
    """A new key.

    Raises:
        MissingExtraError: The libraries are not installed.
    """
    try:
        from pyrage.x25519 import Identity
    except ImportError as error:
        raise MissingExtraError("encryption", "encryption", cause=error) from error
    return str(Identity.generate())


def _bound(place: Sequence[str]) -> list[bytes]:
    # AES-SIV takes several strings and keeps them apart; empty ones it does not take.
    return [b"=" + part.encode() for part in place] or [b"="]


def _derived(key: str, purpose: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt=None, info=_PURPOSE + purpose).derive(key.encode())
