"""The audit log: read it, and see whether it is whole."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from toolkit.cli.output import plain, print_json, table
from toolkit.cli.setup import FAILED, Json, Setup, command, complain
from toolkit.errors import ConfigError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="audit",
        help="The audit log: who did what with which version, and when.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    command(group, "show", example="toolkit audit show\ntoolkit audit show --what erasure")(show)
    command(
        group, "verify", example="toolkit audit verify\ntoolkit audit verify --anchor 42:9f2c…"
    )(verify)
    app.add_typer(group)


def show(
    setup: Setup,
    limit: Annotated[int, typer.Option(min=1, help="Most entries, of the latest.")] = 50,
    what: Annotated[
        str, typer.Option(metavar="WORD", help="Only what begins so: run, review, erasure …")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show the latest entries of the audit log, the last one last."""
    from toolkit.privacy.audit import AuditLog

    settings, _ = setup.load()
    log = AuditLog(settings.workspace)
    found = [one for one in log.entries() if one.what.startswith(what)][-limit:]
    if as_json:
        print_json({"entries": [vars(one) for one in found]})
        return
    table(
        ["#", "when", "who", "what", "about"],
        [[one.number, one.at[:19], _who(one.who), one.what, _about(one.about)] for one in found],
        right=(0,),
        whole=(1,),
        wide=(4,),
    )


def verify(
    setup: Setup,
    anchor: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER:HASH",
            help="What an earlier verify showed, kept elsewhere: it must still be true.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """See whether any entry was changed, removed or inserted. Exit code 1 if one was.

    Whoever may write the workspace can write another log, whole and false. Keep what this shows
    in another place, and name it the next time: then that shows as well.
    """
    from toolkit.privacy.audit import AuditLog, Head

    settings, _ = setup.load()
    log = AuditLog(settings.workspace)
    known = None
    if anchor is not None:
        number, colon, own = anchor.partition(":")
        if not (colon and number.isdigit() and own):
            raise ConfigError("--anchor is a number, a colon and a hash, as verify shows them.")
        known = Head(int(number), own)
    troubles = log.verify(known)
    head = log.head() or Head()
    if as_json:
        print_json({"entries": head.count, "hash": head.own, "troubles": [*troubles]})
    else:
        for said in troubles:
            complain(said)
        state = "It is not whole." if troubles else "It is whole."
        typer.echo(f"{head.count} entries. {state} Anchor: {head.count}:{head.own}")
    if troubles:
        raise typer.Exit(FAILED)


def _who(who: dict[str, Any]) -> str:
    return plain(f"{who.get('user', '?')}@{who.get('host', '?')}")


def _about(about: dict[str, Any]) -> str:
    parts = []
    for name, value in about.items():
        if isinstance(value, list):
            parts.append(f"{len(value)} {name}")
        elif not isinstance(value, dict) and value is not None:
            parts.append(f"{name} {str(value)[:20]}")
    return ", ".join(parts)
