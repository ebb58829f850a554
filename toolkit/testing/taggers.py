"""What every tagger must do, as tests.

Subclass it in a test file, and say which plugin to test and what it should find something in:

    class TestMine(TaggerSuite):
        @pytest.fixture
        def plugin(self):
            return next(iter(my_package.toolkit_taggers()))

        @pytest.fixture
        def telling(self):
            return sample_analysis(description="Players kick a ball.")

A plain function is tested in the same way: override the fixture ``tagger`` and return
``FunctionTagger(my_function)``.

Needs pytest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import JsonValue

from toolkit.hooks.specs import Context, TaggerPlugin
from toolkit.records import Analysis, Answer, Ask, AskKind, Sentiment, Tag, Video
from toolkit.stages.component import Options
from toolkit.stages.tags import Tagger
from toolkit.testing.plugins import PluginSuite
from toolkit.testing.samples import TEXT, full_records, scene

__all__ = ["TaggerSuite", "sample_analysis"]

SCENE = scene()
FULL_VIDEO = Video.model_validate(full_records()[Video].model_dump())
BARE_VIDEO = Video(
    id="video-1",
    path="",
    size_bytes=0,
    container="",
    duration_s=None,
    width=0,
    height=0,
    codec="",
)
EMPTY = Analysis(scene_id=SCENE.id)
ODD = Analysis(
    scene_id=SCENE.id,
    description=TEXT + "\x00" + "many words " * 10_000,
    questions={"": "", TEXT: TEXT},
    sentiment=Sentiment(label="neutral", confidence=None),
    signals={
        "": None,
        "brightness": None,
        "motion": "much",
        TEXT: [1, {"a": None}],
        "black": 1e300,
    },
    labels={"": 0.0, TEXT: 1.0},
)


def sample_analysis(
    description: str = "A man walks a dog through a dark street at night.",
    *,
    questions: Mapping[str, JsonValue] | None = None,
    sentiment: Sentiment | None = None,
    signals: dict[str, float | str | bool | None] | None = None,
    labels: dict[str, float] | None = None,
) -> Analysis:
    """An analysis of a sample scene, put together from answers as the pipeline does it.

    ``questions`` have texts as their answers, or values of their types.
    """

    def answer(kind: AskKind, name: str = "", **data: Any) -> Answer:
        return Answer.of(SCENE, "analyzer-1", "sample", Ask(kind=kind, name=name), **data)

    answers = [
        answer("description", text=description),
        *(answer("question", name, **_told(value)) for name, value in (questions or {}).items()),
        answer("signals", value=signals or {}),
        answer("labels", value=labels or {}),
    ]
    if sentiment is not None:
        answers.append(answer("sentiment", value=sentiment.label, confidence=sentiment.confidence))
    return Analysis.of(SCENE.id, tuple(answers))


def _told(value: JsonValue) -> dict[str, Any]:
    return {"text": value} if isinstance(value, str) else {"text": str(value), "value": value}


class TaggerSuite(PluginSuite):
    """Tests of the contract in :mod:`toolkit.stages.tags`, for one tagger."""

    made = "tagger"

    @pytest.fixture
    def tagger(self, plugin: TaggerPlugin, options: Options, context: Context) -> Iterator[Tagger]:
        """What the plugin makes."""
        with self.make(plugin, options, context) as tagger:
            yield tagger

    @pytest.fixture
    def telling(self) -> Analysis:
        """An analysis that the tagger finds a tag for."""
        return sample_analysis()

    @staticmethod
    def make(plugin: TaggerPlugin, options: Options, context: Context) -> Tagger:
        """What the plugin's factory makes."""
        tagger = plugin.factory(options, context)
        assert isinstance(tagger, Tagger)
        return tagger

    def test_finds_tags_that_say_why(self, tagger: Tagger, telling: Analysis) -> None:
        tags = _tags(tagger, telling)
        assert tags, "give an analysis that it finds a tag for as the fixture 'telling'"
        for tag in tags:
            assert tag.label.strip()
            assert 0 <= tag.score <= 1
            assert tag.why

    def test_gives_a_label_once(self, tagger: Tagger, telling: Analysis) -> None:
        labels = [tag.label for tag in _tags(tagger, telling)]
        assert len(labels) == len(set(labels))

    def test_leaves_to_the_pipeline_what_is_its_own(
        self, tagger: Tagger, telling: Analysis
    ) -> None:
        for tag in _tags(tagger, telling):
            placed = tag.placed(SCENE, "mine", "generation-1")
            assert (placed.label, placed.score, placed.why) == (tag.label, tag.score, tag.why)
            assert not tag.generation

    @pytest.mark.parametrize("video", [BARE_VIDEO, FULL_VIDEO], ids=["bare", "full"])
    @pytest.mark.parametrize("analysis", [EMPTY, ODD], ids=["empty", "odd"])
    def test_whatever_the_analyzers_said_it_does_not_fail(
        self, tagger: Tagger, analysis: Analysis, video: Video
    ) -> None:
        list(tagger.tag(SCENE, analysis, video))

    def test_says_the_same_every_time_and_from_many_threads(
        self, tagger: Tagger, telling: Analysis
    ) -> None:
        analyses = [telling, EMPTY, ODD] * 16
        alone = [_tags(tagger, analysis) for analysis in analyses]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda analysis: _tags(tagger, analysis), analyses))
        assert together == alone


def _tags(tagger: Tagger, analysis: Analysis) -> list[Tag]:
    tags = list(tagger.tag(SCENE, analysis, FULL_VIDEO))
    assert all(isinstance(tag, Tag) for tag in tags)
    return tags
