"""Rules of whole videos: what they see of the scenes, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from toolkit.errors import RuleError
from toolkit.hooks.specs import Context
from toolkit.records import Analysis, Answer, Ask, Scene, Tag, Video
from toolkit.stages.tags import TaggedScene
from toolkit.testing.taggers import BARE_VIDEO
from toolkit_tag_rules import RulesOptions, make
from toolkit_tag_rules.tagger import RulesTagger

VIDEO = BARE_VIDEO.model_copy(
    update={
        "duration_s": 60.0,
        "height": 1080,
        "info": {"uploader": "Zoe", "categories": ["News", "Travel"]},
        "tags": {"title": "A trip"},
    }
)
FILM = ("intro", "talk night", "", "talk", "night", "credits")
"""The tags of six scenes of ten seconds each."""


def tagger_of(folder: Path, text: str) -> RulesTagger:
    (folder / "rules.toml").write_text(text, encoding="utf-8")
    return make(RulesOptions(file="rules.toml"), Context(folder, folder))


def scenes_of(film: Sequence[str]) -> list[TaggedScene]:
    scenes = []
    for index, labels in enumerate(film):
        scene = Scene.of("v", "d", index, start_s=10.0 * index, end_s=10.0 * index + 10)
        said = Answer.of(scene, "a", "a", Ask(kind="description"), text=f"Scene number {index}.")
        analysis = Analysis.of(scene.id, (said,))
        scenes.append(TaggedScene(scene, analysis, [Tag(label) for label in labels.split()]))
    return scenes


def why(folder: Path, condition: str, film: Sequence[str] = FILM, video: Video = VIDEO) -> str:
    """The reason for the tag, "" where the rule does not hold."""
    text = f'[[rule]]\ntag = "x"\nof = "video"\n{condition}'
    tags = list(tagger_of(folder, text).tag_video(video, scenes_of(film)))
    return tags[0].why.removeprefix("rule 'x' (rules.toml:1): ") if tags else ""


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("count.talk >= 2", "count.talk 2 >= 2 (scenes 1, 3)"),
        ("count.TALK > 2", ""),
        ("count.opera == 0", "count.opera == 0"),
        ("share.night > 0.3", "share.night 0.333333 > 0.3 (scenes 1, 4)"),
        ("share.night >= 0.4", ""),
        ("seconds.intro <= 10", "seconds.intro 10 <= 10 (scene 0)"),
        ("scenes.count > 5", "scenes.count 6 > 5"),
        ("scenes.mean_s < 20", "scenes.mean_s 10 < 20"),
        ("video.height >= 1080", "video.height 1080 >= 1080"),
        ("info.uploader == 'zoe'", "info.uploader == 'zoe'"),
        ("info.categories == 'travel'", "info.categories == 'travel'"),
        ("info.title != 'x'", "info.title 'A trip' != 'x'"),
        ("info.licence != 'x'", ""),
    ],
)
def test_sums_over_scenes_and_metadata(tmp_path: Path, condition: str, said: str) -> None:
    assert why(tmp_path, f'when = "{condition}"') == said


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('sequence = ["intro", "talk", "credits"]', "'intro' (0), 'talk' (3), 'credits' (5)"),
        ('sequence = ["credits", "intro"]', ""),
        ('sequence = ["talk", "talk"]', "'talk' (1), 'talk' (3)"),
        ('sequence = ["talk", "talk", "talk"]', ""),
        ('sequence = ["talk", "night"]\nwithin_s = 20', "'talk' (3), 'night' (4)"),
        ('sequence = ["intro", "night"]\nwithin_s = 19', ""),
        ('sequence = ["intro", "talk", "night"]\ngap_s = 0', ""),
        ('sequence = ["intro", "talk", "night"]\ngap_s = 20',
            "'intro' (0), 'talk' (3), 'night' (4)"),
        ('sequence = ["talk", "night", "credits"]\ngap_s = 0',
            "'talk' (3), 'night' (4), 'credits' (5)"),
    ],
)  # fmt: skip
def test_sequences(tmp_path: Path, condition: str, said: str) -> None:
    assert why(tmp_path, condition) == (said and f"sequence {said}")


def test_words_of_all_scenes_and_of_the_site(tmp_path: Path) -> None:
    assert why(tmp_path, 'any = "number 3"') == "'number 3' in description of scene 3"
    assert why(tmp_path, 'any = "trip"') == ""
    assert why(tmp_path, 'any = "trip"\nin = "info"') == "'trip' in info.title"
    assert why(tmp_path, 'none = "number 9"\nwhen = "count.talk > 1"').startswith("no 'number 9'")


def test_a_video_without_scenes_has_no_sums(tmp_path: Path) -> None:
    assert not why(tmp_path, 'when = "share.night < 1"', film=())
    assert not why(tmp_path, 'when = "scenes.mean_s < 1"', film=())


def test_each_kind_of_rule_keeps_to_its_own(tmp_path: Path) -> None:
    text = '[[rule]]\ntag = "s"\nany = "number 0"\n[[rule]]\ntag = "v"\nof = "video"\nany = "scene"'
    tagger = tagger_of(tmp_path, text)
    assert tagger.tags_videos
    [first, *_] = scenes = scenes_of(FILM)
    assert [tag.label for tag in tagger.tag(first.scene, first.analysis, VIDEO)] == ["s"]
    assert [tag.label for tag in tagger.tag_video(VIDEO, scenes)] == ["v"]
    assert not tagger_of(tmp_path, text.partition('\n[[rule]]\ntag = "v"')[0]).tags_videos


@pytest.mark.parametrize(
    ("condition", "line", "said"),
    [
        ('of = "film"\nany = "x"', 3, "Known: scene, video"),
        ('sequence = ["a", "b"]', 3, "'sequence' needs of = \"video\""),
        ('of = "video"\nsequence = ["a"]', 4, "two tags or more"),
        ('of = "video"\nwithin_s = 3', 4, "two tags or more"),
        ('of = "video"\nsequence = ["a", "b"]\ngap_s = -1', 5, "'gap_s' takes a number from 0"),
        ('when = [\n  "scene.index == 1",\n  "share.car > 0.5",\n]', 5, 'needs of = "video"'),
        ('of = "video"\nwhen = "signals.motion > 1"', 4, 'the rule needs no of = "video"'),
        ('of = "video"\nwhen = "shares.car > 1"', 4, "Did you mean 'share'?"),
        ('of = "video"\nwhen = "share > 0.5"', 4, "'share' needs a name"),
        ('of = "video"\nwhen = "count.car == \'two\'"', 4, "count.car is a number"),
        ('of = "video"\nwhen = "scenes.number > 3"', 4, "no field 'scenes.number'"),
        ('of = "video"', 2, "give any, all, none or when or sequence"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_file_and_line(
    tmp_path: Path, condition: str, line: int, said: str
) -> None:
    with pytest.raises(RuleError) as caught:
        tagger_of(tmp_path, f'[[rule]]\ntag = "x"\n{condition}')
    assert f"rules.toml:{line}: " in str(caught.value)
    assert said in str(caught.value)
