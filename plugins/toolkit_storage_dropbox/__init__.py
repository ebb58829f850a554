"""Storage plugin: Dropbox, by its own SDK."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from toolkit.errors import MissingExtraError
from toolkit.hooks.specs import Context, StoragePlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_storage_dropbox.storage import DropboxStorage

__all__ = ["DropboxOptions", "make", "toolkit_storages"]

NAME = EXTRA = "dropbox"


class DropboxOptions(Options):
    """``dropbox://folder/file``, from the top of the account or of the app's folder.

    Who we are is told by the environment, never here: ``DROPBOX_REFRESH_TOKEN`` and
    ``DROPBOX_APP_KEY`` (and ``DROPBOX_APP_SECRET``), or a ``DROPBOX_ACCESS_TOKEN`` for some hours.
    """

    # Bytes are bytes, whichever way they take.
    neutral: ClassVar[frozenset[str]] = frozenset({"part_mb", "timeout_s"})

    part_mb: int = Field(
        16,
        ge=4,
        le=148,
        multiple_of=4,
        description="Size of the parts of large files in MB, a multiple of 4. Each upload under "
        "way holds one in memory.",
    )
    timeout_s: float = Field(
        30.0, gt=0, le=3600, description="Longest silence of Dropbox in seconds."
    )


def make(options: DropboxOptions, context: Context) -> DropboxStorage:
    """The storage; the SDK is imported by its first URL.

    Raises:
        MissingExtraError: The SDK is not installed.
    """
    if importlib.util.find_spec("dropbox") is None:  # found, not imported, which takes a second
        missing = ModuleNotFoundError("No module named 'dropbox'", name="dropbox")
        raise MissingExtraError(NAME, EXTRA, cause=missing) from missing
    from toolkit_storage_dropbox.storage import DropboxStorage

    return DropboxStorage(options, context)


@hookimpl
def toolkit_storages() -> Iterable[StoragePlugin]:
    """Bring the storage ``dropbox``."""
    yield StoragePlugin(
        name=NAME,
        options=DropboxOptions,
        factory=make,
        summary="dropbox://",
        extra=EXTRA,
        requires=("dropbox",),
    )
