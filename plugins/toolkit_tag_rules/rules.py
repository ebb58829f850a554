"""Rules, and the file they come from."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from toolkit.errors import choices
from toolkit.records import Tag
from toolkit.tomls import Table, TomlFile
from toolkit_tag_rules.comparisons import Comparison, Of
from toolkit_tag_rules.patterns import compile_pattern
from toolkit_tag_rules.sequences import Pattern
from toolkit_tag_rules.subject import PLACES, Subject, WholeSubject

__all__ = ["Rule", "read_rules"]

TEXTS = ("any", "all", "none", "in", "when", "sequence")
KEYS = ("tag", "score", "of", *TEXTS, "within_s", "gap_s")
OF: tuple[Of, ...] = get_args(Of)


@dataclass(frozen=True)
class Rule:
    """A rule, compiled.

    It holds where at least one of ``any`` is found in its texts, each of ``all``, and nothing of
    ``none``, and every comparison of ``when`` holds. A rule that looks for words, be it for their
    absence, does not hold where there is no text. ``of`` a whole video it looks at all of its
    scenes, which may have to follow each other as ``sequence`` says.
    """

    tag: str
    score: float
    of: Of
    origin: str
    any: tuple[re.Pattern[str], ...]
    all: tuple[re.Pattern[str], ...]
    none: Mapping[str, re.Pattern[str]]
    places: tuple[str, ...]
    when: tuple[Comparison, ...]
    sequence: Pattern | None

    def apply(self, subject: Subject | WholeSubject) -> Tag | None:
        """The rule's tag, or None where the rule does not hold."""
        reasons: list[str] = []
        for comparison in self.when:
            reason = comparison.hold(subject)
            if reason is None:
                return None
            reasons.append(reason)
        if self.sequence and isinstance(subject, WholeSubject):
            reason = self.sequence.hold(subject)
            if reason is None:
                return None
            reasons.append(reason)
        if self.any or self.all or self.none:
            words = self._look(list(subject.texts(self.places)))
            if words is None:
                return None
            reasons = words + reasons
        return Tag(self.tag, score=self.score, why=f"{self.origin}: {', '.join(reasons)}")

    def _look(self, texts: Sequence[tuple[str, str]]) -> list[str] | None:
        """What was found, in words, or None where the rule's words do not hold."""
        if not texts or any(_find(pattern, texts) for pattern in self.none.values()):
            return None
        one = next(filter(None, (_find(pattern, texts) for pattern in self.any)), None)
        each = [_find(pattern, texts) for pattern in self.all]
        if (self.any and one is None) or None in each:
            return None
        absent = [f"no '{text}'" for text in self.none]
        return [*filter(None, [one, *each]), *absent]


def _find(pattern: re.Pattern[str], texts: Sequence[tuple[str, str]]) -> str | None:
    for place, text in texts:
        if match := pattern.search(text):
            return f"'{match[0]}' in {place}"
    return None


def read_rules(file: TomlFile) -> list[Rule]:
    """The rules of a file, compiled.

    Raises:
        RuleError: There is a mistake; the message names the line.
    """
    return [_rule(table) for table in file.tables("rule")]


def _rule(table: Table) -> Rule:
    values = table.values
    for key, value in values.items():
        if key not in KEYS:
            raise table.error(key, f"A rule has no '{key}'. {choices(key, KEYS)}")
        if key in TEXTS and not isinstance(value, str | list):
            raise table.error(key, f"'{key}' takes a list of texts.")
    tag, of = values.get("tag"), values.get("of", "scene")
    if not isinstance(tag, str) or not tag.strip():
        raise table.error("tag", 'The rule needs a tag, as in: tag = "night"')
    if of not in OF:
        raise table.error("of", f"A rule is of a scene or a video. {choices(str(of), OF)}")
    score = table.number("score", 1.0)
    rule = Rule(
        tag=tag.strip(),
        score=score,
        of=of,
        origin=f"rule '{tag.strip()}' ({table.file.path.name}:{table.start + 1})",
        any=tuple(_patterns(table, "any").values()),
        all=tuple(_patterns(table, "all").values()),
        none=_patterns(table, "none"),
        places=_places(table),
        when=_comparisons(table, of),
        sequence=_sequence(table, of),
    )
    if not (rule.any or rule.all or rule.none or rule.when or rule.sequence):
        known = "any, all, none or when" + (" or sequence" if of == "video" else "")
        raise table.error("tag", f"The rule '{tag}' has no condition: give {known}.")
    return rule


def _patterns(table: Table, key: str) -> dict[str, re.Pattern[str]]:
    found: dict[str, re.Pattern[str]] = {}
    for text in table.texts(key):
        try:
            found[text] = compile_pattern(text)
        except ValueError as error:
            raise table.error(key, f"In '{key}', {error}.", text) from error
    return found


def _comparisons(table: Table, of: Of) -> tuple[Comparison, ...]:
    found = []
    for text in table.texts("when"):
        try:
            found.append(Comparison.parse(text, of))
        except ValueError as error:
            raise table.error("when", f"In 'when', {error}.", text) from error
    return tuple(found)


def _places(table: Table) -> tuple[str, ...]:
    places = tuple(table.texts("in")) or PLACES[:2]
    for place in places:
        # Anything else is the text of a question, unless it looks like one of these.
        near = get_close_matches(place.lower(), PLACES, n=1, cutoff=0.7)
        if near and place != near[0]:
            raise table.error("in", f"In 'in', '{place}': did you mean '{near[0]}'?", place)
    return places


def _sequence(table: Table, of: Of) -> Pattern | None:
    keys = [key for key in ("sequence", "within_s", "gap_s") if key in table.values]
    if not keys:
        return None
    if of != "video":
        raise table.error(keys[0], f"'{keys[0]}' needs of = \"video\": a scene holds no others.")
    labels = tuple(label.strip() for label in table.texts("sequence"))
    if len(labels) < 2 or not all(labels):
        raise table.error(keys[0], "'sequence' takes two tags or more, in their order.")
    longest = [table.number(key, math.inf, most=math.inf) for key in ("within_s", "gap_s")]
    return Pattern(labels, *longest)
