"""The section ``[ray]``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from toolkit.config.section import Section

__all__ = ["RaySettings"]


class RaySettings(Section):
    """The Ray cluster, for engine = ray, and how it is shared out."""

    address: str = Field(
        "",
        description="The cluster: host:port of its head, auto for the one that this machine "
        "belongs to; empty: RAY_ADDRESS of the environment, else one of this machine alone, "
        "started and ended with its runs.",
    )
    namespace: str = Field(
        "toolkit", min_length=1, description="Where runs find each other on the cluster."
    )
    token_file: str = Field(
        "",
        description="A file with the cluster's token; empty: RAY_AUTH_TOKEN or "
        "RAY_AUTH_TOKEN_PATH of the environment, else ~/.ray/auth_token.",
    )
    ship: Literal["code", "all", "nothing"] = Field(
        "code",
        description="What is sent to a cluster that was not started by us: the code of the toolkit "
        "and of plugins, with their libraries (installed by pip on each machine), or nothing.",
    )
    gpus_per_analyzer: float | None = Field(
        None,
        ge=0,
        description="GPUs of an analyzer, or the share of one, such as 0.5; empty: 1 where the "
        "cluster has GPUs, else 0.",
    )
    accelerator_type: str = Field(
        "", description="The kind of GPU that analyzers need, such as L4; empty: any."
    )
    cpus_per_analyzer: float = Field(1.0, ge=0, description="Cores of an analyzer.")
    cpus_per_scan: float = Field(1.0, gt=0, description="Cores of a scan.")
    cpus_per_download: float = Field(
        0.1, gt=0, description="Share of a core that a download counts as."
    )
    analyzers_min: int = Field(1, ge=1, description="Least analyzers at once.")
    analyzers_max: int = Field(
        0, ge=0, description="Most analyzers at once; 0: as many as the cluster has room for."
    )
    scans_max: int = Field(
        0, ge=0, description="Most scans at once; 0: as many as the cluster has room for."
    )
    downloads_max: int = Field(8, ge=1, description="Most downloads at once.")
    object_store_mb: int = Field(
        0,
        ge=0,
        description="Shared memory for frames on a cluster of this machine, in megabytes; 0: "
        "Ray's own choice, 30% of the memory.",
    )
    attempts: int = Field(
        3, ge=1, description="A video or scene that ends its worker this often is set aside."
    )

    usage_stats: bool = Field(
        False, description="Whether a cluster of this machine reports its usage to Ray's makers."
    )

    @field_validator("address")
    @classmethod
    def _not_by_proxy(cls, value: str) -> str:
        if value.startswith("ray://"):
            raise ValueError(
                "ray:// is not supported, for work begun through it ends with the connection: "
                "give host:port of the head, or use `toolkit cluster submit`"
            )
        return value

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if 0 < self.analyzers_max < self.analyzers_min:
            raise ValueError("analyzers_max must not be less than analyzers_min")
        return self
