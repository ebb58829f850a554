"""Encryption at rest, from a link to search: nothing can be read without the key."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars.selectors as cs
import pytest
from counting import Counting

import toolkit as tk
from toolkit.errors import EncryptionError
from toolkit.sealing.lines import opened_lines
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.mongod import NoMongodError, mongod
from toolkit.testing.server import MediaServer, serve
from toolkit.testing.world import ClipTruth
from toolkit.vault.keys import new_key
from toolkit.widgets.catalogue import Catalogue

TINY = Path(__file__).parents[2] / "models" / "tiny-qwen2vl"
NAME = "witness-jane-doe-hearing"
REVIEW = "Jane Doe enters the courtroom"
KEY = new_key()
JPEG = bytes.fromhex("ffd8ffe000104a464946")  # with its marker JFIF: three bytes come by chance
MP4 = b"ftypisom"


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "web"
    folder.mkdir()
    truths = [
        ClipTruth("red", "circle", "one", "left", "white", "day"),
        ClipTruth("blue", "square", "two", "still", "pink", "night"),
    ]
    film = folder / f"{NAME}.mp4"
    write_film(film, [Shot(t, 2.0) for t in truths], ["cut"], rng=random.Random(1))
    with serve(folder) as server:
        yield server


@contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[dict[str, Any], list[Path]]]:
    """The settings of a store, and the folders besides the workspace where its rows are."""
    if kind == "sqlite":
        yield {}, []
        return
    # Compressed, what is plain would not be found either.
    plain = ["--wiredTigerCollectionBlockCompressor", "none"]
    plain += ["--wiredTigerJournalCompressor", "none", "--wiredTigerIndexPrefixCompression", "0"]
    try:
        with mongod(folder, *plain) as server:
            yield {"plugin": "mongodb", "mongodb": {"uri": server.uri}}, [folder]
    except NoMongodError as error:
        pytest.skip(str(error))


def analyze(link: str, workspace: Path, privacy: dict[str, Any], **more: Any) -> tk.RunHandle:
    sections: dict[str, Any] = {
        "download": {"allow_private_hosts": True},
        "analysis": {"qwen2vl": {"model": str(TINY), "device": "cpu"}},
        "storage": {
            "to": f"file://{workspace}/cloud",
            "what": "originals, clips, thumbnails, exports",
        },
        **more,
    }
    return tk.analyze(
        link,
        ask="How many people?",
        analyzer=sections.pop("analyzer", ("signals", "qwen2vl")),
        workspace=workspace,
        progress=False,
        privacy=privacy,
        **sections,
    )


def raw(*folders: Path) -> bytes:
    """Every byte and every name below these folders."""
    paths = [path for folder in folders for path in folder.rglob("*")]
    names = "\n".join(map(str, paths)).encode()
    return names + b"".join(path.read_bytes() for path in paths if path.is_file())


def plain_rows(run: tk.RunHandle) -> dict[str, Any]:
    """What a run found, without what differs from run to run."""
    scenes = run.scenes.drop("thumbnail", "path", "reviewed")
    # Which scenes share a batch depends on who came first, and the tenth digit depends on that.
    scenes = scenes.with_columns(cs.float().round(6))
    return {
        "scenes": scenes.to_dicts(),
        "tags": run.tags.drop("path").to_dicts(),
        "titles": run.videos["title"].to_list(),
        "found": run.search("red").drop("path").to_dicts(),
    }


def worked(
    kind: str, link: str, folder: Path, privacy: dict[str, Any]
) -> tuple[dict[str, Any], bytes, str]:
    """What a run and its reviews found, all bytes that it left, and what it said of a scene."""
    with database(kind, folder / "database") as (store, folders):
        run = analyze(link, folder / "workspace", privacy, store=store)
        assert run.failures.is_empty(), run.failures["message"].to_list()
        said = run.scenes["description"][1]
        scene = run.scenes["scene_id"][0]
        run.review(scene, target="description", action="edit", value=REVIEW, reviewer="Ann B")
        found = plain_rows(run)
        again = analyze(link, folder / "workspace", privacy, store=store)
        assert again.row.counts["reused"] == 2  # nothing was done twice
        assert plain_rows(again) == found
        return found, raw(folder / "workspace", *folders), said


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_nothing_can_be_read_without_the_key(kind: str, web: MediaServer, tmp_path: Path) -> None:
    link = web.url(f"{NAME}.mp4")
    plain, left, said = worked(kind, link, tmp_path / "plain", {})
    secrets = [said, REVIEW, NAME, "How many people"]
    assert all(text.encode() in left for text in secrets)  # the search itself finds
    assert JPEG in left
    assert MP4 in left

    sealed, left, _ = worked(kind, link, tmp_path / "sealed", {"encrypt": True, "key": KEY})
    assert sealed == plain
    assert [text for text in secrets if text.encode() in left] == []
    assert JPEG not in left
    assert MP4 not in left
    assert not list(
        Path("/dev/shm").glob(f"video-analysis-toolkit-{os.getuid()}/{os.getpid()}-*/*")
    )


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "toolkit.key"
    path.write_text(f"# made for a test\n{KEY}\n")
    path.chmod(0o600)
    return path


def test_a_detached_run_has_the_key_from_a_file_and_seals_its_log(
    web: MediaServer, tmp_path: Path, key_file: Path
) -> None:
    run = tk.submit(
        [web.url(f"{NAME}.mp4"), str(tmp_path / "Jane Doe.mp4")],
        analyzer="signals",
        workspace=tmp_path / "workspace",
        detach=True,
        download={"allow_private_hosts": True},
        privacy={"encrypt": True, "key_file": str(key_file)},
    )
    run.wait(120)
    assert len(run.scenes) == 2
    assert run.failures["source"].to_list() == [str(tmp_path / "Jane Doe.mp4")]
    left = raw(tmp_path / "workspace")
    assert b"Jane Doe" not in left
    assert NAME.encode() not in left
    (log,) = (tmp_path / "workspace" / "logs").iterdir()
    assert NAME in "\n".join(opened_lines(log.read_text().splitlines()))


def test_pictures_clips_and_new_questions_come_from_sealed_files(
    web: MediaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tk.register(tk.AnalyzerPlugin(name="count", factory=lambda options, context: Counting()))
    monkeypatch.setenv("TOOLKIT_PRIVACY__KEY", KEY)
    privacy = {"encrypt": True}
    run = analyze(web.url(f"{NAME}.mp4"), tmp_path / "w", privacy, analyzer="count", storage={})
    scene = run.scenes["scene_id"][1]
    assert run.ask_scene(scene, "What colour?")  # its frames are read again
    (clip,) = run.clips(tmp_path / "clips", [scene], exact=True)
    assert MP4[:4] in clip.path.read_bytes()[:12]  # an export is plain: somebody asked for it
    assert run.sheet().size[0] > 100
    catalogue = Catalogue(run._store, run.row)
    assert catalogue.thumbnail(scene)[:3] == JPEG[:3]
    assert catalogue.clip(scene)[1][4:8] == b"ftyp"
    assert run.videos["path"][0].endswith(".mp4.age")
    assert JPEG not in raw(tmp_path / "w")


def test_without_the_key_a_workspace_is_refused(web: MediaServer, tmp_path: Path) -> None:
    tk.register(tk.AnalyzerPlugin(name="count", factory=lambda options, context: Counting()))
    link, workspace = web.url(f"{NAME}.mp4"), tmp_path / "w"

    def again(**privacy: Any) -> tk.RunHandle:
        return analyze(link, workspace, privacy, analyzer="count", storage={})

    again(encrypt=True, key=KEY)
    with pytest.raises(EncryptionError, match="another key"):
        again(encrypt=True, key=new_key())
    with pytest.raises(EncryptionError, match="is encrypted"):
        again()
    with pytest.raises(EncryptionError, match="there is no key"):
        again(encrypt=True)
    with pytest.raises(EncryptionError, match="several places"):
        again(encrypt=True, key=KEY, key_file="x")
    with pytest.raises(EncryptionError, match="holds no key"):
        again(encrypt=True, key="not a key at all")
