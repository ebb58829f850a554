"""The secret that a cluster asks of everyone who joins it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from toolkit.config import Settings
from toolkit.config.secrets import remember
from toolkit.errors import ClusterError

__all__ = ["read_token", "token_file", "using_token"]

_NAMES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_HINT = "Mend [ray] token_file."


def token_file(settings: Settings) -> Path | None:
    """The file that the settings name; None: Ray looks in its own places."""
    given = settings.ray.token_file
    return (settings.base / Path(given).expanduser()).absolute() if given else None


def read_token(file: Path) -> str:
    """The token in a file, never to be shown.

    Raises:
        ClusterError: It cannot be read, or is empty.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ClusterError(f"The token cannot be read: {error}", hint=_HINT) from error
    if not text:
        raise ClusterError(f"There is no token in {file}.", hint=_HINT)
    remember(text)
    return text


@contextlib.contextmanager
def using_token(file: Path | None) -> Iterator[None]:
    """Ray uses this token for the connection that begins in the block.

    Args:
        file: Where it is; None for Ray's own places (RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH,
            ~/.ray/auth_token).

    Raises:
        ClusterError: The file cannot be read, or Ray is told to use a token and finds none.
    """
    from ray._raylet import AuthenticationTokenLoader, Config
    from ray.exceptions import AuthenticationError

    before = {name: os.environ.get(name) for name in _NAMES}
    loader = AuthenticationTokenLoader.instance()
    loader.reset_cache()
    try:
        if file:
            read_token(file)
            os.environ.pop("RAY_AUTH_TOKEN", None)
            os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(file))
        elif before["RAY_AUTH_MODE"] is None and loader.has_token(ignore_auth_mode=True):
            os.environ["RAY_AUTH_MODE"] = "token"
        Config.initialize("")  # Ray reads its environment once a process: let it do so again
        if os.environ.get("RAY_AUTH_MODE") == "token" and not loader.has_token():
            raise AuthenticationError("there is none")
        if token := loader.get_raw_token(ignore_auth_mode=True):
            remember(token)
        yield
    except AuthenticationError as error:
        raise ClusterError(
            f"Ray has no token to use: {str(error).partition(' Ensure')[0]}",
            hint="Set RAY_AUTH_TOKEN, or [ray] token_file, to the cluster's token.",
        ) from error
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
