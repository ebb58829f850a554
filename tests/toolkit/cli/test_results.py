"""``toolkit show``, ``search`` and ``runs``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolkit.hooks.specs import Context
from toolkit.records import Answer, Ask, Scene
from toolkit_store_sqlite import SQLiteOptions, make

Command = Callable[..., Any]
TINY = Path(__file__).parents[2] / "models" / "tiny-qwen2vl"


@pytest.fixture
def run(toolkit: Command, film: Path, tmp_path: Path) -> dict[str, Any]:
    """A run over the film, and a description from an analyzer of another run."""
    ended = toolkit("analyze", film, "--analyzer", "signals", "--json")
    with make(SQLiteOptions(), Context(tmp_path / "toolkit-workspace", tmp_path)) as store:
        scene = store.find(Scene)[1]
        text = "Two red cars at night"
        store.save([Answer.of(scene, "other", "other", Ask(kind="description"), text=text)])
    found: dict[str, Any] = ended.data
    return found


@pytest.mark.parametrize("name", ["last", "id", "start of id", "video", "start of video", "path"])
def test_show_by_any_name(toolkit: Command, run: dict[str, Any], film: Path, name: str) -> None:
    video = run["videos"][0]
    names = {
        "id": run["run"],
        "start of id": run["run"][:10],
        "video": video,
        "start of video": video[:8],
        "path": str(film),
    }
    shown = toolkit("show", names.get(name, name), "--json").data
    assert shown["run"] == run["run"]
    assert shown["status"] == "done"
    assert [one["id"] for one in shown["videos"]] == [video]
    scenes = shown["videos"][0]["scenes"]
    assert [scene["start_s"] for scene in scenes] == [0, 2, 4]
    assert scenes[0]["signals"]["brightness"] > 0
    assert scenes[0]["description"] is None  # another run's description is not this run's
    assert Path(scenes[0]["thumbnail"]).is_file()


def test_show_for_people(toolkit: Command, run: dict[str, Any]) -> None:
    ended = toolkit("show", "last", "--evidence")
    assert "film.mp4: 3 scenes" in ended.out
    assert "signals" in ended.out
    assert "took" in ended.out
    evidence = toolkit("show", "last", "--evidence", "--json").data["videos"][0]["scenes"][0]
    assert len(evidence["evidence"][0]["frame_times_s"]) == 8


@pytest.mark.slow
def test_show_says_what_a_models_answer_rests_on(
    toolkit: Command, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "900")  # nothing is broken
    model = ("--analyzer", "qwen2vl", "--set", f"analysis.model={TINY}")
    ended = toolkit("analyze", film, *model, "--set", "analysis.device=cpu", "--json")
    assert ended.code == 0
    [video] = toolkit("show", "last", "--evidence", "--json").data["videos"]
    told = {one["kind"]: one for one in video["scenes"][0]["evidence"]}
    assert set(told) == {"description", "sentiment"}
    shown = toolkit("show", "last", "--evidence").out
    for kind, ends in (("description", "stop"), ("sentiment", "scored")):
        one = told[kind]
        assert len(one["frame_times_s"]) == 8
        assert one["finish_reason"] == ends
        assert one["dtype"] == "float32"
        assert one["model"] == str(TINY)
        assert one["seconds"] > 0
        revision = one["revision"].rpartition(":")[2]
        size = "x".join(map(str, one["frame_size"]))
        took = f"{one['tokens_in']}+{one['tokens_out']} tokens, {ends}"
        for wanted in (
            f"{one['confidence']:.2f}",
            f"tiny-qwen2vl@{revision[:12]} float32 cpu",
            f"({size})",
            f"{took}, prompt {one['prompt_hash'][:8]}, {one['seconds']:.2f} s",
        ):
            assert wanted in shown


@pytest.mark.parametrize("name", ["none", "", "x", "01", "../nowhere.mp4"])
def test_show_what_is_not_there(toolkit: Command, run: dict[str, Any], name: str) -> None:
    ended = toolkit("show", name)
    assert ended.code == 1
    assert "There is no run or video" in ended.err


def test_search(toolkit: Command, run: dict[str, Any]) -> None:
    hits = toolkit("search", "car", "night", "--json").data["hits"]
    assert [(hit["index"], hit["start_s"]) for hit in hits] == [(1, 2.0)]
    assert "[" in hits[0]["snippet"]
    assert "film.mp4" in toolkit("search", "red").out
    ended = toolkit("search", '"night red"')
    assert (ended.code, ended.out) == (0, 'No scene has: "night red"\n')


def test_runs_latest_first(toolkit: Command, run: dict[str, Any]) -> None:
    second = toolkit("analyze", "none.mp4", "--analyzer", "signals", "--json")
    found = toolkit("runs", "--json").data["runs"]
    assert [one["id"] for one in found] == [second.data["run"], run["run"]]
    assert found[0]["counts"]["failures"] == 1
    assert run["run"] in toolkit("runs").out


@pytest.mark.parametrize("words", [["runs"], ["show", "last"], ["search", "x"], ["cancel", "last"]])
def test_looking_makes_no_workspace(toolkit: Command, tmp_path: Path, words: list[str]) -> None:
    ended = toolkit(*words)
    assert ended.code == 1
    assert "There is no workspace" in ended.err
    assert list(tmp_path.iterdir()) == []
