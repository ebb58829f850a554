"""The part of the store suite that is about what goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from toolkit.errors import StoreError
from toolkit.records import Answer, Review, Scene, Synthesis
from toolkit.stages.store import KINDS, Store
from toolkit.testing.samples import description, full_records, scene, synthesis

__all__ = ["ErasingSuite"]


class ErasingSuite:
    """What is deleted is gone for all who look; the rest stays as it is."""

    def test_what_is_deleted_is_gone_also_for_search(self, store: Store) -> None:
        gone, kept = scene("gone"), scene("kept")
        store.save([gone, kept, description(gone, "a red car"), description(kept, "a red car")])
        store.save([synthesis("a red car", "gone"), full_records()[Review]])
        assert store.delete(Answer, video_id="gone") == 1
        assert store.delete(Scene, video_id=["gone", "unknown"], index=0) == 1
        assert store.delete(Scene, video_id="gone") == 0
        assert [hit.video_id for hit in store.search("red car", limit=9)].count("kept") == 1
        store.delete(Synthesis, video_id="gone")
        store.delete(Review, id="review-1")
        assert [hit.video_id for hit in store.search("red car")] == ["kept"]
        assert (store.find(Scene), store.count(Review)) == ([kept], 0)

    def test_deleting_needs_a_condition_that_is_one(self, store: Store) -> None:
        store.save([scene()])
        with pytest.raises(StoreError):
            store.delete(Scene)
        with pytest.raises(StoreError, match=r"Did you mean 'video_id'\?"):
            store.delete(Scene, vidio_id="video-1")
        assert store.delete(Scene, video_id=[]) == 0
        assert store.count(Scene) == 1

    def test_a_scrubbed_store_has_all_that_was_not_deleted(
        self, store: Store, open_store: Callable[[], Store]
    ) -> None:
        store.save(full_records().values())
        store.save([scene("gone"), description(scene("gone"), "a red car")])
        store.delete(Scene, video_id="gone")
        store.delete(Answer, video_id="gone")
        for said in store.scrub():
            assert said.endswith(".")
        with open_store() as other:
            for one in (store, other):
                assert [one.find(kind) for kind in KINDS] == [
                    [record] for record in full_records().values()
                ]
        store.save([scene("new"), description(scene("new"), "a green car")])
        assert [hit.video_id for hit in store.search("car")] == ["new"]
