"""The embedder that the config chooses, made when somebody wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.config import Settings
from toolkit.errors import PrivacyError
from toolkit.stages.embedding import Embedder, Embeddings

if TYPE_CHECKING:
    from toolkit.hooks.manager import PluginManager

__all__ = ["embeddings"]


def embeddings(plugins: PluginManager, settings: Settings) -> Embeddings:
    """Vectors by the embedder that ``[embedding] plugin`` names; closed by whoever asked.

    Raises:
        MissingExtraError: Its libraries are not installed; the hint has the command.
        PluginError: There is no such embedder.
        PrivacyError: It sends texts to another machine, and must not.
    """
    name = settings.embedding.plugin
    made = plugins.make(Embedder, "embedding", name, settings)
    if made.component.remote and settings.privacy.remote == "deny":
        made.component.close()
        raise PrivacyError(
            f"The embedder '{name}' sends texts to another machine.",
            hint="Allow it with [privacy] remote = allow, or choose a local embedder.",
        )
    return Embeddings(made.component, made.fingerprint)
