"""The part of the store's conformance suite that is about search."""

from __future__ import annotations

from typing import Any

import hypothesis
from hypothesis import strategies as st

from toolkit.records import Answer, Ask, Review, Scene, Source, Tag
from toolkit.stages.store import Store
from toolkit.testing.samples import TEXT, description, scene, synthesis

__all__ = ["SearchSuite"]


class SearchSuite:
    """How every store searches; :class:`~toolkit.testing.stores.StoreSuite` includes it."""

    def test_search_finds_scenes_that_have_all_words(self, store: Store) -> None:
        _tell(store, "A red car drives at night", "A blue car", "The red house")
        assert _found(store, "car red") == [0]
        assert set(_found(store, "RED")) == {0, 2}
        assert _found(store, "red green") == []
        assert _found(store, "") == _found(store, " \n") == _found(store, '"" !?') == []

    def test_search_takes_the_words_from_all_that_was_said(self, store: Store) -> None:
        _tell(store, "A red car", "A red house")
        store.save([_reply(scene(index=0), "At night", name="When?")])
        assert _found(store, "red night") == [0]
        assert len(store.search("red OR night")) == 0  # OR is a word like others

    def test_search_matches_stems_accents_and_phrases(self, store: Store) -> None:
        _tell(store, "Two dogs are running in a café", "running with a dog", "A DOG, it runs")
        assert set(_found(store, "dog run")) == {0, 1, 2}
        assert _found(store, "cafe") == [0]
        assert _found(store, '"dogs are running"') == [0]
        assert _found(store, 'dog "with a"') == [1]
        assert _found(store, '"running dogs"') == []
        assert _found(store, '"with a') == [1]  # still being typed

    def test_search_shows_the_match_and_gives_the_best_first(self, store: Store) -> None:
        _tell(store, "word " * 60 + "car " + "word " * 60, "car car car", "nothing")
        best, other = store.search("car")
        assert [best.scene_id, other.scene_id] == [scene(index=1).id, scene(index=0).id]
        assert best.video_id == "video-1"
        assert best.rank > other.rank
        assert best.snippet == "[car] [car] [car]"
        assert "[car]" in other.snippet
        assert len(other.snippet) < 300

    def test_search_gives_a_scene_once_and_keeps_the_limit(self, store: Store) -> None:
        _tell(store, *["car"] * 30)
        store.save([_reply(scene(index=0), "a car", name=str(i)) for i in range(9)])
        assert len(store.search("car")) == 20
        assert sorted(_found(store, "car", limit=100)) == list(range(30))
        assert store.search("car", limit=0) == []

    def test_search_finds_videos_by_what_is_said_of_them_as_a_whole(self, store: Store) -> None:
        _tell(store, "A red car", "A red house")
        whole = synthesis("A car drives from the sea to a red house.")
        store.save([whole, synthesis("A sea", "video-2")])
        hits = store.search("red house")
        assert {(hit.video_id, hit.scene_id) for hit in hits} == {
            ("video-1", None),
            ("video-1", scene(index=1).id),
        }
        assert [hit.video_id for hit in store.search("sea")] == ["video-2", "video-1"]
        [hit] = store.search("drive sea")
        assert hit.snippet == "A car [drives] from the [sea] to a red house."
        store.save([synthesis("Its end", "video-1", "syn-2")])
        assert [hit.video_id for hit in store.search("end red")] == ["video-1"]
        store.save([whole.model_copy(update={"text": "A boat"})])
        assert store.search("drive") == []
        assert [hit.scene_id for hit in store.search("boat")] == [None]

    def test_search_reads_reviews_and_leaves_out_what_it_is_told_to(self, store: Store) -> None:
        _tell(store, "A red car", "A red house")
        machine = description(scene(index=0), "")
        word = _word("A green boat at night", scene(index=0))
        other = _word("A blue boat", scene(index=1), action="reject")
        store.save([word, other, _word("a boat too", scene(index=1), target="tag")])
        assert _found(store, "green boat") == _found(store, "boat") == [0]
        [hit] = store.search("green")
        assert (hit.video_id, hit.snippet) == ("video-1", "A [green] boat at night")
        assert _found(store, "car night") == [0]
        assert store.search("car night", without=[machine.id]) == []
        assert [h.scene_id for h in store.search("red", without={machine.id})] == [
            scene(index=1).id
        ]
        assert store.search("green", without=[word.id, *map(str, range(5000))]) == []
        store.save([word.model_copy(update={"value": "A plane"})])
        assert store.search("green") == []
        assert _found(store, "plane") == [0]
        store.save([word.model_copy(update={"action": "withdraw"})])
        assert store.search("plane") == []

    def test_search_keeps_up_with_changes(self, store: Store) -> None:
        _tell(store, "car", "boat")
        _tell(store, "plane", "boat")
        assert [_found(store, word) for word in ("car", "plane", "boat")] == [[], [0], [1]]

    def test_search_reads_only_words_people_read(self, store: Store) -> None:
        signals = Answer.of(
            scene(), "a", "p", Ask(kind="signals"), text="sharp", value={"sharp": 1}
        )
        store.save([signals, Source.of("sharp", "file"), Tag("sharp", id="t")])
        assert store.search("sharp") == []

    def test_search_is_safe_with_any_input(self, store: Store) -> None:
        _tell(store, TEXT, "A red car")
        marks = st.text(st.sampled_from("\"'*()^:+-{}[]\\%_\0;= carNOTANDORNEAR,/🎬é\ud800"))

        @hypothesis.settings(max_examples=150, deadline=None, database=None)
        @hypothesis.given(st.one_of(marks, st.text()))
        def probe(words: str) -> None:
            store.search(words)

        probe()
        store.search(" ".join(f"w{i}" for i in range(5000)))
        store.search('"' + "word " * 50_000)
        assert _found(store, "🎬 東京") == [0]


def _tell(store: Store, *texts: str) -> None:
    """A scene with this description each, in this order."""
    scenes = [scene(index=i) for i in range(len(texts))]
    said = [description(one, text) for one, text in zip(scenes, texts, strict=True)]
    store.save([*scenes, *said])


def _reply(of: Scene, text: str, name: str) -> Answer:
    return Answer.of(of, "analyzer-1", "sample", Ask(kind="question", name=name), text=text)


def _word(text: str, of: Scene, **data: Any) -> Review:
    """A review that has the scene's description say this."""
    place = {"video_id": of.video_id, "scene_id": of.id, "start_s": of.start_s, "end_s": of.end_s}
    data = {"target": "description", "action": "edit", "reviewer": "Zoë", **place, **data}
    return Review.model_validate({**data, "value": text})


def _found(store: Store, words: str, limit: int = 20) -> list[int]:
    """The indices of the scenes found."""
    index = {one.id: one.index for one in store.find(Scene)}
    return [index[hit.scene_id or ""] for hit in store.search(words, limit=limit)]
