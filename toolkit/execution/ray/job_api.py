"""The way to a cluster's job API: its address, Ray's client of it, and what that raises."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from toolkit.errors import ClusterError
from toolkit.execution.ray.tokens import using_token

__all__ = ["asking", "client_of", "url_of"]

PORT = 8265
_REACH_S = 10.0


def url_of(address: str) -> str:
    """The URL that a person means.

    Raises:
        ClusterError: It is none.
    """
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ClusterError(
            f"'{address}' is no address of a job API.",
            hint=f"It reads http://host:{PORT}: where the dashboard is, not the head's 6379.",
        )
    port = "" if parts.port or parts.scheme == "https" else f":{PORT}"
    return f"{parts.scheme}://{parts.netloc}{port}{parts.path.rstrip('/')}"


@contextlib.contextmanager
def client_of(url: str, token: Path | None) -> Iterator[Any]:
    """Ray's client, with this token.

    Raises:
        ClusterError: The API cannot be reached, or refuses the token.
    """
    from ray.job_submission import JobSubmissionClient

    parts = urlsplit(url)
    try:  # Ray's client waits for minutes
        socket.create_connection((parts.hostname or "", parts.port or 443), _REACH_S).close()
    except OSError as error:
        raise ClusterError(
            f"No job API answers at {url}: {error}",
            hint="It is on its head's loopback unless told otherwise: reach it with "
            f"ssh -L {PORT}:127.0.0.1:{PORT} HEAD, `ray dashboard` or `kubectl port-forward`.",
            retriable=True,
        ) from error
    for name in ("dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk"):
        logging.getLogger(f"ray.{name}").setLevel(logging.WARNING)  # they tell of every package
    with using_token(token):
        with asking(url):
            client = JobSubmissionClient(url)
        yield client


@contextlib.contextmanager
def asking(url: str) -> Iterator[None]:
    """Turn what Ray's client raises into our errors."""
    from ray.exceptions import AuthenticationError, RayError

    try:
        yield
    except AuthenticationError as error:
        raise ClusterError(
            f"The cluster at {url} does not take our token, or misses one.",
            hint="Give the cluster's own: [ray] token_file, or RAY_AUTH_TOKEN in the environment.",
        ) from error
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise ClusterError(f"The cluster at {url} does not do it: {error}") from error
