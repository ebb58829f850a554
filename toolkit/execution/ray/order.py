"""What a coordinator tells a worker that it hires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.execution.ray.keys import Keys, Role
from toolkit.execution.ray.parcel import Parcel

__all__ = ["Order"]


@dataclass(frozen=True, repr=False)
class Order:
    """What a worker is hired for.

    Attributes:
        run_id: The run.
        parcel: Settings and plugins.
        keys: What all workers have to agree on.
        role: What this one does.
        place: Which analyzer it is.
        coordinator: The handle of the run's coordinator.
        home: The node where the workspace is.
        many: Whether there are files enough to keep all cores of the cluster busy with a scan each.
    """

    run_id: str
    parcel: Parcel
    keys: Keys
    role: Role
    place: int
    coordinator: Any
    home: str
    many: bool
