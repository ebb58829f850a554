"""What Ray says of a call that failed: the worker raised, or died, or its frames are gone."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from toolkit.errors import PluginError, ToolkitError

__all__ = ["Crash", "LostError", "alive", "brief", "end", "meant"]


class Crash(Exception):  # noqa: N818 - no error of the item's until it has happened often enough
    """The worker died.

    Args:
        reason: What is known about it.
        guilty: Whether it was at work on what the call was about, and its node lives on.
    """

    def __init__(self, reason: str, *, guilty: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.guilty = guilty


class LostError(Exception):
    """Frames are no longer in the object store: their node is gone."""


def meant(error: Exception) -> Exception | None:
    """What Ray raised, as what it means here; None where the worker died."""
    from ray import exceptions

    cause = getattr(error, "cause", None)
    if isinstance(cause, ToolkitError):
        return cause
    lost = (exceptions.ObjectLostError, exceptions.ObjectFetchTimedOutError)
    if isinstance(error, lost) or isinstance(cause, lost):
        return LostError(str(error))
    if isinstance(error, exceptions.RayTaskError):
        return ToolkitError(f"A worker failed: {brief(str(error))}")
    if not isinstance(error, exceptions.RayError):
        return error
    if isinstance(error, exceptions.RuntimeEnvSetupError):
        return PluginError(f"A worker cannot be set up: {brief(str(error))}")
    if isinstance(error, exceptions.ActorUnschedulableError):
        return PluginError(f"No node can take a worker: {brief(str(error))}")
    return None


def alive(node: str) -> bool:
    """Whether a node is still part of the cluster."""
    import ray

    return any(one["NodeID"] == node and one["Alive"] for one in ray.nodes())


def end(actor: Any) -> None:
    """End a worker at once."""
    import ray

    with suppress(Exception):  # it may be gone, or Ray
        ray.kill(actor, no_restart=True)


def brief(text: str) -> str:
    """The one line of Ray's pages that says what happened."""
    found = re.search(r"exit detail: (.+)", text) or re.search(r"because (.+)", text)
    line = found[1] if found else text.strip().splitlines()[-1]
    return line.partition("Some common causes")[0].strip()[:300]
