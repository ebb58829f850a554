"""``%load_ext toolkit``: ``%%ask`` puts questions to a run, ``%toolkit`` is the command line.

%%ask
How many people are on stage? [number]
Is anybody waving? [yes/no]

%toolkit search "red car at night"
"""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from toolkit.errors import AnalysisError, SourceError
from toolkit.execution import live
from toolkit.execution.api import attach
from toolkit.execution.display import follow
from toolkit.execution.run import RunHandle
from toolkit.records import Question

if TYPE_CHECKING:
    import polars as pl

__all__ = ["load"]

_PLACE = ("title", "index", "start_s", "end_s")


def load(shell: Any) -> None:
    """Give an IPython shell the magics, and completion for them."""

    def ask(line: str, cell: str) -> pl.DataFrame:
        return _ask(shell, line, cell)

    # In cells alone: IPython takes a line that ends in a question mark for a call for help.
    shell.register_magic_function(ask, "cell", "ask")
    shell.register_magic_function(_toolkit, "line", "toolkit")
    shell.set_hook("complete_command", _completions, str_key="%toolkit")


def _ask(shell: Any, line: str, cell: str) -> pl.DataFrame:
    """Put the cell's lines as questions to a run, and show the answers.

    The options are told by :func:`_options`. The answers are those of a new run, which is the
    current one from then on.
    """
    options = _options(line)
    lines = [one.strip() for one in cell.splitlines()]
    questions = [one for one in lines if one and not one.startswith("#")]
    if not questions:
        raise _usage("Write questions below %%ask, a line each: How many people? [number]")
    run, video = _meant(shell, options.name)
    scenes, wholes = ((), questions) if options.whole else (questions, ())
    asked = run.ask(scenes, of_videos=wholes, video=video)
    follow(asked)
    if options.into:
        shell.user_ns[options.into] = asked
    return _answers(asked, questions, whole=options.whole)


def _options(line: str) -> Any:
    from IPython.core.magic_arguments import MagicArgumentParser

    parser = MagicArgumentParser(prog="%%ask", add_help=False)
    parser.add_argument(
        "name",
        nargs="?",
        metavar="RUN|VIDEO",
        help="A run (a variable or an id) or a video of the current run (title, path, link, id); "
        "otherwise the run that was made or attached last.",
    )
    parser.add_argument("--whole", action="store_true", help="Ask about videos, not scenes.")
    parser.add_argument("--as", dest="into", metavar="NAME", help="A variable for the new run.")
    return parser.parse_args(shlex.split(line))


def _meant(shell: Any, name: str | None) -> tuple[RunHandle, str | None]:
    """The run, and the video out of it, that somebody means."""
    if name is None:
        return live.current(), None
    variable = shell.user_ns.get(name)
    if isinstance(variable, RunHandle):
        return variable, None
    if isinstance(variable, str):
        name = variable
    if name in live.known():
        return attach(name), None
    run = live.current()
    try:
        run.sources_of(name)
    except SourceError:
        if "." in name or "/" in name or " " in name:
            raise
        return attach(name), None
    return run, name


def _answers(run: RunHandle, questions: list[str], *, whole: bool) -> pl.DataFrame:
    """The columns of these questions, each beside its scene or video."""
    found, place = (run.videos, ("title",)) if whole else (run.scenes, _PLACE)
    words = questions if whole else [Question.parse(one).text for one in questions]
    shown = [one for one in words if one in found.columns]
    if not shown:
        failed = run.failures["message"].to_list()
        reason = failed[0] if failed else "None of its analyzers answers questions."
        raise AnalysisError(
            f"The run {run.id} has no answers. {reason}",
            hint="run.failures says more." if failed else "Choose one, such as qwen2vl.",
        )
    return found.select(*place, *shown)


def _toolkit(line: str) -> None:
    """The command line in this kernel: ``%toolkit search red car``, ``%toolkit --help``."""
    from toolkit.cli.app import app

    try:
        app(shlex.split(line), prog_name="toolkit")
    except SystemExit as end:
        if end.code:  # what went wrong was told already
            raise _usage(f"toolkit ended with exit code {end.code}.") from None


def _completions(_: Any, event: SimpleNamespace) -> list[str]:
    """The verbs and options that can stand where the cursor is; files are IPython's to complete."""
    import typer

    from toolkit.cli.app import app

    before = event.text_until_cursor
    words = before.split()[1:]
    begun = words.pop() if words and not before[-1].isspace() else ""
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if begun.startswith("-"):
        return sorted({option for one in command.params for option in one.opts})
    if hasattr(command, "commands"):
        return sorted(command.commands)
    metavars = [one.metavar or "" for one in command.params]
    if not words and any(one.startswith("RUN") for one in metavars):
        return ["last", *live.known()]
    return []


def _usage(message: str) -> Exception:
    """An error that IPython shows as one line."""
    from IPython.core.error import UsageError

    error: Exception = UsageError(message)
    return error
