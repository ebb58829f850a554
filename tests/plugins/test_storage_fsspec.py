"""The storage fsspec against S3 (moto), Google (gcp-storage-emulator), and folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloud_servers import BUCKET
from fault_proxy import Proxy, Status

from toolkit import Context
from toolkit.errors import MissingExtraError, StorageError
from toolkit.stages.component import Cancel
from toolkit.stages.storage import Storage
from toolkit.testing.storages import StorageSuite
from toolkit_storage_fsspec import FsspecOptions, make


def options(**more: Any) -> FsspecOptions:
    return FsspecOptions(part_mb=5, timeout_s=5, **more)


class TestS3(StorageSuite):
    large_bytes = 13_000_000

    def make(self, workspace: Path) -> Storage:
        return make(options(), Context(workspace, workspace))

    @pytest.fixture
    def root(self, s3: Proxy) -> str:
        return f"s3://{BUCKET}/some/"


class TestGoogle(StorageSuite):
    large_bytes = 13_000_000

    def make(self, workspace: Path) -> Storage:
        return make(options(anonymous=True), Context(workspace, workspace))

    @pytest.fixture
    def root(self, gcs: Proxy) -> str:
        return f"gs://{BUCKET}/some/"


class TestFolder(StorageSuite):
    def make(self, workspace: Path) -> Storage:
        return make(options(), Context(workspace, workspace))

    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        (tmp_path / "there").mkdir()
        return f"file://{tmp_path}/there/"


class TestMemory(StorageSuite):
    checksums = False

    def make(self, workspace: Path) -> Storage:
        return make(options(), Context(workspace, workspace))

    @pytest.fixture
    def root(self) -> str:
        import fsspec

        fsspec.filesystem("memory").store.clear()
        return "memory://some/"


def head_of(between: Proxy, method: str, path: str) -> dict[str, str]:
    """The headers of the last request that fits, names in lower case."""
    fits = between.asked(method, path)
    heads = [head for how, asked, head in between.requests if how == method and asked in fits]
    return {name.lower(): value for name, value in heads[-1].items()}


@pytest.mark.parametrize("size", [1000, 6_000_000])
def test_s3_encrypts_with_the_key_that_is_named(s3: Proxy, tmp_path: Path, size: int) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x" * size)
    given = options(s3_encryption="aws:kms", s3_kms_key="key-1")
    with make(given, Context(tmp_path, tmp_path)) as storage:
        storage.write(path, f"s3://{BUCKET}/film.mp4", lambda *_: None, Cancel())
    head = head_of(s3, *(("PUT", "film") if size < 5_000_000 else ("POST", r"\?uploads")))
    assert head["x-amz-server-side-encryption"] == "aws:kms"
    assert head["x-amz-server-side-encryption-aws-kms-key-id"] == "key-1"


def test_s3_encrypts_with_its_own_key_where_that_is_asked(s3: Proxy, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x")
    with make(options(s3_encryption="AES256"), Context(tmp_path, tmp_path)) as storage:
        stored = storage.write(path, f"s3://{BUCKET}/film.mp4", lambda *_: None, Cancel())
        assert storage.holds(path, stored, Cancel()) is True
    assert head_of(s3, "PUT", "film")["x-amz-server-side-encryption"] == "AES256"


@pytest.mark.parametrize("size", [1000, 6_000_000])
def test_google_encrypts_with_the_key_that_is_named(gcs: Proxy, tmp_path: Path, size: int) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x" * size)
    given = options(anonymous=True, gcs_kms_key="projects/p/key")
    with make(given, Context(tmp_path, tmp_path)) as storage:
        storage.write(path, f"gs://{BUCKET}/film.mp4", lambda *_: None, Cancel())
    assert gcs.asked("POST", "kmsKeyName=projects(/|%2F)p(/|%2F)key")


@pytest.mark.parametrize("parts", [(5, 5, 1), (6, 6), (7,)])
def test_files_of_other_programs_are_compared_by_what_s3_knows_of_them(
    s3: Proxy, tmp_path: Path, parts: tuple[int, ...]
) -> None:
    import boto3  # type: ignore[import-untyped]

    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(sum(parts) << 20))
    client = boto3.client("s3", endpoint_url=s3.url)
    where = {"Bucket": BUCKET, "Key": "film.mp4"}
    upload = client.create_multipart_upload(**where)["UploadId"]
    done = []
    for number, size in enumerate(parts, 1):
        part = {"UploadId": upload, "PartNumber": number, "Body": bytes(size << 20)}
        tag = client.upload_part(**where, **part)["ETag"]
        done.append({"PartNumber": number, "ETag": tag})
    client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": done})
    client.close()
    with make(options(), Context(tmp_path, tmp_path)) as storage:
        stored = storage.stat(f"s3://{BUCKET}/film.mp4", Cancel())
        assert stored is not None
        assert storage.holds(path, stored, Cancel()) is True
        path.write_bytes(bytes((sum(parts) << 20) - 1) + b"x")
        assert storage.holds(path, stored, Cancel()) is False


def test_google_without_credentials_says_what_to_do(
    gcs: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with (
        make(options(), Context(tmp_path, tmp_path)) as storage,
        pytest.raises(StorageError, match="gcloud auth") as caught,
    ):
        storage.stat(f"gs://{BUCKET}/film.mp4", Cancel())
    assert (caught.value.context["cause"], caught.value.retriable) == ("login", False)


def test_googles_expired_token_is_refreshed(
    gcs: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "client_email": "me@example.org",
        "token_uri": f"{gcs.url}/token",
        "project_id": "p",
        "private_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("one", "two"):
        body = json.dumps({"access_token": name, "expires_in": 3600}).encode()
        gcs.spoil("POST", "/token", Status(200, {"Content-Type": "application/json"}, body))
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x")
    with make(options(), Context(tmp_path, tmp_path)) as storage:
        gcs.spoil("POST", "uploadType", Status(401))
        storage.write(path, f"gs://{BUCKET}/film.mp4", lambda *_: None, Cancel())
    asked = [head for _, path_, head in gcs.requests if "/token" not in path_]
    tokens = [head.get("authorization", head.get("Authorization")) for head in asked]
    assert tokens[:2] == ["Bearer one", "Bearer two"]


def test_a_cloud_whose_library_is_missing_says_which_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "s3fs" else there(name)
    )
    with (
        make(options(), Context(tmp_path, tmp_path)) as storage,
        pytest.raises(MissingExtraError, match=r"video-analysis-toolkit\[s3\]"),
    ):
        storage.stat("s3://b/x", Cancel())
