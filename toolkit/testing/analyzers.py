"""What every analyzer must do, as tests.

Subclass it in a test file and say which plugin to test:

    class TestMine(AnalyzerSuite):
        @pytest.fixture
        def plugin(self):
            return next(iter(my_package.toolkit_analyzers()))

        @pytest.fixture
        def options(self):
            return MyOptions(model="a small one")

Where loading takes long, override the fixture ``analyzer`` with one that is made once.

Needs pytest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from pydantic import JsonValue

from toolkit.errors import AnalysisError, CancelledError, ToolkitError
from toolkit.hooks.specs import AnalyzerPlugin, Context
from toolkit.records import Answer, AnswerType, Ask, Frames, Question, Scene
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel, Options
from toolkit.testing.plugins import PluginSuite

__all__ = ["AnalyzerSuite", "sample_frames"]

FINGERPRINT = "fingerprint-of-the-analyzer"
QUESTIONS = ("How many people are there?", "Is it day or night?")
LABELS = ("person", "red", "a street at night")
TYPED = (
    Question("Is it raining?", type="yes/no"),
    Question("How many squares are there?", type="number"),
    Question("What is the weather?", choices=["sun", "rain", "heavy snow"]),
    Question("Which of these are visible?", choices=["car", "square", "dog"], many=True),
    Question("What does the sign say?", max_chars=20),
    Question("Describe it.", type={"type": "object", "properties": {"colour": {"type": "string"}}}),
)


def sample_frames(index: int = 0, *, count: int = 4, height: int = 120, width: int = 160) -> Frames:
    """Frames of a scene in which a bright square crosses a plain ground, the same on every call.

    ``index`` is the scene's, and chooses colours and direction.
    """
    import numpy as np

    rgb = np.empty((count, height, width, 3), np.uint8)
    rgb[:] = [(40 + 50 * index) % 200, 90, (160 + 30 * index) % 200]
    side = min(height, width) // 4
    for number, frame in enumerate(rgb):
        left = (width - side) * number // max(1, count - 1)
        left = width - side - left if index % 2 else left
        frame[side : 2 * side, left : left + side] = (235, 220 - 40 * (index % 3), 40)
    start_s = 3.0 * index
    scene = Scene.of("video", "detector", index, start_s=start_s, end_s=start_s + 3.0)
    return Frames(scene, "sampler", start_s + 0.2 + 2.4 * np.arange(count) / max(1, count), rgb)


class AnalyzerSuite(PluginSuite):
    """Tests of the contract in :mod:`toolkit.stages.analysis`, for one plugin."""

    made = "analyzer"

    @pytest.fixture
    def analyzer(
        self, plugin: AnalyzerPlugin, options: Options, context: Context
    ) -> Iterator[Analyzer]:
        """The analyzer under test."""
        with self.make(plugin, options, context) as analyzer:
            yield analyzer

    @pytest.fixture
    def asks(self, analyzer: Analyzer) -> Sequence[Ask]:
        """Everything that it can be asked."""
        return analyzer.asks(_wanted(analyzer))

    @staticmethod
    def make(plugin: AnalyzerPlugin, options: Options, context: Context) -> Analyzer:
        """What the plugin's factory makes."""
        analyzer = plugin.factory(options, context)
        assert isinstance(analyzer, Analyzer)
        return analyzer

    @staticmethod
    def analyze(analyzer: Analyzer, *looks: Look) -> list[Sequence[Reply]]:
        """Every reply to the looks."""
        return list(analyzer.analyze(looks, FINGERPRINT, Cancel()))

    def test_says_what_it_can_be_asked(self, analyzer: Analyzer) -> None:
        assert analyzer.kinds
        assert analyzer.batch_size >= 1

    def test_asks_are_distinct_and_the_same_every_time(
        self, analyzer: Analyzer, asks: Sequence[Ask]
    ) -> None:
        assert len({ask.key for ask in asks}) == len(asks)
        assert list(analyzer.asks(_wanted(analyzer))) == list(asks)
        assert {ask.kind for ask in asks} == set(analyzer.kinds)
        if "question" in analyzer.kinds:
            assert [ask.name for ask in asks if ask.kind == "question"] == list(QUESTIONS)

    def test_every_ask_is_answered_once_with_its_evidence(
        self, plugin: AnalyzerPlugin, analyzer: Analyzer, asks: Sequence[Ask]
    ) -> None:
        frames = sample_frames()
        [replies] = self.analyze(analyzer, Look(frames, asks))
        answers = _answers(replies)
        assert sorted(answer.ask for answer in answers) == sorted(ask.key for ask in asks)
        for answer in answers:
            assert answer.scene_id == frames.scene.id
            assert answer.video_id == frames.scene.video_id
            assert (answer.analyzer, answer.plugin) == (FINGERPRINT, plugin.name)
            assert answer.text or answer.value is not None
            assert answer.confidence is None or 0 <= answer.confidence <= 1
            assert answer.evidence.frame_times_s == tuple(frames.pts_s.tolist())
            assert answer.evidence.seconds >= 0

    def test_typed_questions_are_answered_in_their_types(self, analyzer: Analyzer) -> None:
        if "question" not in analyzer.kinds:
            pytest.skip("it is not asked questions")
        asks = analyzer.asks(Ask(kind="question", name=q.text, type=q.type) for q in TYPED)
        [replies] = self.analyze(analyzer, Look(sample_frames(), asks))
        for ask, answer in zip(asks, _answers(replies), strict=True):
            if answer.abstained:
                assert (answer.text, answer.value) == ("not visible", None)
            else:
                assert answer.value == ask.type.parse(answer.text)
            assert answer.evidence.finish_reason

    def test_labels_get_probabilities(self, analyzer: Analyzer) -> None:
        if "labels" not in analyzer.kinds:
            pytest.skip("it does not score labels")
        asks = analyzer.asks(ask for ask in _wanted(analyzer) if ask.kind == "labels")
        [[answer]] = [
            _answers(each) for each in self.analyze(analyzer, Look(sample_frames(), asks))
        ]
        assert isinstance(answer.value, dict)
        assert list(answer.value) == list(LABELS)
        assert all(isinstance(p, float) and 0 <= p <= 1 for p in answer.value.values())

    def test_sentiment_is_one_of_three_with_a_probability(self, analyzer: Analyzer) -> None:
        if "sentiment" not in analyzer.kinds:
            pytest.skip("it is not asked for sentiment")
        asks = analyzer.asks([Ask(kind="sentiment")])
        for replies in self.analyze(analyzer, *(Look(sample_frames(i), asks) for i in range(3))):
            [answer] = _answers(replies)
            assert answer.value in {"positive", "neutral", "negative"}
            assert answer.text == answer.value
            assert answer.confidence is not None

    def test_asked_together_or_one_by_one_it_answers_the_same(
        self, analyzer: Analyzer, asks: Sequence[Ask]
    ) -> None:
        frames = sample_frames(1)
        [together] = self.analyze(analyzer, Look(frames, asks))
        alone = [self.analyze(analyzer, Look(frames, [ask]))[0] for ask in asks]
        assert _said(together) == _said([reply for replies in alone for reply in replies])

    def test_scenes_of_any_size_share_a_batch_and_keep_their_order(
        self, analyzer: Analyzer, asks: Sequence[Ask]
    ) -> None:
        looks = [
            Look(sample_frames(0), asks),
            Look(sample_frames(1, count=1, height=96, width=240), asks[:1]),
            Look(sample_frames(2, count=3, height=240, width=96), []),
            Look(sample_frames(3, count=7), asks[::-1]),
        ]
        together = self.analyze(analyzer, *looks)
        alone = [self.analyze(analyzer, look)[0] for look in looks]
        assert [_said(replies) for replies in together] == [_said(replies) for replies in alone]
        for look, replies in zip(looks, together, strict=True):
            assert {answer.scene_id for answer in _answers(replies)} <= {look.frames.scene.id}
        assert not together[2]

    def test_a_scene_without_frames_fails_alone(
        self, analyzer: Analyzer, asks: Sequence[Ask]
    ) -> None:
        empty = sample_frames(1, count=0)
        first, failed, last = self.analyze(
            analyzer,
            Look(sample_frames(0), asks),
            Look(empty, asks),
            Look(sample_frames(2), asks),
        )
        assert len(_answers(first)) == len(_answers(last)) == len(asks)
        assert sorted(ask.key for ask, _ in _errors(failed)) == sorted(ask.key for ask in asks)
        assert all(isinstance(error, AnalysisError) for _, error in _errors(failed))

    def test_no_scenes_no_replies(self, analyzer: Analyzer) -> None:
        assert self.analyze(analyzer) == []

    def test_frames_are_left_as_they_were(self, analyzer: Analyzer, asks: Sequence[Ask]) -> None:
        frames, untouched = sample_frames(), sample_frames()
        frames.rgb.flags.writeable = False
        frames.pts_s.flags.writeable = False
        self.analyze(analyzer, Look(frames, asks))
        assert (frames.rgb == untouched.rgb).all()

    def test_a_cancelled_run_gets_no_answers(self, analyzer: Analyzer, asks: Sequence[Ask]) -> None:
        cancel = Cancel()
        cancel.set()
        with pytest.raises(CancelledError):
            list(analyzer.analyze([Look(sample_frames(), asks)], FINGERPRINT, cancel))


