"""Plugins of one's own: begin one, and check one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.output import plain, print_json, table, working
from toolkit.cli.setup import FAILED, Json, Setup
from toolkit.errors import ConfigError, MissingExtraError, PluginError, choices

if TYPE_CHECKING:
    from toolkit.hooks.manager import PluginManager
    from toolkit.hooks.specs import Plugin

__all__ = ["check", "new"]

_TOOLS = ("av", "hypothesis", "pytest")


def new(
    _: Setup,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What people will choose it by, such as sports.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="analyzer, decoder, downloader, embedder, listener, scene_detector, storage, "
            "store or tagger.",
        ),
    ] = "tagger",
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="Where its folder is made.")
    ] = Path(),
) -> None:
    """Write a new plugin: a distribution that can be installed, tested and used as it is.

    One module with an example of its kind at work, a test that derives from the toolkit's own
    suite, pyproject.toml and a README. Nothing that is there is overwritten.
    """
    from toolkit.hooks.starter import write_starter

    home, commands = write_starter(kind.replace("-", "_"), name, into)
    typer.echo(plain(f"Wrote {home}. Go on with:"))
    for line in commands:
        typer.echo(plain(f"  {line}"))


def check(
    setup: Setup,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Plugins by NAME or STAGE.NAME, or a plugin FILE.py; without, those that the "
            "config chooses.",
        ),
    ] = None,
    place: Annotated[
        str,
        typer.Option(
            "--place",
            metavar="PLACE",
            help="Where a store or storage may write; in a store's, {} is a new name a test.",
        ),
    ] = "",
    details: Annotated[
        bool, typer.Option("--details", help="Show the whole report of what fails.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the conformance suite of its kind on a plugin: what all of that kind must do.

    Options are those of the config. Ends with exit code 1 where a test fails.
    """
    if [name for name in _TOOLS if importlib.util.find_spec(name) is None]:
        raise MissingExtraError("check", "testing")
    found = []
    for target in _targets(setup, names or [], place):
        if target["why"]:
            found.append(target)
            continue
        with working(f"{target['stage']} {target['name']}"):
            found.append(target | _outcome(target))
    if as_json:
        print_json({"plugins": [_bare(one) for one in found]})
    else:
        _show(found, details)
    if any(one.get("failed") or one.get("broken") for one in found):
        raise typer.Exit(FAILED)


def _targets(setup: Setup, names: list[str], place: str) -> list[dict[str, Any]]:
    """What is to be checked; with "why" where it cannot be.

    Raises:
        PluginError: A plugin is not there, or broken.
        ConfigError: A store or storage was named without a place.
    """
    from toolkit.hooks.manager import PluginManager, load_file

    settings, manager = setup.load()
    found: list[dict[str, Any]] = []
    for name in names:
        if name.endswith(".py"):
            file = Path(name).absolute()
            own = PluginManager()
            if not file.is_file():
                raise PluginError(f"There is no file {name}.")
            own.register(load_file(file), str(file))
            chosen = [*_all(own)]
        else:
            file = None
            chosen = [one for one in _all(manager) if name in _called(one)]
        if not chosen:
            _refuse(manager, name)
        found += [_target(setup, one, place, file) for one in chosen]
    if names:
        for one in found:
            if one["why"]:
                raise ConfigError(f"{one['name']} cannot be checked: {one['why']}.")
        return found
    chosen = [one for one in _all(manager) if one[2] is None or one[1] in settings.chosen(one[0])]
    return [_target(setup, one, place, None, named=False) for one in chosen] + [
        {"stage": "", "name": broken.provider, "why": broken.reason, "broken": True}
        for broken in manager.broken
    ]


def _all(manager: PluginManager) -> list[tuple[str, str, Plugin | None]]:
    plugins = [(plugin.stage, plugin.name, plugin) for plugin, _ in manager.plugins()]
    return [*plugins, *(("run", provider, None) for _, provider in manager.listeners())]


def _called(one: tuple[str, str, Plugin | None]) -> set[str]:
    """The words by which a plugin can be named; a listener by its entry point or file."""
    stage, name, plugin = one
    if plugin is None:
        return {name, name.rpartition(" (entry point ")[2].removesuffix(")"), Path(name).stem}
    return {name, f"{stage}.{name}"}


def _refuse(manager: PluginManager, name: str) -> None:
    for broken in manager.broken:
        if name in broken.provider:
            raise PluginError(f"The plugin {broken.provider} is broken: {broken.reason}")
    known = [plugin.name for plugin, _ in manager.plugins()]
    raise PluginError(f"There is no plugin '{name}'.", hint=choices(name, known))


def _target(
    setup: Setup,
    one: tuple[str, str, Plugin | None],
    place: str,
    file: Path | None,
    *,
    named: bool = True,
) -> dict[str, Any]:
    from toolkit.cli.plugins import install, missing

    stage, name, plugin = one
    why = ""
    if plugin and missing(plugin):
        why = install(plugin)
    elif stage == "storage" and not place:
        why = "it has to be told with --place where it may write"
    elif stage == "store" and not place and not getattr(plugin, "suffixes", ()):
        why = "it has to be told with --place where it may write, such as mongodb://host/{}"
    elif not named and plugin and plugin.models:
        why = "it uses a model: name it to check it"
    arguments = {
        section: {key: str(value) for key, value in values.items()}
        for section, values in setup.arguments.items()
    }
    return {
        "stage": stage,
        "name": name,
        "config": str(setup.config) if setup.config else None,
        "arguments": arguments,
        "file": str(file) if file else None,
        "place": place,
        "why": why,
    }


def _outcome(target: dict[str, Any]) -> dict[str, Any]:
    """How each test ended, from a process of its own."""
    words = {key: value for key, value in target.items() if key != "why"}
    with tempfile.TemporaryDirectory(prefix="toolkit-check-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "toolkit.testing.checking"],
            input=json.dumps({"target": words, "folder": folder}),
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            report = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
        except OSError:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            why = f"its suite ended with code {done.returncode}: {''.join(said)}"
            return {"why": why, "broken": True}
    tests = report["tests"]
    count = {
        outcome: sum(test["outcome"] == outcome for test in tests)
        for outcome in ("passed", "failed", "skipped")
    }
    return {**count, "seconds": sum(test["seconds"] for test in tests), "tests": tests}


def _bare(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key not in {"arguments", "config", "place"}}


def _show(found: list[dict[str, Any]], details: bool) -> None:
    table(
        ["stage", "plugin", "passed", "failed", "skipped", "seconds", ""],
        [
            [
                one["stage"],
                one["name"],
                one.get("passed"),
                one.get("failed"),
                one.get("skipped"),
                f"{one['seconds']:.1f}" if "seconds" in one else None,
                one["why"],
            ]
            for one in found
        ],
        right=(2, 3, 4, 5),
        wide=(6,),
    )
    failed = [
        (one["name"], test)
        for one in found
        for test in one.get("tests", ())
        if test["outcome"] == "failed"
    ]
    if failed and not details:
        table(
            ["plugin", "what it does not do", "why"],
            [
                [name, _sentence(test["test"]), "\n".join(test["why"].splitlines()[:3])]
                for name, test in failed
            ],
            wide=(1, 2),
        )
    for name, test in failed if details else ():
        typer.echo(plain(f"\n== {name}: {_sentence(test['test'])}\n{test['details']}"))


def _sentence(test: str) -> str:
    name, bracket, case = test.partition("[")
    return f"{name.removeprefix('test_').replace('_', ' ')}{bracket and f' ({case[:-1]})'}"
