"""What all sections of the config file have in common."""

from __future__ import annotations

from pydantic import ConfigDict

from toolkit.config.secrets import Discreet

__all__ = ["Section"]


class Section(Discreet):
    """A section of the config file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
