"""The same app as a deployment of Ray Serve."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolkit.config import Settings
from toolkit.errors import ClusterError
from toolkit.execution.ray.connect import connect
from toolkit.hooks.manager import PluginManager
from toolkit.serving.desk import Given
from toolkit.serving.server import tls_of

__all__ = ["build", "deployed", "serve"]

_NAME = "toolkit"
_CPUS = 0.5  # of a replica: what is heavy are runs, which the cluster does elsewhere


def deployed(file: Path | None, given: Given, replicas: int = 1) -> Any:
    """The app as a Serve application; its replicas share the key that signs links.

    Args:
        file: The config file, where the replicas find it, too.
        given: Settings over those of the file. The workspace has to be a folder that every
            replica has: tokens, thumbnails and, with SQLite, the store are in it.
        replicas: How many serve.

    Raises:
        ClusterError: Ray Serve is not installed.
    """
    try:
        from ray import serve
    except ImportError as error:
        raise ClusterError(
            f"Ray Serve is not installed ({error}).",
            hint="Install it with: pip install 'video-analysis-toolkit[serve,ray]' 'ray[serve]'",
        ) from error
    key = secrets.token_bytes(32)

    def app() -> Any:
        from toolkit.serving.app import create_app

        return create_app(file, given, key)

    deployment: Any = serve.deployment(serve.ingress(app)())
    options = {"num_replicas": replicas, "ray_actor_options": {"num_cpus": _CPUS}}
    return deployment.options(name=_NAME, max_ongoing_requests=200, **options).bind()


def build(args: Mapping[str, str]) -> Any:
    """For ``serve run toolkit.serving.cluster:build config=… workspace=…``, and config files.

    Args:
        args: ``config``, ``workspace``, ``replicas``: each may be left out.
    """
    file = Path(args["config"]).absolute() if "config" in args else None
    given: dict[str, dict[str, Any]] = {"execution": {"engine": "ray"}}
    if "workspace" in args:
        given["paths"] = {"workspace": Path(args["workspace"]).absolute()}
    return deployed(file, given, int(args.get("replicas", 1)))


def serve(
    file: Path | None,
    given: Given,
    settings: Settings,
    plugins: PluginManager,
    told: Callable[[str], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> None:
    """Deploy on the cluster that ``[ray]`` names, and serve until Ctrl-C.

    Args:
        file: The config file.
        given: Settings over those of the file.
        settings: Both together.
        plugins: The plugins.
        told: Told the address.
        stop: Ends it, too.

    Raises:
        ClusterError: There is no such cluster, or Serve cannot work there.
    """
    options = settings.serve
    app = deployed(file, given)
    from ray import serve as ray_serve
    from ray.serve.config import HTTPOptions

    with connect(settings, plugins):
        place = HTTPOptions(host=options.host, port=options.port, **tls_of(options, settings.base))
        ray_serve.start(proxy_location="HeadOnly", http_options=place)
        try:
            ray_serve.run(app, name=_NAME, route_prefix="/")
            scheme = "https" if options.certificate else "http"
            told(f"{scheme}://{options.host}:{options.port}/")
            stop = stop or threading.Event()
            while not stop.wait(1.0):  # in pieces, so that Ctrl-C comes through everywhere
                pass
        except RuntimeError as error:
            raise ClusterError(f"The API does not come up on the cluster: {error}") from error
        finally:
            ray_serve.delete(_NAME)
