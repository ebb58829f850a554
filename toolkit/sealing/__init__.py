"""What encryption at rest adds to the stages: keys from the settings, sealed rows, plain copies."""

from __future__ import annotations

from toolkit.config import Settings
from toolkit.sealing.decoder import OpeningDecoder
from toolkit.sealing.keys import vault_of
from toolkit.sealing.store import guarded
from toolkit.stages.component import Component
from toolkit.stages.decode import Decoder
from toolkit.stages.store import Store

__all__ = ["at_rest"]


def at_rest(component: Component, settings: Settings) -> Component:
    """A plugin's working object as it has to be where the workspace is encrypted.

    A store seals and opens its rows; a decoder reads files that are sealed; all others are what
    they were.

    Raises:
        EncryptionError: A store is encrypted, and the key is missing or does not fit.
    """
    if isinstance(component, Store):
        try:
            return guarded(component, vault_of(settings))
        except BaseException:
            component.close()
            raise
    if isinstance(component, Decoder) and settings.privacy.encrypt:
        return OpeningDecoder(component)
    return component
