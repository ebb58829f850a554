"""The scene browser without a kernel: a few scenes as escaped HTML without scripts."""

from __future__ import annotations

import base64
import html

from toolkit.widgets.catalogue import Catalogue

__all__ = ["still", "summary"]

_SHOWN = 8


def summary(catalogue: Catalogue) -> str:
    """What is there, as one line."""
    scenes, videos = len(catalogue.scenes), len(catalogue.videos)
    return (
        f"{scenes} scene{'s' * (scenes != 1)} of {videos} video{'s' * (videos != 1)},"
        f" run {catalogue.run.id}"
    )


def still(catalogue: Catalogue) -> str:
    """The first scenes as a table with pictures; inline styles, as untrusted notebooks keep them.

    The class keeps notebooks from reading ``$`` as mathematics.
    """
    lines = []
    for row in catalogue.page(0)[:_SHOWN]:
        picture = base64.b64encode(catalogue.thumbnail(row["id"])).decode()
        image = f'<img width="96" alt="" src="data:image/jpeg;base64,{picture}">' if picture else ""
        title = html.escape(catalogue.title_of(catalogue.scene(row["id"])))
        tags = html.escape(", ".join(tag[0] for tag in row["tags"]))
        lines.append(
            f"<tr><td>{image}</td><td>{title} {row['index']}<br>"
            f"{row['start']:.1f} s to {row['end']:.1f} s</td>"
            f'<td style="text-align:left">{html.escape(row["description"])}</td>'
            f'<td style="text-align:left">{tags}</td></tr>'
        )
    more = len(catalogue.scenes) - len(lines)
    foot = f"<p>and {more} more; run the cell to browse them.</p>" if more > 0 else ""
    return (
        f'<div class="mathjax_ignore"><p>{html.escape(summary(catalogue))}</p>'
        f"<table>{''.join(lines)}</table>{foot}</div>"
    )
