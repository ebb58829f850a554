"""S3 and Google Cloud Storage on loopback: moto's server and gcp-storage-emulator."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fault_proxy import Proxy, proxy

BUCKET = "films"


@contextmanager
def s3_server() -> Iterator[Proxy]:
    """moto behind a proxy; the bucket ``films`` is there."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        with proxy(server.get_host_and_port()[1]) as between:
            yield between
    finally:
        server.stop()


def empty_bucket(url: str) -> None:
    """A new, empty bucket in S3."""
    import boto3  # type: ignore[import-untyped]

    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
    for name in [one["Name"] for one in client.list_buckets()["Buckets"]]:
        for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", []):
            client.abort_multipart_upload(
                Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"]
            )
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for one in page.get("Contents", []):
                client.delete_object(Bucket=name, Key=one["Key"])
        client.delete_bucket(Bucket=name)
    client.create_bucket(Bucket=BUCKET)
    client.close()


@contextmanager
def gcs_server() -> Iterator[tuple[Proxy, Any]]:
    """gcp-storage-emulator behind a proxy, and its server."""
    from gcp_storage_emulator.server import create_server

    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    try:
        with proxy(server._api._httpd.server_address[1]) as between:
            yield between, server
    finally:
        server.stop()


def credentials(s3_between: Proxy) -> dict[str, str]:
    """The environment of whoever may use it."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL_S3": s3_between.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def s3_between() -> Iterator[Proxy]:
    with s3_server() as between:
        yield between


@pytest.fixture
def s3(s3_between: Proxy, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """S3 with one empty bucket."""
    for name, value in credentials(s3_between).items():
        monkeypatch.setenv(name, value)
    s3_between.calm()
    empty_bucket(s3_between.url)
    s3_between.calm()
    return s3_between


@pytest.fixture(scope="session")
def gcs_between() -> Iterator[tuple[Proxy, Any]]:
    with gcs_server() as found:
        yield found


@pytest.fixture
def gcs(gcs_between: tuple[Proxy, Any], monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """Google Cloud Storage with one empty bucket."""
    between, server = gcs_between
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", between.url)
    server.wipe(keep_buckets=True)
    between.calm()
    return between
