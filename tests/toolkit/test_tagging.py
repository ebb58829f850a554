"""What a changed vocabulary or rule file costs, and tags of whole videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from counting import Counting

import toolkit as tk
from toolkit.errors import RuleError, VocabularyError
from toolkit.records import Answer, Ask, AskKind
from toolkit.stages.analysis import Look
from toolkit.stages.tags import Tagger
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder

LABELS = """\
[[label]]
name = "time of day"

[[label]]
name = "night"
phrasing = "at night"
parent = "time of day"
exclusive = "time"

[[label]]
name = "day"
parent = "time of day"
exclusive = "time"

[[label]]
name = "car"
synonyms = ["automobile"]
threshold = 0.8
"""
RULES = """\
[[rule]]
tag = "AUTOMOBILE"
score = 0.3
any = "scene 1"

[[rule]]
tag = "mostly night"
of = "video"
when = ["share.night > 0.5", "count.car == 1"]

[[rule]]
tag = "dusk till dawn"
of = "video"
sequence = ["night", "day"]
"""


class Scoring(Counting):
    """Night falls in the first two scenes of three; a car comes in the second."""

    kinds: frozenset[AskKind] = frozenset({"description", "labels", "tags"})
    scores: ClassVar[list[dict[str, float]]] = [
        {"at night": 0.9, "day": 0.6, "car": 0.7},
        {"at night": 0.7, "day": 0.2, "car": 0.9},
        {"at night": 0.4, "day": 0.8, "car": 0.1},
    ]

    def _answer(self, look: Look, ask: Ask, fingerprint: str) -> Answer:
        answer = super()._answer(look, ask, fingerprint)
        scores = self.scores[look.frames.scene.index]
        if ask.kind == "labels":
            asked: dict[str, Any] = {name: scores.get(name, 0.0) for name in ask.type.choices}
            return answer.model_copy(update={"value": asked})
        if ask.kind == "tags":
            return answer.model_copy(update={"text": "Automobile, puddle, a puddle"})
        return answer


class Opening(PyAVDecoder):
    """Counts how often a file is opened for its frames."""

    opened: ClassVar[list[Path]] = []

    def open(self, path: Path, *arguments: Any, **named: Any) -> Any:
        self.opened.append(path)
        return super().open(path, *arguments, **named)

    def frames_at(self, path: Path, *arguments: Any, **named: Any) -> Any:
        self.opened.append(path)
        return super().frames_at(path, *arguments, **named)


def numbers(texts: Sequence[str]) -> list[list[bool]]:
    """Scene 2 resembles a car, and no other does."""
    cars = [text == "car" or text.endswith("2") for text in texts]
    return [
        [car, not car and "scene" in text, not car and "scene" not in text]
        for text, car in zip(texts, cars, strict=True)
    ]


class Analyze:
    """Runs over the film, and what they cost."""

    def __init__(self, film: Path, folder: Path) -> None:
        self.film, self.folder = film, folder
        self.scorer = "probability"
        self.labels, self.rules = folder / "labels.toml", folder / "rules.toml"
        self.labels.write_text(LABELS, encoding="utf-8")
        self.rules.write_text(RULES, encoding="utf-8")

    def __call__(self, **analysis: Any) -> tk.RunHandle:
        Scoring.asked.clear()
        Opening.opened.clear()
        return tk.analyze(
            self.film,
            workspace=self.folder / "workspace",
            progress=False,
            decode={"plugin": "opening"},
            analysis={"plugin": "scoring", **analysis},
            tags={
                "plugin": "rules, labels",
                "vocabulary": str(self.labels),
                "rules": {"file": str(self.rules)},
                "labels": {"scorer": self.scorer},
            },
            embedding={"plugin": "numbers"},
        )

    def edit(self, file: Path, old: str, new: str) -> None:
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def analyze(film: Path, tmp_path: Path) -> Analyze:
    tk.register(tk.AnalyzerPlugin(name="scoring", factory=lambda options, context: Scoring()))
    tk.register(
        tk.DecoderPlugin(name="opening", factory=lambda options, context: Opening(PyAVOptions()))
    )
    tk.embedder(numbers)
    Scoring.asked.clear()
    Opening.opened.clear()
    return Analyze(film, tmp_path)


def labels(run: tk.RunHandle) -> list[list[str]]:
    return [sorted(tags) for tags in run.scenes["tags"]]


def whole(run: tk.RunHandle) -> dict[str, str]:
    rows = run.tags.filter(run.tags["scene_id"].is_null())
    return dict(rows.select("label", "why").iter_rows())


def test_sources_of_tags_become_one_result(analyze: Analyze) -> None:
    run = analyze()
    # In the first scene "day" is likely enough, too, but night excludes it.
    assert labels(run) == [["night"], ["car", "night"], ["day"]]
    (car,) = run.tags.filter(run.tags["label"] == "car").rows(named=True)
    assert (car["score"], car["tagger"]) == (0.9, "labels, rules")
    assert car["why"] == (
        "probability 0.900 >= 0.8; rule 'AUTOMOBILE' (rules.toml:1): "
        "'scene 1' in description, called 'AUTOMOBILE'"
    )
    assert run.row.lineage.vocabulary.find("automobile") is not None


@pytest.mark.usefixtures("in_this_process")
def test_a_changed_threshold_synonym_or_rule_runs_tagging_alone(analyze: Analyze) -> None:
    first = analyze()
    assert len(Scoring.asked) == 6
    assert Opening.opened
    for file, old, new, found in (
        (analyze.labels, "0.8", "0.65", [["car", "night"], ["car", "night"], ["day"]]),
        (analyze.labels, 'exclusive = "time"', "", [["car", "day", "night"]]),
        (analyze.labels, '["automobile"]', "[]", [["car", "day", "night"]]),
        (analyze.rules, "AUTOMOBILE", "vehicle", [["car", "day", "night"]]),
        (analyze.labels, 'parent = "time of day"', "", [["car", "day", "night"]]),
    ):
        analyze.edit(file, old, new)
        run = analyze()
        assert labels(run)[: len(found)] == found
        assert not Scoring.asked
        assert not Opening.opened
        assert run.progress.stages["analyze"].done == run.progress.stages["analyze"].total == 0
        assert run.progress.stages["tag"].done == 3
        assert run.progress.reused == 0
    assert labels(run)[1] == ["car", "night", "vehicle"]
    assert labels(first) == [["night"], ["car", "night"], ["day"]]  # a run's tags stay its own
    assert analyze().progress.reused == 3


def test_another_scorer_runs_tagging_alone(analyze: Analyze) -> None:
    analyze()
    for scorer, found in (
        ("both", [["night"], ["car", "night"], ["car", "day"]]),
        ("similarity", [[], ["car"], ["car"]]),  # the second scene's by a rule
        ("probability", [["night"], ["car", "night"], ["day"]]),
    ):
        analyze.scorer = scorer
        run = analyze()
        assert not Scoring.asked
        assert not Opening.opened
        assert run.progress.stages["analyze"].done == run.progress.stages["analyze"].total == 0
        assert run.progress.stages["tag"].done == 3
        assert (run.progress.reused == 3) is (scorer == "probability")  # the first run's tags
        assert labels(run) == found, scorer
    analyze.scorer = "both"
    again = analyze()
    assert again.progress.reused == 3  # with the tags of the run above
    car = again.tags.filter((again.tags["label"] == "car") & (again.tags["tagger"] == "labels"))
    assert car["why"].to_list() == [
        "the description is similar to 'car': 1.000 >= 0.3; probability 0.100 < 0.8"
    ]


def test_a_changed_phrasing_or_a_new_label_asks_for_the_scores_alone(analyze: Analyze) -> None:
    analyze()
    analyze.edit(analyze.labels, '"at night"', '"a dark night"')
    analyze()
    assert Scoring.asked == [(index, "labels", "") for index in range(3)]
    analyze.labels.write_text('[[label]]\nname = "sea"\n' + analyze.labels.read_text())
    analyze()
    assert Scoring.asked == [(index, "labels", "") for index in range(3)]
    blocks = analyze.labels.read_text().split("\n\n")
    analyze.labels.write_text("\n\n".join(reversed(blocks)))  # the order is no matter
    analyze()
    assert not Scoring.asked


def test_whole_videos_are_tagged_from_the_tags_of_their_scenes(analyze: Analyze) -> None:
    run = analyze()
    night = "share.night 0.666667 > 0.5 (scenes 0, 1), count.car == 1 (scene 1)"
    assert whole(run) == {
        "mostly night": f"rule 'mostly night' (rules.toml:6): {night}",
        "dusk till dawn": "rule 'dusk till dawn' (rules.toml:11): sequence 'night' (1), 'day' (2)",
    }
    # Another tagger's threshold changes what the rules see.
    analyze.edit(analyze.labels, "0.8", "0.65")
    assert list(whole(analyze())) == ["dusk till dawn"]
    # Another detector finds other scenes in the same video.
    again = tk.analyze(
        analyze.film, workspace=analyze.folder / "workspace", progress=False,
        scenes={"max_scene_s": 1.0}, analysis={"plugin": "signals"},
        tags={"plugin": "rules", "rules": {"file": str(analyze.rules)}},
    )  # fmt: skip
    assert not whole(again)
    assert len(whole(run)) == 2


def test_a_whole_video_waits_for_all_of_its_scenes(analyze: Analyze) -> None:
    @tk.tagger
    def shaky(scene: tk.Scene, analysis: tk.Analysis) -> Any:
        if scene.index == 2:
            raise ValueError("not this one")

    run = analyze()
    assert labels(run)[0] == ["night"]
    assert not whole(run)
    tk.unregister(shaky)
    assert len(whole(analyze())) == 2


def test_a_failing_tagger_of_whole_videos_is_a_failure(analyze: Analyze) -> None:
    class Shaky(Tagger):
        tags_videos = True

        def tag(self, scene: Any, analysis: Any, video: Any) -> Any:
            return ()

        def tag_video(self, video: Any, scenes: Any) -> Any:
            raise ValueError("no idea")

    tk.register(tk.TaggerPlugin(name="shaky", factory=lambda options, context: Shaky()))
    run = analyze()
    assert len(whole(run)) == 2  # those of the rules
    (failure,) = run.failures.rows(named=True)
    assert failure["stage"] == "tag"
    assert "The tagger 'shaky', on a whole video, failed: ValueError: no idea" in failure["message"]


def test_a_review_wins_over_what_excludes_it(analyze: Analyze) -> None:
    run = analyze()
    first = run.scenes["scene_id"][0]
    run.review(first, action="reject", name="night")
    assert labels(run)[0] == ["day"]  # the next likeliest of the group
    run.review(first, action="withdraw", name="night")
    run.review(first, action="add", name="day")
    assert labels(run)[0] == ["day"]


def test_proposals_count_as_labels_by_their_synonyms(analyze: Analyze) -> None:
    run = analyze(tags=True)
    assert labels(run) == [["car", "night"], ["car", "night"], ["car", "day"]]
    rows = run.tags.filter(run.tags["label"] == "car").sort("score")
    assert rows["score"].to_list() == [0.5, 0.5, 0.9]
    assert rows["why"][0] == "proposed as 'automobile'"


def test_labels_are_scored_only_where_a_tagger_reads_them(analyze: Analyze, film: Path) -> None:
    run = tk.analyze(
        film, workspace=analyze.folder / "workspace", progress=False,
        analysis={"plugin": "scoring"}, tags={"vocabulary": str(analyze.labels)},
    )  # fmt: skip
    assert {kind for _, kind, _ in Scoring.asked} == {"description"}
    assert run.scenes["tags"].list.len().sum() == 0


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [("labels", "[[label]]\nnme = 1", VocabularyError), ("rules", "[[rule]]\n", RuleError)],
)
def test_a_bad_file_stops_the_run_before_it_begins(
    analyze: Analyze, file: str, text: str, kind: type[Exception]
) -> None:
    getattr(analyze, file).write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=rf"{file}.toml:\d: "):
        analyze()
    assert not Opening.opened
    runs = tk.runs(workspace=analyze.folder / "workspace")
    assert runs.is_empty()
