"""Keys of encrypted workspaces: make them, change them, open what they seal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.output import plain, print_json
from toolkit.cli.setup import Json, Setup, command
from toolkit.errors import ConfigError, EncryptionError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="keys",
        help="Keys of encrypted workspaces: make them, change them, open what they seal.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    command(group, "new", example="toolkit keys new ~/.config/toolkit.key")(new)
    command(group, "show-recipient", example="toolkit keys show-recipient")(show_recipient)
    command(group, "rotate", example="toolkit keys rotate\ntoolkit keys seal")(rotate)
    command(group, "seal", example="toolkit keys seal")(seal)
    command(
        group, "open", example="toolkit keys open toolkit-workspace/logs/01a21c49b2d830051760.log"
    )(open_file)
    app.add_typer(group)


def new(
    setup: Setup,  # noqa: ARG001 - as of every command
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
) -> None:
    """Make a key, in a file that only you can read. Keep a copy: without it all is lost."""
    from toolkit.sealing.keys import write_keys
    from toolkit.vault.keys import Vault, new_key

    key = new_key()
    write_keys(file.expanduser(), [key])
    typer.echo(plain(f"The key is in {file}; its public half is {Vault([key]).recipient}."))
    typer.echo("Set it in config.ini:\n\n[privacy]\nencrypt = yes")
    typer.echo(plain(f"key_file = {file.expanduser().absolute()}"))


def show_recipient(setup: Setup, as_json: Json = False) -> None:
    """Show the public half of the key: what `age -r` takes to encrypt for this workspace."""
    from toolkit.sealing.keys import keys_of
    from toolkit.vault.keys import Vault

    settings, _ = setup.load()
    vault = Vault(keys_of(settings.privacy, settings.base))
    if as_json:
        print_json({"recipient": vault.recipient, "keys": len(vault.identities)})
    else:
        typer.echo(vault.recipient)


def rotate(setup: Setup) -> None:
    """Put a new key before the older ones of the key file. `toolkit keys seal` then uses it."""
    from toolkit.sealing.keys import kept, write_keys
    from toolkit.vault.keys import new_key

    settings, _ = setup.load()
    name = settings.privacy.key_file
    if not name:
        raise ConfigError(
            "The key is in no file.",
            hint="Make another with toolkit keys new, and put it before the older one where that "
            "is. Then: toolkit keys seal",
        )
    path = settings.base / Path(name).expanduser()
    write_keys(path, [new_key(), *kept(path)], force=True)
    typer.echo(
        plain(f"{path} has a new key. Seal the workspace with it: {setup.again('keys seal')}")
    )


def seal(setup: Setup, as_json: Json = False) -> None:
    """Seal with the newest key what is not yet: rows and files. Let no run go on meanwhile."""
    from toolkit.execution.resealing import renew

    settings, plugins = setup.load()
    done = renew(settings, plugins, lambda what: typer.echo(f"Sealing {what} …", err=True))
    if as_json:
        print_json({"rows": done.rows, "files": done.files})
    else:
        typer.echo(f"{done.rows} rows and {done.files} files were sealed with the newest key.")


def open_file(
    setup: Setup,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A sealed file, or a log.")],
    to: Annotated[
        Path | None, typer.Option("--to", help="Write it here, readable to you alone.")
    ] = None,
) -> None:
    """Open a sealed file or log, and print it or write it to another file."""
    from toolkit.sealing.keys import vault_of
    from toolkit.sealing.lines import opened_lines
    from toolkit.vault.files import copy_plain, is_sealed

    settings, _ = setup.load()
    if vault_of(settings) is None:
        raise ConfigError("[privacy] encrypt is not set.", hint="Set it, and the key.")
    if is_sealed(file):
        copy_plain(file, to)
        return
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise EncryptionError(f"{file} cannot be read: {error.strerror}.") from error
    text = "".join(f"{line}\n" for line in opened_lines(lines))
    if to:
        to.touch(mode=0o600)
        to.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
