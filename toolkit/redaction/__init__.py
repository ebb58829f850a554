"""Faces, places and patterns made unrecognisable before others see them."""

from __future__ import annotations

from toolkit.config import Settings
from toolkit.redaction.analyzer import redacted
from toolkit.redaction.masks import Masks
from toolkit.redaction.pictures import Blur
from toolkit.stages.analysis import Analyzer
from toolkit.stages.component import Component

__all__ = ["discreet"]


def discreet(component: Component, settings: Settings) -> Component:
    """A plugin's working object as it may see frames and say texts.

    A remote analyzer gets frames in which is blurred what the settings name; what any analyzer says
    is masked.

    Raises:
        ConfigError: A pattern has a mistake.
        MissingExtraError: What is needed for it is not installed.
    """
    if not isinstance(component, Analyzer):
        return component
    blur = Blur.of(settings.redaction, "remote") if component.remote else None
    return redacted(component, blur, Masks.of(settings.redaction))
