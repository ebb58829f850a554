"""Join a Ray cluster, or start one of this machine."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from toolkit.config import Settings
from toolkit.config.ray import RaySettings
from toolkit.errors import ClusterError
from toolkit.execution.ray import machine
from toolkit.execution.ray.tokens import Token, find_token, using_token
from toolkit.hooks.manager import PluginManager

__all__ = ["Connection", "connect"]

_lock = threading.RLock()
_open: list[Connection] = []


@dataclass(eq=False)
class Connection:
    """This process on a cluster; closing it leaves the cluster as it is.

    Attributes:
        address: ``host:port`` of the cluster's head.
        dashboard: Where its dashboard and its job API are, as ``http://host:port``.
        namespace: Where actors are named.
        started: Whether it is a cluster of this machine that we started; it ends by itself when
            nothing uses it any more.
        runtime_env: What tasks and actors need so that our code and plugins are there.
    """

    address: str
    dashboard: str
    namespace: str
    started: bool
    runtime_env: dict[str, Any] = field(default_factory=dict)

    def close(self) -> None:
        """Leave the cluster, unless others of this process still use it."""
        import ray

        with _lock:
            if self in _open:
                _open.remove(self)
                if not _open:
                    ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(settings: Settings, plugins: PluginManager) -> Connection:  # noqa: ARG001 - to be shipped
    """Join the cluster that ``[ray] address`` names, or one of this machine.

    Raises:
        ClusterError: Ray is not installed, the cluster cannot be reached, refuses the token, or has
            other versions than this installation.
    """
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise ClusterError(
            f"Ray is not installed ({error}).",
            hint="Install it with: pip install 'video-analysis-toolkit[ray]'",
        ) from error
    chosen = settings.ray
    with _lock:
        if _open:
            return _share(chosen)
        if chosen.address:
            token = find_token(settings)
            connection = _join(chosen, chosen.address, token, started=False)
        else:
            with machine.cluster(settings) as cluster:
                token = Token(Path(cluster.token_file))
                connection = _join(chosen, cluster.address, token, started=True)
        _open.append(connection)
        return connection


def _share(chosen: RaySettings) -> Connection:
    """Another connection beside those of this process, which can be on one cluster only."""
    first = _open[0]
    if chosen.address not in ("", "auto", first.address):
        raise ClusterError(
            f"This process is on the cluster {first.address} already, not {chosen.address}.",
            hint="End the other runs first, or start another process.",
        )
    again = Connection(
        first.address, first.dashboard, chosen.namespace, first.started, first.runtime_env
    )
    _open.append(again)
    return again


def _join(chosen: RaySettings, address: str, token: Token, *, started: bool) -> Connection:
    import ray

    with using_token(token):
        try:
            context = ray.init(
                address=address,
                namespace=chosen.namespace,
                log_to_driver=False,
                logging_level=logging.WARNING,
                configure_logging=False,
            )
        except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
            ray.shutdown()
            raise ClusterError(
                f"The cluster {address} cannot be joined: {error}", address=address
            ) from error
    info = context.address_info
    return Connection(
        address=info["gcs_address"],
        dashboard=f"http://{info['webui_url']}" if info["webui_url"] else "",
        namespace=chosen.namespace,
        started=started,
    )
