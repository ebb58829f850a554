"""The keys that the settings name: from the environment, a file, or the system's keyring."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

from pydantic import SecretStr

from toolkit.config import Settings
from toolkit.config.privacy import Privacy
from toolkit.config.secrets import remember
from toolkit.errors import EncryptionError, MissingExtraError
from toolkit.vault.keys import Vault

__all__ = [
    "SERVICE",
    "carried",
    "kept",
    "keys_in",
    "keys_of",
    "vault_from",
    "vault_of",
    "write_keys",
]

SERVICE = "video-analysis-toolkit"
"""What the toolkit is called in the system's keyring."""
_BEGIN = "AGE-SECRET-KEY-"


def vault_of(settings: Settings) -> Vault | None:
    """The vault of these settings; None where nothing is encrypted.

    Raises:
        EncryptionError: There is no key, or it cannot be used.
        MissingExtraError: The libraries are not installed.
    """
    return vault_from(settings.privacy, settings.base)


def vault_from(privacy: Privacy, base: Path) -> Vault | None:
    """The same, of the section alone; ``base`` is where relative paths start."""
    if not privacy.encrypt:
        return None
    scratch = base / Path(privacy.scratch).expanduser() if privacy.scratch else None
    return Vault.of(keys_of(privacy, base), scratch)


def keys_of(privacy: Privacy, base: Path) -> list[str]:
    """The keys that the settings name, the newest first.

    Raises:
        EncryptionError: They name none, several places, or one that cannot be read.
    """
    places = {"key": privacy.key, "key_file": privacy.key_file, "keyring": privacy.keyring}
    named = [name for name, value in places.items() if value]
    if not named:
        raise EncryptionError(
            "[privacy] encrypt is set, and there is no key.",
            hint="Make one with: toolkit keys new FILE. Then set [privacy] key_file, or key from "
            "the environment (TOOLKIT_PRIVACY__KEY).",
        )
    if len(named) > 1:
        raise EncryptionError(
            f"[privacy] names keys in several places: {', '.join(named)}.", hint="Keep one of them."
        )
    if privacy.key:
        return keys_in(privacy.key.get_secret_value(), "[privacy] key")
    if privacy.key_file:
        return kept(base / Path(privacy.key_file).expanduser())
    return keys_in(_from_keyring(privacy.keyring), f"The keyring's entry {privacy.keyring}")


def carried(settings: Settings) -> Settings:
    """The settings for a process elsewhere, which may have no such file and no such keyring."""
    privacy = settings.privacy
    if not privacy.encrypt or privacy.key:
        return settings
    there = {
        "key": SecretStr("\n".join(keys_of(privacy, settings.base))),
        "key_file": "",
        "keyring": "",
    }
    return settings.model_copy(update={"privacy": privacy.model_copy(update=there)})


def kept(path: Path) -> list[str]:
    """The keys in a file, the newest first.

    Raises:
        EncryptionError: It cannot be read, others may read it, or there is no key in it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise EncryptionError(
            f"The key file {path} cannot be read: {reason}.",
            hint="Set [privacy] key_file to the file that the workspace was made with.",
            path=str(path),
        ) from error
    if sys.platform != "win32" and stat.S_IMODE(mode) & 0o077:
        raise EncryptionError(
            f"Others than its owner may read or write the key file {path}.",
            hint=f"Make it private: chmod 600 {path}. If others have read it, make a new key: "
            "toolkit keys rotate",
            path=str(path),
        )
    return keys_in(text, f"The key file {path}")


def keys_in(text: str, where: str) -> list[str]:
    """The keys in a text, one a line or with spaces between; lines with ``#`` are comments.

    Raises:
        EncryptionError: There is none.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = [word for word in re.split(r"[\s,;]+", "\n".join(lines)) if word]
    for key in found:
        remember(key)
    if not found or not all(key.startswith(_BEGIN) for key in found):
        raise EncryptionError(
            f"{where} holds no key: it would begin with {_BEGIN}.",
            hint="Make one with: toolkit keys new FILE",
        )
    return found


def _from_keyring(name: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise MissingExtraError("keyring", "keyring", cause=error) from error
    try:
        found = keyring.get_password(SERVICE, name)
    except KeyringError as error:
        raise EncryptionError(
            f"The operating system's keyring cannot be asked: {error}.",
            hint="Unlock it, or set [privacy] key_file.",
        ) from error
    if not found:
        raise EncryptionError(
            f"The operating system's keyring has no key named {name}.",
            hint=f"Put one there: keyring set {SERVICE} {name}",
        )
    return found


def write_keys(path: Path, keys: list[str], *, force: bool = False) -> None:
    """Write keys to a file, readable to its owner alone.

    Raises:
        EncryptionError: There is such a file, or it cannot be written.
    """
    text = "# Keys of the video analysis toolkit, the newest first. Who has them reads all.\n"
    text += "".join(f"{key}\n" for key in keys)
    to = path.with_name(f".{path.name}.new") if force else path
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if force:
            to.replace(path)
    except FileExistsError:
        raise EncryptionError(
            f"There is a file {to}.",
            hint="A key that is lost takes all with it: choose a new name.",
        ) from None
    except OSError as error:
        raise EncryptionError(f"{path} cannot be written: {error.strerror}.") from error
