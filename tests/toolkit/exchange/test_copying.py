"""From store to store: everything arrives, once, also after a copy that was cut off."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.errors import ConfigError, SourceError, StoreError
from toolkit.exchange.copying import copy_store
from toolkit.exchange.places import holds_password, located
from toolkit.hooks.manager import configure
from toolkit.records import Completion, Record, Run, Source
from toolkit.stages.store import KINDS, Store
from toolkit_store_sqlite.store import SQLiteStore

OpenStore = Callable[[str], Store]


def test_everything_arrives_in_its_order(store: Store, run: Run, open_store: OpenStore) -> None:
    store.save(Source.of(str(i), "file") for i in range(1200))
    told = []
    with open_store("target") as target:
        copied = copy_store(store, target, lambda *now: told.append(now))
        for kind in KINDS:
            assert target.find(kind) == store.find(kind)
        assert all(row.found == row.written == row.there for row in copied)
        assert {row.kind for row in copied} == {kind.__name__ for kind in KINDS}
        again = copy_store(store, target)
        assert [row.written for row in again] == [0] * len(KINDS)
    total = store.count(Source)
    assert [now for now in told if now[0] == "Source"] == [
        ("Source", 0, total), ("Source", 500, total), ("Source", 1000, total),
        ("Source", total, total),
    ]  # fmt: skip


def test_it_goes_on_where_it_was_cut_off(store: Store, run: Run, open_store: OpenStore) -> None:
    store.save(Completion.of(str(i), "tags", "k") for i in range(2200))

    def cut_off(kind: str, done: int, total: int) -> None:
        if (kind, done) == ("Completion", 1000):
            raise KeyboardInterrupt

    with open_store("target") as target:
        with contextlib.suppress(KeyboardInterrupt):
            copy_store(store, target, cut_off)
        assert target.count(Completion) == 1000
        assert target.count(Run) == 0  # what speaks for others had not come yet
        rows = {row.kind: row for row in copy_store(store, target)}
        assert rows["Completion"].written == store.count(Completion) - 1000
        assert rows["Scene"].written == 0
        assert target.find(Completion) == store.find(Completion)


def test_of_two_with_one_id_the_sources_wins(store: Store, open_store: OpenStore) -> None:
    store.save([Completion.of("item", "scan", "k", 2)])
    with open_store("target") as target:
        target.save([Completion.of("item", "scan", "k", 1), Completion.of("theirs", "scan", "k")])
        (row,) = [one for one in copy_store(store, target) if one.found]
        assert (row.found, row.written, row.there) == (1, 1, 2)
        assert [one.count for one in target.find(Completion)] == [2, 0]


def test_records_that_do_not_arrive_are_noticed(store: Store, run: Run, tmp_path: Path) -> None:
    class Forgetful(SQLiteStore):
        def save(self, records: Iterable[Record]) -> None:
            super().save([*records][1:])

    with (
        Forgetful(tmp_path / "forgetful.db") as target,
        pytest.raises(StoreError, match="arrived") as caught,
    ):
        copy_store(store, target)
    assert caught.value.retriable


class TestPlaces:
    @pytest.mark.parametrize(
        ("word", "values"),
        [
            ("sqlite", {"plugin": "sqlite"}),
            ("mongodb", {"plugin": "mongodb"}),
            ("sqlite:a/b", {"plugin": "sqlite", "sqlite": {"path": "{here}/a/b"}}),
            ("sqlite:/a.db", {"plugin": "sqlite", "sqlite": {"path": "/a.db"}}),
            ("A.DB", {"plugin": "sqlite", "sqlite": {"path": "{here}/A.DB"}}),
            (
                "mongodb://db.example.org:27017/archive",
                {"plugin": "mongodb", "mongodb": {"uri": "mongodb://db.example.org:27017/archive"}},
            ),
            (
                "mongodb+srv://${WHO}:${PASS}@c.example.net",
                {"plugin": "mongodb", "mongodb": {"uri": "mongodb+srv://me:s3cret@c.example.net"}},
            ),
        ],
    )
    def test_words_that_name_a_store(
        self, word: str, values: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("WHO", "me")
        monkeypatch.setenv("PASS", "s3cret")
        _, plugins, _ = configure()
        found = located(word, plugins)["store"]
        if "sqlite" in values:
            values["sqlite"]["path"] = values["sqlite"]["path"].format(here=tmp_path)
        assert found == values

    @pytest.mark.parametrize(
        "word", ["", "postgres", "postgres://h", "results.txt", "mongodb:", "http://x/y.db"]
    )
    def test_words_that_name_none(self, word: str) -> None:
        _, plugins, _ = configure()
        with pytest.raises(ConfigError, match="names no store") as caught:
            located(word, plugins)
        assert "mongodb+srv://…" in (caught.value.hint or "")

    def test_what_is_missing_is_named(self, tmp_path: Path) -> None:
        _, plugins, _ = configure()
        with pytest.raises(ConfigError, match="NO_SUCH_THING"):
            located("mongodb://${NO_SUCH_THING}@h", plugins)
        with pytest.raises(SourceError, match="no file"):
            located(str(tmp_path / "no.db"), plugins, existing=True)
        assert not (tmp_path / "no.db").exists()

    def test_passwords_in_words(self) -> None:
        assert holds_password("mongodb://me:secret@host")
        assert holds_password("mongodb://me:${A}b@host")
        assert not holds_password("mongodb://me:${A}@host/x?y=z")
        assert not holds_password("mongodb://host:27017/x")
        assert not holds_password("a.db")


def test_the_functions_do_what_the_commands_do(
    store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tk.copy_store("store.db", "toolkit-workspace/toolkit.db")
    tk.export("all.jsonl.gz")
    assert tk.import_("all.jsonl.gz", workspace="other")["Run"] == 3
    handle = tk.attach("run-a", workspace="other")
    assert handle.scenes.equals(tk.attach("run-a").scenes)
    assert handle.export("scenes.csv", video="two") == [Path("scenes.csv")]
    assert len((tmp_path / "scenes.csv").read_text().splitlines()) >= 4
    assert tk.export("run.parquet", run="run-a", what="tags") == [Path("run.parquet")]
