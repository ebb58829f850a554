"""The tagger: every rule tried on every scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import JsonValue

from toolkit.errors import RuleError
from toolkit.hooks.specs import Context
from toolkit.records import Analysis, Scene, Tag, Video, digest
from toolkit.stages.tags import TaggedScene, Tagger
from toolkit.tomls import TomlFile
from toolkit_tag_rules import RulesOptions
from toolkit_tag_rules.rules import Rule, read_rules
from toolkit_tag_rules.subject import Subject, WholeSubject

__all__ = ["RulesTagger"]

DEFAULT = Path(__file__).with_name("default.toml")
"""The rules that come with the toolkit."""


class RulesTagger(Tagger):
    """Tags scenes and videos by a rule file, which is read once; thread-safe, for nothing changes.

    Raises:
        RuleError: The rule file has a mistake.
    """

    def __init__(self, options: RulesOptions, context: Context) -> None:
        path = context.base / Path(options.file).expanduser() if options.file else DEFAULT
        file = TomlFile(path, "rule file", RuleError)
        rules = read_rules(file)
        self._of_scenes = [rule for rule in rules if rule.of == "scene"]
        self._of_videos = [rule for rule in rules if rule.of == "video"]
        self.tags_videos = bool(self._of_videos)
        # The file's name is part of every tag's why.
        self._identity = digest(path.name, file.text)

    def identity(self) -> dict[str, JsonValue]:
        return {"rules": self._identity}

    def tag(self, scene: Scene, analysis: Analysis, video: Video) -> Iterable[Tag]:
        """One tag a label: of several rules with one label that hold, the best scored."""
        return _best(self._of_scenes, Subject(scene, analysis, video))

    def tag_video(self, video: Video, scenes: Sequence[TaggedScene]) -> Iterable[Tag]:
        """The same of the rules of whole videos."""
        return _best(self._of_videos, WholeSubject(video, scenes))


def _best(rules: Sequence[Rule], subject: Subject | WholeSubject) -> list[Tag]:
    best: dict[str, Tag] = {}
    for rule in rules:
        tag = rule.apply(subject)
        if tag and (tag.label not in best or tag.score > best[tag.label].score):
            best[tag.label] = tag
    return list(best.values())
