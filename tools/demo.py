"""What `make demo` runs: the main job, end to end, on a film whose content is known.

A film of seven shots is rendered and served on loopback. The toolkit fetches it by its link, finds
its scenes, describes them with a small Qwen2-VL, answers two questions about each, tells its mood,
tags it by rules, and keeps all of it. A second time nothing is left to do.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from toolkit.cli.found import failures, found
from toolkit.cli.report import show_failures, show_video
from toolkit.cli.setup import Setup
from toolkit.execution import api
from toolkit.execution.display import follow
from toolkit.execution.looking import open_store
from toolkit.records import Run, RunSource
from toolkit.stages.store import Store
from toolkit.testing.film import SHOTS, TRANSITIONS, write_sample_film
from toolkit.testing.server import MediaServer, serve

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "tests" / "models" / "tiny-qwen2vl"
PORT = 8765  # the same each time: the link is the source's name

QUESTIONS = ("What colour is the shape?", "Which way does it move?")

CONFIG = """\
# Written by tools/demo.py. `toolkit config init` writes a file with every key.

[paths]
workspace = workspace

[download]
# The film is served by this machine itself.
allow_private_hosts = true

[scenes]
plugin = content

[scenes.content]
# Low enough for the dissolve. The default misses one cut between two of these plain pictures.
threshold = 10

[sampling]
# As large as the small model looks.
max_pixels = 12544

[analysis]
plugin = signals, qwen2vl
questions =
{questions}

[analysis.qwen2vl]
model = {model}
device = cpu

[tags.rules]
file = rules.toml
"""

RULES = """\
# docs/rules.md explains these.

[[rule]]
tag = "night"
any = ["night"]
in = "description"

[[rule]]
tag = "several"
any = ["two", "three"]
in = "description"

[[rule]]
tag = "at rest"
any = ["still", "stay*"]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / ".demo")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier demo found")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.absolute()
    if arguments.fresh:
        shutil.rmtree(folder / "workspace", ignore_errors=True)
    web = folder / "web"
    web.mkdir(parents=True, exist_ok=True)
    write_sample_film(web / "film.mp4")
    config = folder / "config.ini"
    config.write_text(
        CONFIG.format(
            questions="\n".join(f"    {question}" for question in QUESTIONS),
            model=os.path.relpath(MODEL, folder),
        ),
        encoding="utf-8",
    )
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    # A proxy of this machine's would look for the film on a loopback of its own.
    hosts = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1"]
    os.environ["no_proxy"] = ",".join(filter(None, hosts))
    with ExitStack() as stack:
        server = listen(stack, web)
        print(f"A film of {len(SHOTS)} shots is at {server.url('film.mp4')}; they are joined by")
        kinds = Counter(TRANSITIONS)
        print(", ".join(f"{n} {kind}{'s' * (n > 1)}" for kind, n in kinds.items()) + ".\n")
        return work(server.url("film.mp4"), config)


def listen(stack: ExitStack, web: Path) -> MediaServer:
    """The server, on the usual port or the next that is free."""
    for port in (*range(PORT, PORT + 10), 0):
        try:
            return stack.enter_context(serve(web, port=port))
        except OSError:
            continue
    raise OSError("no port is free")


def work(url: str, config: Path) -> int:
    setup = Setup(config=shown(config))
    settings, plugins = setup.load()
    run = api.start([url], settings, plugins, setup.file)
    print(f"$ {command(setup.again(f'analyze {url}'))}")
    try:
        follow(run)
    except KeyboardInterrupt:
        print("Stopped. `make demo` goes on from there.")
        return 130
    with open_store(settings, plugins) as store:
        return report(setup, store, run.row, settings.workspace)


def report(setup: Setup, store: Store, run: Run, workspace: Path) -> int:
    for video in found(store, run):
        show_video(video)
    failed = failures(store, run)
    if failed:
        show_failures(failed)
    ways = store.find(RunSource, run_id=run.id)
    scenes, reused = sum(way.scenes for way in ways), sum(way.reused for way in ways)
    if scenes and reused == scenes:
        print(f"All {scenes} scenes were there already: nothing was done twice.")
    print(
        f"Results: {shown(workspace)} (run {run.id}, {run.seconds['elapsed']:.1f} s)\n\nNext, try:"
    )
    for words in ('search "red triangles"', "show last --evidence", "runs"):
        print(f"  {command(setup.again(words))}")
    return 1 if failed or run.status != "done" else 0


def shown(path: Path) -> Path:
    """The path as people here would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def command(words: str) -> str:
    """The command with the way to it, unless its environment is the active one."""
    here = Path(sys.executable).parent / "toolkit"
    active = shutil.which("toolkit")
    if active and Path(active) == here:
        return words
    return f"{shown(here)}{words.removeprefix('toolkit')}"


if __name__ == "__main__":
    sys.exit(main())
