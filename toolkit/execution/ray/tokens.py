"""The secret that a cluster asks of everyone who joins it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.config import Settings
from toolkit.config.secrets import remember
from toolkit.errors import ClusterError

__all__ = ["Token", "find_token", "using_token"]

_NAMES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@dataclass(frozen=True)
class Token:
    """Where the token is; without a file, Ray looks in its own places."""

    file: Path | None = None


def find_token(settings: Settings) -> Token:
    """The token that the settings name.

    Raises:
        ClusterError: There is no such file, or nothing in it.
    """
    given = settings.ray.token_file
    if not given:
        return Token()
    file = (settings.base / Path(given).expanduser()).absolute()
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ClusterError(
            f"The token cannot be read: {error}", hint="Mend [ray] token_file."
        ) from error
    if not text:
        raise ClusterError(f"There is no token in {file}.", hint="Mend [ray] token_file.")
    remember(text)
    return Token(file)


@contextlib.contextmanager
def using_token(token: Token) -> Iterator[None]:
    """Ray uses this token for what begins in the block; it keeps it for the connection.

    Ray reads its environment once a process, and is told here to read it again.
    """
    from ray._raylet import AuthenticationTokenLoader, Config

    before = {name: os.environ.get(name) for name in _NAMES}
    if token.file:
        os.environ.pop("RAY_AUTH_TOKEN", None)
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token.file))
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
