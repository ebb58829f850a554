"""Tokens: shown once, kept as hashes in a private file."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from toolkit.errors import ConfigError, choices

__all__ = ["SCOPES", "Scope", "Token", "Tokens"]

Scope = Literal["read", "run", "review", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a token may do: look; start and stop runs, and ask; correct; all, and see to tokens."""
_MARK = "tk"
_LONGEST = 200


class Token(BaseModel):
    """What is kept of a token; the word itself is not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    scopes: tuple[Scope, ...]
    sha256: str = Field(repr=False)
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and datetime.now(UTC) < self.expires_at

    def may(self, scope: Scope) -> bool:
        """Whether it is for this."""
        return scope in self.scopes or "admin" in self.scopes


_KEPT = TypeAdapter(list[Token])
_Change = Callable[[dict[str, Token]], dict[str, Token]]


class Tokens:
    """The tokens of a file, as they are at any moment: a revoked one is out at once.

    The word of a token has 256 bits of chance, so that one round of SHA-256 is enough to keep it:
    nobody can try them all, and no list of usual ones helps.

    Args:
        path: The file; it is made with the first token.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def all(self) -> list[Token]:
        """Every token, in the order made.

        Raises:
            ConfigError: The file cannot be read, or others than its owner may read it.
        """
        with self._lock:
            self._load()
            return [*self._tokens.values()]

    def find(self, token_id: str) -> Token | None:
        """The token with this id, if it stands."""
        with self._lock:
            self._load()
            token = self._tokens.get(token_id)
        return token if token and token.stands else None

    def owner(self, word: str) -> Token | None:
        """The token that this is the word of, if it stands."""
        if len(word) > _LONGEST:
            return None
        with self._lock:
            self._load()
            token = self._tokens.get(_id_of(word))
        # Compared also where there is none, so that time does not tell which ids there are.
        same = hmac.compare_digest(_hash(word), token.sha256 if token else _hash(""))
        return token if token and same and token.stands else None

    def new(self, name: str, scopes: Iterable[str], days: float) -> tuple[str, Token]:
        """A new token: its word, which cannot be had again, and what is kept of it.

        Raises:
            ConfigError: There is no such scope, or the file cannot be written.
        """
        wanted = tuple(dict.fromkeys(scopes))
        for scope in wanted:
            if scope not in SCOPES:
                raise ConfigError(f"There is no scope '{scope}'.", hint=choices(scope, SCOPES))
        if not wanted:
            raise ConfigError("A token needs a scope.", hint=f"Choose of: {', '.join(SCOPES)}.")
        if not 0 < days <= 3660:
            raise ConfigError(f"A token cannot hold for {days:g} days.", hint="At most ten years.")
        token_id = secrets.token_hex(4)
        word = f"{_MARK}_{token_id}_{secrets.token_urlsafe(32)}"
        now = datetime.now(UTC)
        token = Token.model_validate(
            {
                "id": token_id,
                "name": name,
                "scopes": wanted,
                "sha256": _hash(word),
                "created_at": now,
                "expires_at": now + timedelta(days=days),
            }
        )
        self._change(lambda tokens: {**tokens, token_id: token})
        return word, token

    def revoke(self, token_id: str) -> Token:
        """End a token now.

        Raises:
            ConfigError: There is none with this id.
        """

        def ended(tokens: dict[str, Token]) -> dict[str, Token]:
            if token_id not in tokens:
                raise ConfigError(
                    f"There is no token '{token_id}'.", hint=choices(token_id, tokens)
                )
            old = tokens[token_id]
            at = old.revoked_at or datetime.now(UTC)
            return {**tokens, token_id: old.model_copy(update={"revoked_at": at})}

        return self._change(ended)[token_id]

    def _change(self, change: _Change) -> dict[str, Token]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(f"{self.path}.lock", mode=0o600), self._lock:
                self._load()
                tokens = change(self._tokens)
                self._write(_KEPT.dump_python([*tokens.values()], mode="json"))
                self._load()
                return self._tokens
        except OSError as error:
            raise ConfigError(
                f"The tokens {self.path} cannot be written: {error.strerror or error}."
            ) from error

    def _write(self, data: object) -> None:
        handle, name = tempfile.mkstemp(prefix=".tokens-", dir=self.path.parent)  # with mode 0600
        part = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _load(self) -> None:
        try:
            facts = self.path.stat()
            stamp = facts.st_mtime_ns, facts.st_size, facts.st_ino
            if stamp == self._stamp:
                return
            if os.name == "posix" and facts.st_mode & 0o077:
                raise ConfigError(
                    f"Others may read the tokens {self.path}.", hint=f"chmod 600 {self.path}"
                )
            found = _KEPT.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            self._tokens, self._stamp = {}, None
            return
        except (OSError, ValidationError) as error:
            reason = getattr(error, "strerror", None) or "it is damaged"
            raise ConfigError(f"The tokens {self.path} cannot be read: {reason}.") from error
        self._tokens, self._stamp = {token.id: token for token in found}, stamp


def _id_of(word: str) -> str:
    parts = word.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _MARK else ""


def _hash(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()
