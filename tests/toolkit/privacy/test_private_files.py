"""What the toolkit writes is its owner's alone, and what a crash leaves is cleared away."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.stages.private import made, part_of, scratch, swept
from toolkit.testing.server import MediaServer

Analyze = Callable[..., tk.RunHandle]


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """What most systems have: what a program makes, all may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> dict[str, str]:
    """Files and folders that others than their owner may do anything with."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077:
            found[str(path)] = oct(mode)
    return found


LINKS = {"download": {"allow_private_hosts": True}}


def test_all_that_a_run_makes_is_its_owners_alone(
    web: MediaServer, film: Path, workspace: Path, analyze: Analyze, tmp_path: Path
) -> None:
    run = analyze(web.url("film.mp4"), film, **LINKS)
    assert run.status == "done"
    assert len(run.scenes) == 3
    run.review(run.scenes["scene_id"][0], action="add", name="Anna")
    run.upload(f"file://{tmp_path / 'cloud'}", ["clips", "exports"])
    run.export(workspace / "scenes.csv")
    run.to_html(workspace / "report.html")
    run.clips(workspace / "cut")
    (workspace / "logs").mkdir(mode=0o700)
    tk.export(workspace / "all.jsonl.gz", workspace=workspace)
    made_of = {path.relative_to(workspace).parts[0] for path in workspace.rglob("*")}
    assert {"audit", "toolkit.db", "downloads", "thumbnails", "clips", "exports"} <= made_of
    assert open_to_others(workspace) == {}


@pytest.mark.slow
def test_so_is_what_a_detached_run_makes(film: Path, workspace: Path) -> None:
    run = tk.submit(film, workspace=workspace, analyzer="signals", detach=True)
    assert run.wait(60).status == "done"
    assert (workspace / "logs" / f"{run.id}.log").is_file()
    assert open_to_others(workspace) == {}


def test_a_file_that_others_may_read_stays_so_when_it_is_replaced(
    film: Path, workspace: Path, analyze: Analyze, tmp_path: Path
) -> None:
    run = analyze(film)
    table = tmp_path / "scenes.csv"
    run.export(table)
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    table.chmod(0o644)
    run.export(table, force=True)
    assert stat.S_IMODE(table.stat().st_mode) == 0o644


CRASH = """
import os, sys
from pathlib import Path
from toolkit.stages.private import part_of, scratch
folder = Path(sys.argv[1])
part_of(folder, "picture.jpg").write_bytes(b"half a picture")
with scratch(folder) as place:
    (place / "clip.mp4").write_bytes(b"half a clip")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_half_written_is_removed_by_the_next_run(
    film: Path, workspace: Path, analyze: Analyze
) -> None:
    folder = workspace / "thumbnails"
    made(folder)
    ours = part_of(folder, "mine.jpg")
    ours.write_bytes(b"somebody is at it")
    strange = folder / ".parts" / "notes.txt"
    strange.write_text("not ours")
    script = textwrap.dedent(CRASH)
    done = subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    assert done.returncode == -9
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 4
    analyze(film)
    left = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".jpg"]
    assert sorted(left) == sorted([ours, strange])


def test_of_another_machines_files_only_those_go_that_are_a_day_old(tmp_path: Path) -> None:
    parts = tmp_path / ".parts"
    parts.mkdir()
    new, old = (parts / f"a.0badcafe-1-0000000{i}.part" for i in range(2))
    for path in (new, old):
        path.touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    assert swept(tmp_path) == 1
    assert (new.exists(), old.exists()) == (True, False)


def test_a_scratch_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert swept(tmp_path) == 0  # whoever made it lives
    assert not folder.exists()
