"""The tagger: every rule tried on every scene."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import JsonValue

from toolkit.hooks.specs import Context
from toolkit.records import Analysis, Scene, Tag, Video, digest
from toolkit.stages.tags import Tagger
from toolkit_tag_rules import RulesOptions
from toolkit_tag_rules.rules import RuleFile
from toolkit_tag_rules.subject import Subject

__all__ = ["RulesTagger"]

DEFAULT = Path(__file__).with_name("default.toml")
"""The rules that come with the toolkit."""


class RulesTagger(Tagger):
    """Tags scenes by a rule file, which is read once. Nothing changes afterwards: thread-safe.

    Raises:
        RuleError: The rule file has a mistake.
    """

    def __init__(self, options: RulesOptions, context: Context) -> None:
        path = context.base / Path(options.file).expanduser() if options.file else DEFAULT
        file = RuleFile(path)
        self.rules = file.rules()
        # The file's name is part of every tag's why.
        self._identity = digest(path.name, file.text)

    def identity(self) -> dict[str, JsonValue]:
        return {"rules": self._identity}

    def tag(self, scene: Scene, analysis: Analysis, video: Video) -> Iterable[Tag]:
        """One tag a label: of several rules with one label that hold, the best scored."""
        subject = Subject(scene, analysis, video)
        best: dict[str, Tag] = {}
        for rule in self.rules:
            tag = rule.apply(subject)
            if tag and (tag.label not in best or tag.score > best[tag.label].score):
                best[tag.label] = tag
        return list(best.values())
