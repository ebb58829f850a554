"""Whether what runs on a cluster is what runs here."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping

from toolkit.errors import ClusterError

__all__ = ["DISTRIBUTION", "compare", "needs", "ours"]

DISTRIBUTION = "video-analysis-toolkit"
_HINTS = {
    "Python": "Use the same Python here and there, down to its last number.",
    "Ray": "Install the cluster's here: pip install 'ray[default]=={there}'",
    "the toolkit": "Install the same on the cluster's machines, or set [ray] ship = code.",
}


def ours() -> dict[str, str]:
    """The versions of this process."""
    return {
        "Python": platform.python_version(),
        "Ray": importlib.metadata.version("ray"),
        "the toolkit": importlib.metadata.version(DISTRIBUTION),
    }


def compare(address: str, theirs: Mapping[str, str]) -> None:
    """Compare what is known of a cluster's versions with ours.

    Raises:
        ClusterError: One differs.
    """
    here = ours()
    for name, there in theirs.items():
        if there != here[name]:
            raise ClusterError(
                f"The cluster {address} has {name} {there}, and this is {name} {here[name]}.",
                hint=_HINTS[name].format(there=there),
                address=address,
            )


def needs(distribution: str, *extras: str) -> list[str]:
    """What an installed distribution requires, with these extras, as pip takes it."""
    from packaging.requirements import Requirement

    found = []
    for line in importlib.metadata.requires(distribution) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        requirement.marker = None
        found.append(str(requirement))
    return found
