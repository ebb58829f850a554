"""The models a plugin can use: which there are, what they take, fetching and checking them.

A plugin that uses models names a factory of its :class:`Models` in its record, ``models=...``;
``toolkit models`` and ``toolkit doctor`` ask it. Nothing here loads a model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from toolkit.records.base import Part
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress

__all__ = ["ModelCheck", "ModelInfo", "Models"]


class ModelInfo(Part):
    """A model, and what it takes.

    ``size_bytes`` is what is fetched and kept on disk, ``memory_bytes`` what it takes to load on
    a GPU; 0 where that is not known. ``here`` says whether its files are on this machine, at
    ``place``; ``chosen`` whether the options name it.
    """

    name: str
    revision: str = ""
    licence: str = ""
    size_bytes: int = 0
    memory_bytes: int = 0
    here: Literal["yes", "partly", "no"] = "no"
    place: str = ""
    chosen: bool = False


class ModelCheck(Part):
    """One thing looked at in a model's files; ``wrong`` is what is wrong with it, or ""."""

    what: str
    wrong: str = ""


class Models(ABC):
    """The models of one plugin, under its options. Making one is cheap and asks no network."""

    @abstractmethod
    def known(self) -> Sequence[ModelInfo]:
        """The chosen model first, then others that the plugin is known to work with."""

    @abstractmethod
    def pull(self, name: str, revision: str, progress: Progress, cancel: Cancel) -> ModelInfo:
        """Fetch a model; what is here already is not fetched again.

        ``revision`` is a commit, tag or branch, "" for the plugin's choice.

        Raises:
            ModelError: It is not to be had, or there is no room for it. Nothing half is left.
            CancelledError: ``cancel`` was set.
        """

    @abstractmethod
    def check(self, name: str, revision: str) -> Sequence[ModelCheck]:
        """Look at each file of a model that is here, and whether it may be loaded.

        Raises:
            ModelError: It is not here.
        """
