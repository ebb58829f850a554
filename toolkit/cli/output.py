"""How commands show what they have to say: tables for people, JSON for programs."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from toolkit.config import redact
from toolkit.config.secrets import redact_json
from toolkit.exchange.texts import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["clock", "console", "plain", "print_json", "size", "table", "working"]


def print_json(data: dict[str, Any]) -> None:
    """One JSON document on stdout."""
    # What the encoding cannot write is escaped, which JSON allows.
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(redact_json(data), ensure_ascii=not utf8, indent=2))


def plain(text: str) -> str:
    """Text from a file, a site or a model, as it may be shown in a terminal."""
    return printable(redact(text))


def clock(seconds: float) -> str:
    """A time in a video, as hours, minutes and seconds: ``1:02:03.46``."""
    hundredths = round(seconds * 100)
    hours, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6000)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest // 100:02}.{rest % 100:02}"


def size(count: float) -> str:
    """Bytes as people read them: ``4.4 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def console(*, stderr: bool = False) -> Console:
    """A terminal to write to; text in it is never taken for markup."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)


@contextlib.contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Say on a terminal's stderr that something goes on; the block can say what, as it does."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.text import Text

    with console(stderr=True).status(Text(plain(text))) as status:
        yield lambda said: status.update(Text(plain(said)))


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str = "",
    right: Iterable[int] = (),
    wide: Iterable[int] = (),
    whole: Iterable[int] = (),
    stderr: bool = False,
) -> None:
    """Show a table.

    Args:
        head: Names of the columns.
        rows: The cells; None is shown as nothing.
        title: What stands above.
        right: Columns that are set to the right.
        wide: Columns that get the room that the others leave.
        whole: Columns whose cells are kept on one line.
        stderr: Whether it goes there instead of to stdout.
    """
    from rich import box
    from rich.table import Table

    right, wide, whole = set(right), set(wide), {*right, *whole}
    shown = Table(
        box=box.SIMPLE_HEAD,
        title=plain(title) or None,
        title_justify="left",
        title_style="bold",
        show_header=any(head),
        pad_edge=False,
        collapse_padding=True,
    )
    for place, name in enumerate(head):
        shown.add_column(
            name,
            justify="right" if place in right else "left",
            ratio=1 if place in wide else None,
            no_wrap=place in whole,
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*("" if cell is None else plain(str(cell)) for cell in row))
    console(stderr=stderr).print(shown)
