"""A store whose rows only the key opens: the contract of stores, and what is its own."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest

from toolkit.errors import EncryptionError
from toolkit.hooks.specs import Context
from toolkit.records import Completion, Failure, Record, Review, Tag
from toolkit.sealing.fields import FIELDS
from toolkit.sealing.store import SealedStore, guarded
from toolkit.stages.store import KINDS, Store
from toolkit.testing.samples import description, full_records, scene
from toolkit.testing.stores import OpenStore, StoreSuite
from toolkit.vault.keys import SEALED, Vault, new_key
from toolkit_store_sqlite import SQLiteOptions, make

# Other processes of a test have to have it, too.
KEY = "AGE-SECRET-KEY-1SHVZV24V7TK7SEN7CHGYKQLMAR9UJN4UA9XH9XDHSK7EDUJE87VQRNCYRP"
PLAIN = {
    "Source": {"id", "kind", "requested_at", "video_id", "stamp"},
    "Video": {
        *("id", "size_bytes", "container", "duration_s", "start_s", "width", "height", "rotation"),
        *("sample_aspect_ratio", "frame_rate", "nominal_frame_rate", "variable_frame_rate"),
        *("frame_count", "codec", "profile", "pixel_format", "bit_depth", "colour_space"),
        *("colour_transfer", "colour_primaries", "colour_range", "hdr", "bit_rate_bps", "audio"),
        *("subtitles", "truncated", "share_read"),
    },
    "Scene": {
        *("id", "video_id", "detector", "index", "start_s", "end_s", "kind", "score", "sampler"),
        "sampled_s",
    },
    "Answer": {
        *("id", "scene_id", "video_id", "analyzer", "plugin", "kind", "ask", "confidence"),
        *("evidence", "abstained"),
    },
    "Tag": {"id", "score", "scene_id", "video_id", "tagger", "generation"},
    "Synthesis": {
        *("id", "video_id", "generation", "basis", "plugin", "kind", "calls", "evidence"),
    },
    "Review": {"id", "video_id", "scene_id", "start_s", "end_s", "target", "action", "at"},
    "Completion": {"id", "item_id", "stage", "key", "count"},
    "Failure": {
        *("id", "run_id", "video_id", "scene_id", "stage", "error", "retriable", "attempt", "at"),
        "cause",
    },
    "Run": {
        *("id", "status", "lineage", "versions", "host", "pid", "started_at", "heartbeat_at"),
        *("finished_at", "counts", "seconds"),
    },
    "RunSource": {"id", "run_id", "source_id", "video_id", "status", "scenes", "reused"},
}


def bare(folder: Path) -> Store:
    return make(SQLiteOptions(), Context(folder, folder))


def sealed(folder: Path, *keys: str) -> Store:
    return guarded(bare(folder), Vault(keys or [KEY]))


class TestSealedSQLiteStore(StoreSuite):
    test_many_rows_take_little_memory = pytest.mark.slow(
        StoreSuite.test_many_rows_take_little_memory
    )

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return functools.partial(sealed, tmp_path)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_of_every_field_it_is_decided_whether_it_is_sealed(kind: type[Record]) -> None:
    assert {*FIELDS.get(kind, {})} | PLAIN[kind.__name__] == {*kind.model_fields}


def test_no_text_of_a_row_is_in_the_file(tmp_path: Path) -> None:
    with sealed(tmp_path) as store:
        records = full_records()
        store.save(records.values())
        assert {kind: store.find(kind)[0] for kind in records} == records
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("toolkit.db*"))
    assert raw.count(SEALED.encode()) > 20
    for kind, fields in FIELDS.items():
        for field in fields:
            value = records[kind].model_dump(mode="json")[field]
            for text in _texts(value):
                if text.startswith("scene-") or re.fullmatch("[0-9a-f]{32}", text):
                    continue  # an id
                assert text.encode() not in raw, (kind, field, text)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if len(value) > 5 else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def test_a_store_is_opened_with_its_key_and_no_other(tmp_path: Path) -> None:
    with sealed(tmp_path) as store:
        store.save([description(scene(), "a red car")])
    with pytest.raises(EncryptionError, match="another key"):
        sealed(tmp_path, new_key())
    with pytest.raises(EncryptionError, match="is encrypted"), bare(tmp_path) as plain:
        guarded(plain, None)
    with sealed(tmp_path, new_key(), KEY) as store:  # a newer one before it
        assert [hit.snippet for hit in store.search("car")] == ["a red [car]"]


def test_a_text_that_is_moved_or_changed_does_not_open(tmp_path: Path) -> None:
    one, other = Tag("secret", id="1"), Tag("harmless", id="2")
    with sealed(tmp_path) as store:
        store.save([one, other])
    with bare(tmp_path) as plain:
        first, second = plain.find(Tag)
        plain.save([second.model_copy(update={"label": first.label})])
    with sealed(tmp_path) as store, pytest.raises(EncryptionError, match="changed"):
        store.find(Tag)


def test_conditions_on_sealed_fields_are_looked_at_when_rows_are_open(tmp_path: Path) -> None:
    rows = [Tag(label, id=str(i), tagger="t") for i, label in enumerate(["car", "dog", "car"])]
    failure = Failure(
        id="f", run_id="r", source="secret.mp4", stage="scan", error="E", message="no"
    )
    with sealed(tmp_path) as store:
        store.save([*rows, failure])
        assert store.find(Tag, label="car", tagger="t") == [rows[0], rows[2]]
        assert store.find(Tag, label=["dog", "cat"]) == [rows[1]]
        assert store.count(Tag, label="car") == 2
        assert store.find(Failure, source="secret.mp4", stage="scan") == [failure]
        assert store.count(Failure, source="other.mp4") == 0


def test_the_mark_is_no_row_of_the_store(tmp_path: Path) -> None:
    done = Completion.of("video", "scan", "key")
    with sealed(tmp_path) as store:
        assert store.find(Completion) == []
        assert store.count(Completion) == 0
        store.save([done])
        assert store.find(Completion) == [done]
        assert (store.count(Completion), store.count(Completion, id=done.id)) == (1, 1)
        assert store.count(Completion, id=[done.id, "other"]) == 1


def test_what_was_plain_is_read_and_sealed_when_asked(tmp_path: Path) -> None:
    records = full_records()
    with bare(tmp_path) as store:
        store.save(records.values())
    with sealed(tmp_path) as store:
        assert {kind: store.find(kind)[0] for kind in records} == records
        assert isinstance(store, SealedStore)
        assert store.renew() == len(FIELDS)  # one row each
        assert store.renew() == 0
        assert {kind: store.find(kind)[0] for kind in records} == records
    newer = new_key()
    with sealed(tmp_path, newer, KEY) as store:
        assert isinstance(store, SealedStore)
        assert store.renew() == len(FIELDS)
    with sealed(tmp_path, newer) as store:  # the old key is not needed any more
        assert {kind: store.find(kind)[0] for kind in records} == records


@pytest.mark.parametrize(
    "value", ["text", "", "sealed:text", {"sealed": "sealed:x"}, 1.5, [], True]
)
def test_any_value_comes_back(tmp_path: Path, value: object) -> None:
    review = Review(
        video_id="v",
        start_s=0,
        end_s=1,
        target="answer",
        action="edit",
        name="sealed:?",
        value=json.loads(json.dumps(value)),
        reviewer="Ann",
    )
    with sealed(tmp_path) as store:
        store.save([review])
        assert store.find(Review) == [review]
