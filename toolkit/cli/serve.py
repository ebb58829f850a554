"""The HTTP API: serve it, and see to its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.output import print_json, table
from toolkit.cli.setup import Json, Setup, command, complain
from toolkit.errors import ConfigError, MissingExtraError, choices

if TYPE_CHECKING:
    from toolkit.serving.tokens import Token, Tokens

__all__ = ["add_to"]

Name = Annotated[str, typer.Argument(metavar="TOKEN", help="A token's id, as list shows it.")]
_ENGINES = ("local", "ray")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    serving = typer.Typer(name="serve", rich_markup_mode=None)
    command(serving, "", example="toolkit serve token new --scope read,review\ntoolkit serve")(
        serve
    )
    tokens = typer.Typer(
        name="token",
        help="Tokens: make, list and revoke them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    command(tokens, "new", example="toolkit serve token new --scope read,run --expires 7")(new)
    command(tokens, "list", example="toolkit serve token list --json")(list_tokens)
    command(tokens, "revoke", example="toolkit serve token revoke 1f2e3d4c")(revoke)
    serving.add_typer(tokens)
    app.add_typer(serving)


def serve(
    setup: Setup,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Instead of that of the config.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Instead of that of the config; 0: a free one."),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="What serves: local, or ray for a cluster.")
    ] = "",
) -> None:
    """Serve the workspace's API and page until Ctrl-C. Whoever comes needs a token."""
    if engine and engine not in _ENGINES:
        raise ConfigError(f"There is no engine '{engine}'.", hint=choices(engine, _ENGINES))
    if host is not None:
        setup.put("serve", "host", host)
    if port is not None:
        setup.put("serve", "port", port)
    settings, plugins = setup.load()
    try:
        from toolkit.serving import server
    except ImportError as error:
        raise MissingExtraError("serve", "serve", cause=error) from error
    if not any(token.stands for token in _tokens(setup).all()):
        complain(f"There is no token yet: {setup.again('serve token new --scope read')}")

    def tell(address: str) -> None:
        complain(f"The workspace {settings.workspace} is at {address}")

    if engine == "ray":
        from toolkit.serving import cluster

        cluster.serve(setup.file, setup.arguments, settings, plugins, tell)
    else:
        server.serve(setup.file, setup.arguments, settings.serve, tell)


def new(
    setup: Setup,
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="SCOPES",
            help="What it is for, after commas or repeated: read; run to start, stop and ask; "
            "review to correct; admin for all, and for tokens.",
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Whose it is; its reviews are under this name.")
    ] = "",
    expires: Annotated[float, typer.Option(metavar="DAYS", help="How many days it holds.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Make a token. Its word is shown this once, and kept nowhere."""
    from toolkit.insight.reviewing import user

    scopes = [one.strip() for words in scope for one in words.split(",") if one.strip()]
    word, token = _tokens(setup).new(name or user(), scopes, expires)
    if as_json:
        print_json({"token": word, **_data(token)})
        return
    complain(f"Token {token.id}, until {token.expires_at:%Y-%m-%d %H:%M} UTC:")
    typer.echo(word)


def list_tokens(setup: Setup, as_json: Json = False) -> None:
    """List the tokens, without their words."""
    tokens = _tokens(setup).all()
    if as_json:
        print_json({"tokens": [_data(token) for token in tokens]})
        return
    rows = [
        [
            token.id,
            token.name,
            ", ".join(token.scopes),
            f"{token.expires_at:%Y-%m-%d}",
            _state(token),
        ]
        for token in tokens
    ]
    table(["token", "name", "for", "until", ""], rows)


def revoke(setup: Setup, token: Name) -> None:
    """End a token now, also in servers that run."""
    _tokens(setup).revoke(token)
    typer.echo(f"The token {token} is revoked.")


def _tokens(setup: Setup) -> Tokens:
    from toolkit.serving.tokens import Tokens

    settings = setup.load()[0]
    return Tokens(settings.workspace / settings.serve.tokens)


def _state(token: Token) -> str:
    if token.revoked_at:
        return "revoked"
    return "" if token.stands else "expired"


def _data(token: Token) -> dict[str, object]:
    return {**token.model_dump(mode="json", exclude={"sha256"}), "stands": token.stands}
