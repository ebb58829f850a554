"""Labels by their probabilities and by what analyzers propose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import toolkit_tag_labels
from toolkit.hooks.specs import Context, TaggerPlugin
from toolkit.records import Analysis, Answer, Ask, Label, Tag, Vocabulary
from toolkit.stages.embedding import Embeddings, FunctionEmbedder
from toolkit.stages.tags import Tagger, apart, named
from toolkit.testing.taggers import BARE_VIDEO, SCENE, TaggerSuite, sample_analysis
from toolkit_tag_labels import LabelsOptions, make

DAY = Label(name="day", phrasing="by day", exclusive="time")
NIGHT = Label(name="night", phrasing="at night", exclusive="time", synonyms=("dark",))
CAR = Label(name="car", phrasing="a car", synonyms=("automobile",), threshold=0.8)
SURE = Label(name="sure", phrasing="sure", calibration=(2.0, 0.0), threshold=0.9)
WORDS = Vocabulary(labels=(DAY, NIGHT, CAR, SURE))


class TestLabels(TaggerSuite):
    @pytest.fixture
    def plugin(self) -> TaggerPlugin:
        return next(iter(toolkit_tag_labels.toolkit_taggers()))

    @pytest.fixture
    def context(self, tmp_path: Path) -> Context:
        return Context(tmp_path, tmp_path, vocabulary=WORDS)

    @pytest.fixture
    def telling(self) -> Analysis:
        return sample_analysis(labels={"a car": 0.9})


class TestBothScorers(TestLabels):
    @pytest.fixture
    def options(self) -> LabelsOptions:
        return LabelsOptions(scorer="both")

    @pytest.fixture
    def context(self, tmp_path: Path) -> Context:
        return Context(tmp_path, tmp_path, vocabulary=WORDS, embeddings=vectors)


def letters(texts: Sequence[str]) -> list[list[float]]:
    """How often there is each letter, less what is usual."""
    return [[text.casefold().count(chr(97 + i)) for i in range(26)] for text in texts]


def vectors() -> Embeddings:
    return Embeddings(FunctionEmbedder(letters), "letters")


def tagger(words: Vocabulary = WORDS, options: LabelsOptions | None = None) -> Tagger:
    context = Context(Path(), Path(), vocabulary=words, embeddings=vectors)
    return make(options or LabelsOptions(), context)


def tags(analysis: Analysis, **how: object) -> dict[str, Tag]:
    found = tagger(**how).tag(SCENE, analysis, BARE_VIDEO)  # type: ignore[arg-type]
    return {tag.label: tag for tag in found}


def proposing(text: str, **labels: float) -> Analysis:
    said = Answer.of(SCENE, "a", "a", Ask(kind="tags"), text=text)
    scored = Answer.of(SCENE, "a", "a", Ask(kind="labels"), value=dict(labels))
    return Analysis.of(SCENE.id, (said, scored))


def test_a_label_holds_from_its_threshold_on_and_says_why() -> None:
    found = tags(sample_analysis(labels={"a car": 0.8, "by day": 0.49, "sure": 0.75, "sea": 0.9}))
    assert list(found) == ["car", "sure"]
    assert found["car"].why == "'a car' has probability 0.800 >= 0.8"
    assert found["sure"].score == pytest.approx(0.9)  # 3 to 1, squared
    assert found["sure"].why == "probability 0.900 (uncalibrated 0.750) >= 0.9"


def test_without_a_vocabulary_labels_have_one_threshold() -> None:
    analysis = sample_analysis(labels={"car": 0.6, "night": 0.4})
    assert list(tags(analysis, words=Vocabulary())) == ["car"]
    low = LabelsOptions(threshold=0.3)
    assert list(tags(analysis, words=Vocabulary(), options=low)) == ["car", "night"]


def test_a_label_holds_by_the_scorers_that_are_chosen() -> None:
    near = Label(name="car", phrasing="a car", threshold=0.8, similarity_threshold=0.9)
    far = Label(name="sea", phrasing="waves", threshold=0.8, similarity_threshold=0.9)
    moved = Label(name="moved", phrasing="a car", similarity_calibration=(1.0, -20.0))
    words = Vocabulary(labels=(near, far))
    analysis = sample_analysis("A car. A dog.", labels={"a car": 0.1, "waves": 0.9})

    def given(scorer: str, words: Vocabulary = words) -> dict[str, Tag]:
        options = LabelsOptions.model_validate({"scorer": scorer})
        return tags(analysis, words=words, options=options)

    assert list(given("probability")) == ["sea"]
    similar = given("similarity")
    assert list(similar) == ["car"]
    assert similar["car"].why == "the description is similar to 'a car': 1.000 >= 0.9"
    both = given("both")
    assert both["car"].score == pytest.approx(1)
    assert both["car"].why == (
        "the description is similar to 'a car': 1.000 >= 0.9; 'a car' has probability 0.100 < 0.8"
    )
    assert both["sea"].score == 0.9
    assert both["sea"].why.startswith("'waves' has probability 0.900 >= 0.8; the description is")
    assert both["sea"].why.endswith("< 0.9")
    assert given("similarity", Vocabulary(labels=(moved,))) == {}


def test_without_a_vocabulary_similarities_have_one_threshold() -> None:
    analysis = sample_analysis("A car", labels={"a car": 0.1, "xyz": 0.9})
    options = LabelsOptions(scorer="similarity", similarity_threshold=0.8)
    assert list(tags(analysis, words=Vocabulary(), options=options)) == ["a car"]


def test_proposals_become_labels_by_their_synonyms() -> None:
    analysis = proposing("Automobile, DARK,\n- a tree; 'Red'.\n1. car", **{"a car": 0.9})
    assert analysis.proposed == ("automobile", "dark", "a tree", "red", "car")
    found = tags(analysis)
    assert list(found) == ["car", "night"]
    assert found["car"].score == 0.9
    assert found["car"].why == (
        "'a car' has probability 0.900 >= 0.8; proposed as 'automobile'; proposed as 'car'"
    )
    assert (found["night"].score, found["night"].why) == (0.5, "proposed as 'dark'")


def test_a_sentence_is_no_tag() -> None:
    text = "Sure! Here are some tags for this scene:\n1. beach\n2) sunset glow\n* beach"
    assert proposing(text).proposed == ("beach", "sunset glow")


def test_tags_of_several_taggers_are_one_with_all_reasons() -> None:
    given = [
        Tag("automobile", score=0.7, why="a rule", tagger="rules"),
        Tag("car", score=0.9, why="a score", tagger="labels"),
        Tag("tree", score=0.2, why="a guess", tagger="guess"),
        Tag("car", score=0.1, why="a guess", tagger="guess"),
    ]
    car, tree = named(given, WORDS)
    assert (car.label, car.score, car.tagger) == ("car", 0.9, "labels, rules, guess")
    assert car.why == "a score; a rule, called 'automobile'; a guess"
    assert tree.label == "tree"


def test_of_labels_that_exclude_each_other_the_likeliest_stays() -> None:
    both = named([Tag("night", score=0.6), Tag("day", score=0.8), Tag("car", score=0.1)], WORDS)
    assert [tag.label for tag in apart(both, WORDS)] == ["day", "car"]
    assert [tag.label for tag in apart(both, WORDS, sure={"night"})] == ["night", "car"]