def _wanted(analyzer: Analyzer) -> list[Ask]:
    asks = [Ask(kind=kind) for kind in sorted(analyzer.kinds - {"question", "labels"})]
    if "question" in analyzer.kinds:
        asks += [Ask(kind="question", name=question) for question in QUESTIONS]
    if "labels" in analyzer.kinds:
        asks.append(Ask(kind="labels", type=AnswerType(kind="many_of", choices=LABELS)))
    return asks


def _answers(replies: Sequence[Reply]) -> list[Answer]:
    for ask, error in _errors(replies):
        raise AssertionError(f"{ask.kind} {ask.name!r} was not answered") from error
    return [reply for reply in replies if isinstance(reply, Answer)]


def _errors(replies: Sequence[Reply]) -> list[tuple[Ask, ToolkitError]]:
    return [reply for reply in replies if not isinstance(reply, Answer)]


def _said(replies: Sequence[Reply]) -> dict[str, tuple[object, ...]]:
    """What was said to each ask, with as many digits as do not depend on the company in a batch."""
    return {
        answer.ask: (
            answer.text,
            _rounded(answer.value) if answer.kind == "labels" else answer.value,
            answer.confidence and pytest.approx(answer.confidence, abs=1e-3),
        )
        for answer in _answers(replies)
    }


def _rounded(value: JsonValue) -> object:
    assert isinstance(value, dict)
    return {label: pytest.approx(score, abs=1e-3) for label, score in value.items()}
