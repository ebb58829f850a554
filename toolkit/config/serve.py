"""The section ``[serve]``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from toolkit.config.section import Section
from toolkit.config.values import Words

__all__ = ["Serve"]


class Serve(Section):
    """The HTTP API and its page: toolkit serve."""

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on.")
    port: int = Field(8765, ge=0, le=65_535, description="The port; 0: one that is free.")
    certificate: str = Field(
        "", description="A file with the certificate, and those up to its root, for https."
    )
    certificate_key: str = Field("", description="The certificate's private key.")
    tls_elsewhere: bool = Field(
        False,
        description="Listen on other addresses than loopback without a certificate, for something "
        "in front brings https. Tokens would be readable on their way otherwise.",
    )
    hosts: Words = Field(
        (),
        description="Names by which clients reach it, besides those of loopback and host. Requests "
        "for others are refused, against DNS rebinding.",
    )
    roots: Words = Field(
        (),
        description="Folders, and folders in clouds such as s3://archive/talks, that clients may "
        "name videos in; without, they may name links of the web alone.",
    )
    tokens: Path = Field(
        Path("serve-tokens.json"),
        description="The file with the hashes of tokens; relative to the workspace.",
    )
    max_runs: int = Field(2, ge=1, le=1000, description="Runs that go on at once.")
    requests_per_s: float = Field(
        50.0, gt=0, description="Requests a second of one token, on average."
    )
    burst: int = Field(500, ge=1, description="Requests of one token that may come at once.")
    max_connections: int = Field(256, ge=4, description="Connections at once.")
    max_body_bytes: int = Field(
        1_000_000, ge=1000, le=100_000_000, description="Larger requests are refused."
    )
    body_timeout_s: float = Field(
        10.0, gt=0, le=3600, description="Longest time that a request takes to arrive, in seconds."
    )
    link_s: float = Field(
        900.0,
        ge=10,
        le=86_400,
        description="How long a signed link to a picture or a film holds, in seconds.",
    )

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if bool(self.certificate) != bool(self.certificate_key):
            raise ValueError("certificate and certificate_key go together")
        if not (self.is_loopback or self.certificate or self.tls_elsewhere):
            raise ValueError(
                f"tokens would be sent to {self.host} in clear: set certificate and "
                "certificate_key, or tls_elsewhere = yes behind a proxy that brings https"
            )
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
