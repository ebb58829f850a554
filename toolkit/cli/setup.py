"""What every command has in common: the shared options, and how it ends.

A command is a function whose first argument is a :class:`Setup`. :func:`command` gives it the
shared options, so that they work alike and are written alike after every command.
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.errors import (
    ConfigError,
    PluginError,
    PrivacyError,
    RuleError,
    StoreError,
    ToolkitError,
    TruthError,
    VocabularyError,
)

if TYPE_CHECKING:
    from toolkit.config import RawConfig, Settings
    from toolkit.hooks.manager import PluginManager
    from toolkit.stages.store import Store

__all__ = ["INTERRUPTED", "USAGE", "Json", "Setup", "command", "complain"]

FAILED, USAGE, INTERRUPTED = 1, 2, 130
_AT_THE_DOOR = (
    ConfigError,
    PluginError,
    PrivacyError,
    RuleError,
    TruthError,
    VocabularyError,
)
"""What is wrong with how the toolkit is set up, and is told before any work is done."""

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def _shared(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Config file; otherwise $TOOLKIT_CONFIG, or config.ini in this folder.",
        ),
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", metavar="DIR", help="Folder where results are kept."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.KEY=VALUE",
            help="A setting, over those of the config file; may be repeated.",
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            "--log-level", metavar="LEVEL", help="debug, info, warning or error; to stderr."
        ),
    ] = None,
) -> None:
    """The options of every command, for their signature."""


_CONTEXT = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
_SHARED = list(inspect.signature(_shared, eval_str=True).parameters.values())


class Setup:
    """What the shared options of a command say.

    Args:
        config: The config file that was named.
        workspace: The workspace that was named.
        values: Settings as ``section.key=value``.
        log_level: The log's level that was named.

    Attributes:
        raw: The settings as they were given, once they were read.

    Raises:
        ConfigError: A value does not read ``section.key=value``.
    """

    def __init__(
        self,
        config: Path | None = None,
        workspace: Path | None = None,
        values: list[str] | None = None,
        log_level: str | None = None,
    ) -> None:
        self.config = config
        self.raw: RawConfig | None = None
        self.workspace = workspace
        self.values = values or []
        self.arguments: dict[str, dict[str, Any]] = {}
        for value in self.values:
            name, equals, text = value.partition("=")
            section, dot, key = name.strip().lower().rpartition(".")
            if not (equals and dot and section and key):
                raise ConfigError(
                    f"--set {name} does not say what to set.",
                    hint="Write --set section.key=value, such as --set scenes.plugin=content.",
                )
            self.put(section, key, text.strip())
        if workspace is not None:
            self.put("paths", "workspace", workspace.expanduser().absolute())
        if log_level is not None:
            self.put("logging", "level", log_level.lower())

    @property
    def file(self) -> Path | None:
        """The config file that was read."""
        return self.raw.file if self.raw else None

    def put(self, section: str, key: str, value: Any) -> None:
        """Set something from an option of the command itself."""
        self.arguments.setdefault(section, {})[key] = value

    def read(self) -> RawConfig:
        """The settings as they were given; from here on the log goes where they say."""
        from toolkit import logs
        from toolkit.config import read
        from toolkit.config.privacy import Privacy, Redaction
        from toolkit.config.settings import Logging

        self.raw = raw = read(self.config, self.arguments)
        privacy, redaction = raw.section(Privacy, "privacy"), raw.section(Redaction, "redaction")
        logs.set_up(raw.section(Logging, "logging"), privacy, redaction, raw.base)
        return raw

    def load(self) -> tuple[Settings, PluginManager]:
        """The settings, checked, and the plugins."""
        from toolkit.config import resolve
        from toolkit.hooks.manager import discover

        raw = self.read()
        plugins = discover(raw)
        return resolve(raw, plugins.option_models()), plugins

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """The store, for reading. A workspace is made by ``analyze``, not by looking.

        Raises:
            StoreError: There is no workspace.
        """
        from toolkit.execution.looking import open_store

        settings, plugins = self.load()
        if not settings.workspace.is_dir():
            raise StoreError(
                f"There is no workspace {settings.workspace}.",
                hint="toolkit analyze makes it; --workspace names another.",
            )
        with open_store(settings, plugins) as store:
            yield store

    def again(self, words: str) -> str:
        """A command to try next, with the options that lead to the same store."""
        options: list[str] = []
        if self.config is not None:
            options += ["--config", str(self.config)]
        if self.workspace is not None:
            options += ["--workspace", str(self.workspace)]
        for value in self.values:
            if value.startswith(("store", "paths")):
                options += ["--set", value]
        return f"toolkit {words} {shlex.join(options)}".rstrip()


def command(
    app: typer.Typer, name: str, *, example: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function that takes a :class:`Setup` and its own options.

    Args:
        app: Where the command belongs.
        name: What people type; "" for what the group does where none of its commands is named.
        example: Commands to show below its help, a line each.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def run(
            config: Path | None,
            workspace: Path | None,
            values: list[str] | None,
            log_level: str | None,
            **given: Any,
        ) -> None:
            with _ending():
                if (ctx := given.pop("ctx", None)) and ctx.invoked_subcommand:
                    _refuse_options(ctx)
                    return
                function(Setup(config, workspace, values, log_level), **given)

        parameters = [*own, *_SHARED] if name else [_CONTEXT, *own, *_SHARED]
        run.__doc__ = function.__doc__
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        vars(run)["__signature__"] = inspect.Signature(
            [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
        )
        lines = "\n".join(f"  $ {line}" for line in example.splitlines())
        epilog = f"\b\nExample:\n{lines}"
        if name:
            app.command(name, epilog=epilog)(run)
        else:
            app.callback(invoke_without_command=True, epilog=epilog)(run)
        return function

    return decorate


def _refuse_options(ctx: typer.Context) -> None:
    """See that nothing was said to a group that its command would not hear.

    Raises:
        ConfigError: Options stand before the command's name.
    """
    given = [one.opts[0] for one in ctx.command.params if ctx.params.get(one.name or "")]
    if given:
        raise ConfigError(
            f"{given[0]} stands before '{ctx.invoked_subcommand}'.",
            hint="Options stand after the command.",
        )


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """Turn whatever ends a command into a message for people and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        complain("Stopped.")
        raise typer.Exit(INTERRUPTED) from None
    except ToolkitError as error:
        complain(f"Error: {error.message}", error.hint or "")
        raise typer.Exit(USAGE if isinstance(error, _AT_THE_DOOR) else FAILED) from None
    except typer.Exit:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise  # whoever reads us has read enough: typer ends quietly
        from toolkit.config import redact

        sys.stderr.write(redact(traceback.format_exc()))
        raise typer.Exit(FAILED) from None


def complain(*lines: str) -> None:
    """Say something on stderr."""
    from toolkit.config import redact

    for line in lines:
        if line:
            typer.echo(redact(line), err=True)
