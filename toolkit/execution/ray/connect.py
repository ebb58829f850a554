"""Join a Ray cluster, or start one of this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from toolkit.config import Settings
from toolkit.errors import ClusterError
from toolkit.execution.ray import machine
from toolkit.execution.ray.named import IN_A_JOB
from toolkit.execution.ray.probe import ask_head, ask_worker
from toolkit.execution.ray.shipping import runtime_env
from toolkit.execution.ray.tokens import token_file, using_token
from toolkit.hooks.manager import PluginManager

__all__ = ["Connection", "connect", "need_ray"]

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
        runtime_env: What tasks and actors need so that our code and plugins are there. They have
            it by themselves; whoever sets more for one of them starts with this.
        belongs: Whether this process is one of the cluster's own, and stays there.
    """

    address: str
    dashboard: str
    namespace: str
    started: bool
    runtime_env: dict[str, Any] = field(default_factory=dict)
    belongs: bool = False

    def close(self) -> None:
        """Leave the cluster, unless others of this process still use it."""
        import ray

        with _lock:
            if self in _open:
                _open.remove(self)
                if not _open and not self.belongs:
                    ray.shutdown()

    def reachable(self) -> bool:
        """Whether the head's control service is there."""
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def need_ray() -> None:
    """See that Ray is installed.

    Raises:
        ClusterError: It is not.
    """
    sys.path.insert(0, str(machine.LAZILY))
    try:
        with _outliving():
            import grpc  # noqa: F401 - of ray[default], and not of ray alone
            import ray  # noqa: F401
    except ImportError as error:
        raise ClusterError(
            f"Ray is not installed ({error}).",
            hint="Install it with: pip install 'video-analysis-toolkit[ray]'",
        ) from error
    finally:
        sys.path.remove(str(machine.LAZILY))


@contextlib.contextmanager
def _outliving() -> Iterator[None]:
    """Ray ends a process whose cluster is gone, which is not for it to decide.

    It does so a minute after the head went. And where it knows of no raylet's process id, as a
    worker does, it takes a parent that is process 1 for a dead raylet: that is a notebook's server
    in a container, or what a run in the background is left with. It reads the one variable as it
    joins, the other as it is imported.
    """
    mine = {
        "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",
        "RAY_RAYLET_PID": str(os.getpid()),  # lives as long as we do
    }
    added = {name: value for name, value in mine.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def connect(settings: Settings, plugins: PluginManager, *, start: bool = True) -> Connection:
    """Join the cluster that ``[ray] address`` names, or one of this machine.

    Args:
        settings: The settings.
        plugins: The plugins that they allow.
        start: Whether a cluster of this machine is started where there is none.

    Raises:
        ClusterError: Ray is not installed, there is no such cluster, it refuses the token, or it
            has other versions than this installation.
    """
    need_ray()
    with _lock:
        address = settings.ray.address or os.environ.get("RAY_ADDRESS", "")
        if _is_actor():
            connection = _here(settings)
        elif _open:
            connection = _share(settings, address)
        elif address:
            connection = _join(settings, plugins, _canonical(address))
        else:
            with machine.cluster(settings, start=start) as own:
                connection = _on(own, settings)
        _open.append(connection)
        return connection


def _is_actor() -> bool:
    import ray

    return ray.is_initialized() and ray.get_runtime_context().get_actor_id() is not None


def _here(settings: Settings) -> Connection:
    """On the cluster that this process was started by, such as a replica of the HTTP API."""
    import ray

    context = ray.get_runtime_context()
    env = dict(context.runtime_env)
    return Connection(
        address=context.gcs_address,
        dashboard="",
        namespace=settings.ray.namespace,
        started=False,
        runtime_env={name: env[name] for name in ("py_modules", "pip") if name in env},
        belongs=True,
    )


def _canonical(address: str) -> str:
    from ray._private.services import canonicalize_bootstrap_address

    try:
        return str(canonicalize_bootstrap_address(address))
    except (ConnectionError, ValueError) as error:
        raise ClusterError(
            f"There is no Ray cluster '{address}' here: {error}",
            hint="Give host:port of the cluster's head as [ray] address.",
        ) from error


def _share(settings: Settings, address: str) -> Connection:
    """Another connection beside those of this process, which can be on one cluster only."""
    first = _open[0]
    if not address:
        own = machine.read_cluster(machine.folder_of(settings))
        address = own.address if own else "that of another workspace"
    if address not in ("auto", first.address):
        raise ClusterError(
            f"This process is on the cluster {first.address} already, and cannot join {address}.",
            hint="End its other runs first, or start another process.",
        )
    return Connection(
        first.address, first.dashboard, settings.ray.namespace, first.started, first.runtime_env
    )


def _on(own: machine.Cluster, settings: Settings) -> Connection:
    """On the cluster of this machine: the same environment, so that nothing has to be sent."""
    with using_token(Path(own.token_file)):
        return _init(settings, own.address, {}, started=True)


def _join(settings: Settings, plugins: PluginManager, address: str) -> Connection:
    own = machine.read_cluster(machine.folder_of(settings))
    if own and own.address == address:
        return _on(own, settings)
    with using_token(token_file(settings)), _scratch() as scratch:
        ask_head(address)
        in_a_job = IN_A_JOB in os.environ
        env = {} if in_a_job else runtime_env(settings, plugins, scratch)
        connection = _init(settings, address, env, started=False)
        try:
            ask_worker(address, shipped=bool(env) or in_a_job)
        except BaseException:
            import ray

            ray.shutdown()
            raise
        return connection


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="toolkit-") as folder:
        yield Path(folder)


def _init(settings: Settings, address: str, env: dict[str, Any], *, started: bool) -> Connection:
    import ray
    from ray.exceptions import RayError

    try:
        with _outliving():
            context = ray.init(
                address=address,
                namespace=settings.ray.namespace,
                runtime_env=env or None,
                log_to_driver=False,  # it would print into whichever notebook cell runs just then
                logging_level=logging.WARNING,
                configure_logging=False,
            )
    except (OSError, RuntimeError, ValueError, RayError) as error:
        ray.shutdown()
        raise ClusterError(
            f"The cluster {address} cannot be joined: {error}", address=address
        ) from error
    info = context.address_info
    sent = dict(ray.get_runtime_context().runtime_env)
    return Connection(
        address=info["gcs_address"],
        dashboard=f"http://{info['webui_url']}" if info["webui_url"] else "",
        namespace=settings.ray.namespace,
        started=started,
        runtime_env={name: sent[name] for name in ("py_modules", "pip") if name in sent},
    )
