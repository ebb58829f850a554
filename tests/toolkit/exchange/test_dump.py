"""Records to a file and back: nothing is lost, and half a file is not taken for a whole one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from toolkit.errors import SourceError
from toolkit.exchange import dump
from toolkit.exchange.copying import import_records
from toolkit.exchange.export import export
from toolkit.exchange.tables import TABLES
from toolkit.records import Answer, Completion, Failure, Run, Scene, Source, Video
from toolkit.stages.store import KINDS, Store
from toolkit.testing.samples import description, scene

OpenStore = Callable[[str], Store]


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_everything_comes_back(
    store: Store, run: Run, open_store: OpenStore, tmp_path: Path, name: str
) -> None:
    assert export(store, None, tmp_path / name) == [tmp_path / name]
    with open_store("other") as other:
        counts = import_records(other, tmp_path / name)
        assert counts == {kind.__name__: store.count(kind) for kind in KINDS}
        for kind in KINDS:
            assert other.find(kind) == store.find(kind)
        import_records(other, tmp_path / name)
        assert [other.count(kind) for kind in KINDS] == [store.count(kind) for kind in KINDS]


def test_a_run_comes_back_with_its_own_and_nothing_else(
    store: Store, run: Run, open_store: OpenStore, tmp_path: Path
) -> None:
    export(store, run, tmp_path / "run.jsonl")
    with open_store("other") as other:
        import_records(other, tmp_path / "run.jsonl")
        for table in TABLES.values():
            assert table(other, run).equals(table(store, run))
        assert [one.id for one in other.find(Run)] == ["run-a"]
        assert {one.detector for one in other.find(Scene)} == {"detector"}
        # What another run's scan completed would be taken for scanned, without its scenes.
        assert {one.key for one in other.find(Completion, stage="scan")} == {"detector"}
        assert other.count(Completion, stage="tags") == 6
        assert [one.id for one in other.find(Failure)] == ["f-a"]
        assert len(other.find(Source)) == 3
        assert {one.id for one in dump.all_records(other)} < {
            one.id for one in dump.all_records(store)
        }


def test_a_video_comes_back_alone(
    store: Store, run: Run, open_store: OpenStore, tmp_path: Path
) -> None:
    export(store, run, tmp_path / "two.jsonl", video_id="two")
    with open_store("other") as other:
        import_records(other, tmp_path / "two.jsonl")
        assert [one.id for one in other.find(Video)] == ["two"]
        wanted = TABLES["scenes"](store, run).filter(pl.col("video_id") == "two")
        assert TABLES["scenes"](other, run).equals(wanted)
        assert other.count(Failure) == 0


def test_what_speaks_for_others_comes_after_them(store: Store, run: Run) -> None:
    kinds = [type(one) for one in dump.all_records(store)]
    assert kinds.index(Source) > max(i for i, kind in enumerate(kinds) if kind in (Scene, Answer))
    assert kinds[-1] is Run
    assert [type(one) for one in dump.run_records(store, run, [])][-1] is Run


def test_numbers_without_words_in_json_come_back(tmp_path: Path) -> None:
    answer = description(scene(), "").model_copy(update={"value": [float("inf"), 1e-320, 1.0]})
    dump.write([answer], tmp_path / "x.jsonl")
    assert list(dump.read(tmp_path / "x.jsonl")) == [answer]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_a_file_cut_short_leaves_the_store_as_it_was(
    store: Store, run: Run, open_store: OpenStore, tmp_path: Path, name: str
) -> None:
    whole = tmp_path / name
    export(store, run, whole)
    content = whole.read_bytes()
    lines = content.splitlines(keepends=True)
    with open_store("other") as other:
        for cut in (content[: len(content) // 2], content[:-1000], b"".join(lines[:-1]), b""):
            if cut == b"".join(lines[:-1]) and name.endswith("gz"):
                continue
            whole.write_bytes(cut)
            with pytest.raises(SourceError):
                import_records(other, whole)
            assert sum(other.count(kind) for kind in KINDS) == 0


def test_other_files_are_named_for_what_they_are(store: Store, run: Run, tmp_path: Path) -> None:
    def refused(text: str) -> str:
        (tmp_path / "x.jsonl").write_text(text, encoding="utf-8")
        with pytest.raises(SourceError) as caught:
            import_records(store, tmp_path / "x.jsonl")
        return str(caught.value)

    head = json.dumps({"format": "video-analysis-toolkit", "version": 1}) + "\n"
    assert "views" in refused("{}\n")
    assert "no JSON object" in refused("video_id,title\n")
    assert "newer version" in refused(head.replace("1}", "2}"))
    assert "Line 2" in refused(head + '{"kind": "Scene", "record": {"id": "x"}}\n')
    assert "no kind of record is called 'Film'" in refused(head + '{"kind": "Film"}\n')
    assert "line 2 is no JSON object" in refused(head + "[]\n")
    with pytest.raises(SourceError, match="No such file"):
        import_records(store, tmp_path / "missing.jsonl")
    (tmp_path / "x.jsonl.gz").write_text("no gzip", encoding="utf-8")
    with pytest.raises(SourceError, match="cannot be read"):
        import_records(store, tmp_path / "x.jsonl.gz")


def test_a_packed_file_that_is_a_bomb_ends(store: Store, tmp_path: Path) -> None:
    head = json.dumps({"format": "video-analysis-toolkit", "version": 1}) + "\n"
    for bomb in (b"0" * (1 << 27), b"[" * 100_000 + b"\n"):
        (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(head.encode() + bomb))
        with pytest.raises(SourceError, match=r"[Ll]ine 2"):
            import_records(store, tmp_path / "x.jsonl.gz")


def test_a_packed_file_is_what_gunzip_reads(store: Store, run: Run, tmp_path: Path) -> None:
    export(store, run, tmp_path / "a.jsonl")
    export(store, run, tmp_path / "a.jsonl.gz")
    plain = (tmp_path / "a.jsonl").read_text(encoding="utf-8")
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode() == plain
    kinds = {json.loads(line).get("kind") for line in plain.splitlines()}
    assert {"Scene", "Answer", "Review", None} <= kinds
