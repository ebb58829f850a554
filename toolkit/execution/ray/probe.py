"""Questions to a cluster that are answered at once, where joining would try for minutes."""

from __future__ import annotations

import json
from typing import Any

from toolkit.errors import ClusterError
from toolkit.execution.ray.versions import DISTRIBUTION, compare, needs

__all__ = ["ask_head", "ask_worker"]

_ANSWER_S = 10.0
_WORKER_S = 300.0  # the first machine may have to be started


def ask_head(address: str) -> None:
    """See that a cluster is there, takes our token, and has our Python and Ray.

    Raises:
        ClusterError: It is not so.
    """
    import grpc
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc

    request = gcs_service_pb2.InternalKVGetRequest(key=b"CLUSTER_METADATA", namespace=b"cluster")
    channel = init_grpc_channel(address)
    try:
        stub = gcs_service_pb2_grpc.InternalKVGcsServiceStub(channel)
        reply = stub.InternalKVGet(request, timeout=_ANSWER_S)
    except grpc.RpcError as error:
        raise _refusal(address, error) from error
    finally:
        channel.close()
    about = json.loads(reply.value)
    compare(address, {"Python": about["python_version"], "Ray": about["ray_version"]})


def _refusal(address: str, error: Any) -> ClusterError:
    import grpc

    if error.code() == grpc.StatusCode.UNAUTHENTICATED:
        return ClusterError(
            f"The cluster {address} does not take our token, or misses one.",
            hint="Give the cluster's own: [ray] token_file, or RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN in the environment.",
            address=address,
        )
    said = str(error.details()).partition("last error: ")
    return ClusterError(
        f"No Ray cluster answers at {address}: {said[2] or said[0]}",
        hint="Give host:port of the cluster's head as [ray] address (6379 if nothing else was "
        "chosen), and see that this machine can reach it. With TLS, RAY_USE_TLS and its files have "
        "to be set here, too.",
        retriable=True,
        address=address,
    )


def ask_worker(address: str, *, shipped: bool) -> None:
    """See that the toolkit works on the cluster that this process has just joined.

    Args:
        address: The cluster, for messages.
        shipped: Whether our code was sent along.

    Raises:
        ClusterError: There is no toolkit, one of another version, or a library is missing.
    """
    import ray
    from ray.exceptions import GetTimeoutError, RayError

    # Functions in functions travel by value: nothing of ours need be there to run this one.
    def look(distribution: str, wanted: list[str]) -> tuple[str, list[str]]:
        from importlib.metadata import PackageNotFoundError, version
        from importlib.util import find_spec

        from packaging.requirements import Requirement

        def has(name: str) -> str:
            try:
                return version(name)
            except PackageNotFoundError:
                return ""

        missing = [
            line
            for line in wanted
            if not (found := has(Requirement(line).name))
            or not Requirement(line).specifier.contains(found, prereleases=True)
        ]
        return has(distribution) if find_spec("toolkit") else "", missing

    task = ray.remote(num_cpus=0, max_retries=0)(look).options(name="toolkit: look")
    try:
        there, missing = ray.get(task.remote(DISTRIBUTION, needs(DISTRIBUTION)), timeout=_WORKER_S)
    except GetTimeoutError as error:
        raise ClusterError(
            f"No worker of the cluster {address} began within {_WORKER_S:.0f} s.",
            hint="`ray status` on its head tells what it waits for.",
            retriable=True,
            address=address,
        ) from error
    except RayError as error:
        raise ClusterError(
            f"The workers of the cluster {address} cannot be prepared: {error}", address=address
        ) from error
    if not there:
        raise ClusterError(
            f"The toolkit is not installed on the cluster {address}.",
            hint="Install it on its machines, or set [ray] ship = code.",
            address=address,
        )
    compare(address, {"the toolkit": there})
    if missing:
        raise ClusterError(
            f"The machines of the cluster {address} lack libraries"
            f"{' that our code needs' if shipped else ''}: {', '.join(missing)}.",
            hint="Install them there, or set [ray] ship = all to have pip do it on each machine.",
            address=address,
        )
