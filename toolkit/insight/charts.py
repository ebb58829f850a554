"""A chart that shows itself without scripts and without the internet."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import ConfigError, MediaError, MissingExtraError
from toolkit.stages.private import opened

if TYPE_CHECKING:
    import polars as pl

__all__ = ["WIDTH", "Chart", "altair", "data", "nothing"]

WIDTH = 480
"""Of a chart, in pixels, without what stands beside its axes."""

_GREY = "#808080"  # can be read on white and on black
_SCALE = 2  # pixels of a PNG for each of the chart's


class Chart:
    """A drawing of a frame.

    A notebook shows it as SVG; as PNG where that is not trusted. Both are drawn in this process.

    Args:
        altair: The Altair chart; change it as you like.
        frame: The rows that it shows.
        title: What it is of.
    """

    def __init__(self, altair: Any, frame: pl.DataFrame, title: str) -> None:
        self.altair = altair
        self.frame = frame
        self.title = title

    def svg(self) -> str:
        """The drawing as an ``<svg>`` element."""
        converter, spec, options = self._parts()
        drawn: str = converter.vegalite_to_svg(spec, **options)
        return drawn

    def png(self) -> bytes:
        """The drawing as a PNG file, twice as large."""
        converter, spec, options = self._parts()
        drawn: bytes = converter.vegalite_to_png(spec, scale=_SCALE, **options)
        return drawn

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a ``.svg`` or ``.png`` file; one that is there is replaced.

        Raises:
            ConfigError: The file has another suffix.
            MediaError: It cannot be written.
        """
        to = Path(path)
        if to.suffix.lower() not in {".svg", ".png"}:
            raise ConfigError(
                f"A chart cannot be written as '{to.name}'.", hint="Use .svg or .png."
            )
        drawn = self.svg().encode() if to.suffix.lower() == ".svg" else self.png()
        try:
            with opened(to, "wb") as file:
                file.write(drawn)
        except OSError as error:
            raise MediaError(f"'{to}' cannot be written: {error.strerror}.") from error
        return to

    def __repr__(self) -> str:
        return f"{self.title}\n{self.frame}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            "image/svg+xml": self.svg(),
            "image/png": base64.b64encode(self.png()).decode(),
            "text/plain": repr(self),
        }

    def _parts(self) -> tuple[Any, Any, dict[str, Any]]:
        try:
            import altair as alt
            import vl_convert
        except ImportError as error:
            raise MissingExtraError("charts", "notebook", cause=error) from error
        axis = {"labelColor": _GREY, "titleColor": _GREY, "domainColor": _GREY, "tickColor": _GREY}
        config = {
            "background": None,
            "view": {"stroke": None},
            "axis": {**axis, "gridColor": _GREY, "gridOpacity": 0.2, "labelLimit": 240},
            "legend": {"labelColor": _GREY, "titleColor": _GREY},
            "title": {"color": _GREY, "subtitleColor": _GREY, "anchor": "start"},
        }
        version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
        options = {"vl_version": version, "config": config, "allowed_base_urls": []}
        return vl_convert, self.altair.to_dict(), options


def altair() -> Any:
    """Altair.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import altair as alt
    except ImportError as error:
        raise MissingExtraError("charts", "notebook", cause=error) from error
    return alt


def data(rows: list[dict[str, Any]]) -> Any:
    """Rows for Altair, as part of the drawing."""
    return altair().Data(values=rows)


def nothing(frame: pl.DataFrame, title: str) -> Chart:
    """The drawing of a frame without rows."""
    said = [{"words": "Nothing to show."}]
    mark = altair().Chart(data(said)).mark_text(color=_GREY).encode(text="words:N")
    return Chart(mark.properties(width=WIDTH, height=60, title=title), frame, title)
