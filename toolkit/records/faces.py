"""What records look like in a notebook: tables that need no script and no style sheet."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from toolkit.errors import EncryptionError
from toolkit.vault.files import read

__all__ = ["clock", "escaped", "facts", "picture"]


def clock(seconds: float) -> str:
    """A time in a video: ``1:02:03.4``."""
    tenths = round(10 * seconds)
    return f"{tenths // 36_000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def escaped(value: object) -> str:
    """Text as text in a page, whatever markup is in it."""
    return html.escape(str(value))


def picture(path: str, width: int = 120) -> str:
    """A picture as an element that carries its bytes; "" if there is none that can be read."""
    from PIL import Image

    if not path:
        return ""
    written = BytesIO()
    try:
        with Image.open(BytesIO(read(Path(path)))) as found:
            found.thumbnail((width, 2 * width))
            found.convert("RGB").save(written, "JPEG", quality=70)
            size = found.size
    except (OSError, ValueError, EncryptionError, Image.DecompressionBombError):
        return ""
    data = base64.b64encode(written.getvalue()).decode()
    return f"<img alt='' width='{size[0]}' height='{size[1]}' src='data:image/jpeg;base64,{data}'>"


def facts(title: str, rows: Iterable[tuple[str, object]], *, image: str = "") -> str:
    """A record as a table of names and values, with a picture above.

    The class keeps ``$5`` from becoming mathematics.
    """
    left = "text-align:left;padding:2px 1em 2px 0"
    body = "".join(
        f"<tr><td style='{left}'>{escaped(name)}</td><td style='{left}'>{escaped(value)}</td></tr>"
        for name, value in rows
        if value not in (None, "")
    )
    return (
        f"<div class='mathjax_ignore'>{image}<table><tr><th colspan='2' style='{left}'>"
        f"{escaped(title)}</th></tr>{body}</table></div>"
    )
