"""Storage plugin: S3, Google Cloud Storage, and whatever else fsspec knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from toolkit.hooks.specs import Context, StoragePlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_storage_fsspec.storage import FsspecStorage

__all__ = ["FsspecOptions", "make", "toolkit_storages"]

NAME = EXTRA = "fsspec"


class FsspecOptions(Options):
    """``s3://``, ``gs://``, ``file://`` and the other schemes of fsspec.

    Who we are is told by the environment or by the cloud's own chain of credentials, never here.
    """

    # Bytes are bytes, whichever way they take.
    neutral: ClassVar[frozenset[str]] = frozenset(
        {
            "anonymous",
            "gcs_kms_key",
            "part_mb",
            "s3_encryption",
            "s3_endpoint",
            "s3_kms_key",
            "timeout_s",
        }
    )

    anonymous: bool = Field(False, description="Read what is public, without any credentials.")
    part_mb: int = Field(
        16,
        ge=5,
        le=5120,
        description="Size of the parts of large files in MB; what has arrived of a file that was "
        "broken off is known by whole parts. Each upload under way holds one in memory.",
    )
    timeout_s: float = Field(
        30.0, gt=0, le=3600, description="Longest silence of a cloud in seconds."
    )
    s3_endpoint: str = Field(
        "",
        description="URL of another service that speaks S3 (MinIO, R2, Ceph); empty: "
        "$AWS_ENDPOINT_URL_S3, or Amazon.",
    )
    s3_encryption: Literal["", "AES256", "aws:kms", "aws:kms:dsse"] = Field(
        "",
        description="How S3 encrypts what is uploaded: AES256 (SSE-S3), aws:kms (SSE-KMS); empty: "
        "as the bucket says.",
    )
    s3_kms_key: str = Field(
        "", description="The key's id or ARN for aws:kms; empty: the account's."
    )
    gcs_kms_key: str = Field(
        "",
        description="Cloud KMS key for what is uploaded to Google: projects/P/locations/L/"
        "keyRings/R/cryptoKeys/K; empty: as the bucket says.",
    )


def make(options: FsspecOptions, context: Context) -> FsspecStorage:
    """The storage; the library of a cloud is imported by its first URL."""
    from toolkit_storage_fsspec.storage import FsspecStorage

    return FsspecStorage(options, context)


@hookimpl
def toolkit_storages() -> Iterable[StoragePlugin]:
    """Bring the storage ``fsspec``."""
    yield StoragePlugin(
        name=NAME,
        options=FsspecOptions,
        factory=make,
        summary="s3://, gs://, file:// and the other schemes of fsspec",
        extra=EXTRA,
        requires=("fsspec",),
    )
