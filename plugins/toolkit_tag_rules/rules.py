"""Rules, and the file they come from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

from toolkit.errors import RuleError, choices
from toolkit.records import Tag
from toolkit_tag_rules.comparisons import Comparison
from toolkit_tag_rules.patterns import compile_pattern
from toolkit_tag_rules.subject import ANSWERS, DESCRIPTION, Subject

__all__ = ["Rule", "RuleFile"]

KEYS = ("tag", "score", "any", "all", "none", "in", "when")
HEADER = re.compile(r"\s*\[\[\s*[\"']?rule[\"']?\s*\]\]\s*(#.*)?")


@dataclass(frozen=True)
class Rule:
    """A rule, compiled.

    It holds where at least one of ``any`` is found in its texts, each of ``all``, and nothing of
    ``none``, and every comparison of ``when`` holds. A rule that looks for words, be it for their
    absence, does not hold where there is no text.
    """

    tag: str
    score: float
    origin: str
    any: tuple[re.Pattern[str], ...]
    all: tuple[re.Pattern[str], ...]
    none: Mapping[str, re.Pattern[str]]
    places: tuple[str, ...]
    when: tuple[Comparison, ...]

    def apply(self, subject: Subject) -> Tag | None:
        """The rule's tag, or None where the rule does not hold."""
        reasons: list[str] = []
        for comparison in self.when:
            reason = comparison.hold(subject)
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


class RuleFile:
    """A rule file. Its lines are kept so that a mistake can be shown in its place.

    Raises:
        RuleError: The file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise RuleError(
                f"The rule file '{path}' cannot be read: {reason}.",
                hint="Relative paths start at the config file's folder.",
                path=str(path),
            ) from error
        self.lines = self.text.splitlines()

    def error(self, line: int, message: str) -> RuleError:
        """The error of this line, counted from 1."""
        return RuleError(f"{self.path}:{line}: {message}", path=str(self.path), line=line)

    def rules(self) -> list[Rule]:
        """The rules, compiled.

        Raises:
            RuleError: There is a mistake; the message names the line.
        """
        try:
            data = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            # The parser gives the place in its message alone, and none at the end of the file.
            place = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(place[1]) if place else len(self.lines)
            reason = re.sub(r" \(at .*\)$", "", str(error))
            raise self.error(line, f"This is not TOML: {reason}.") from error
        for key in data:
            if key != "rule":
                hint = "A rule file holds [[rule]] sections and nothing else."
                raise self.error(self._line(key, 0, len(self.lines)), f"Unknown '{key}'. {hint}")
        tables = data.get("rule", [])
        starts = [i for i, line in enumerate(self.lines) if HEADER.fullmatch(line)]
        if not isinstance(tables, list) or len(starts) != len(tables):
            raise self.error(1, "Begin each rule with a line [[rule]].")
        bounds = pairwise([*starts, len(self.lines)])
        return [self._rule(table, *lines) for table, lines in zip(tables, bounds, strict=True)]

    def _rule(self, table: dict[str, Any], start: int, end: int) -> Rule:
        def wrong(key: str, message: str, value: str = "") -> RuleError:
            return self.error(self._line(key, start, end, value), message)

        def texts(key: str) -> Iterator[str]:
            given = table.get(key, [])
            for text in [given] if isinstance(given, str) else given:
                if not isinstance(text, str):
                    raise wrong(key, f"'{key}' takes texts in quotes, not {text!r}.")
                yield text

        def patterns(key: str) -> dict[str, re.Pattern[str]]:
            found: dict[str, re.Pattern[str]] = {}
            for text in texts(key):
                try:
                    found[text] = compile_pattern(text)
                except ValueError as error:
                    raise wrong(key, f"In '{key}', {error}.", text) from error
            return found

        for key, value in table.items():
            if key not in KEYS:
                raise wrong(key, f"A rule has no '{key}'. {choices(key, KEYS)}")
            if key in KEYS[2:] and not isinstance(value, str | list):
                raise wrong(key, f"'{key}' takes a list of texts.")
        tag, score = table.get("tag"), table.get("score", 1.0)
        if not isinstance(tag, str) or not tag.strip():
            raise wrong("tag", 'The rule needs a tag, as in: tag = "night"')
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise wrong("score", f"'score' takes a number from 0 to 1, not {score!r}.")
        comparisons: list[Comparison] = []
        for text in texts("when"):
            try:
                comparisons.append(Comparison.parse(text))
            except ValueError as error:
                raise wrong("when", f"In 'when', {error}.", text) from error
        places = tuple(texts("in")) or (DESCRIPTION, ANSWERS)
        for place in places:
            # Anything else is the text of a question, unless it looks like one of the two.
            near = get_close_matches(place.lower(), (DESCRIPTION, ANSWERS), n=1, cutoff=0.7)
            if near and place != near[0]:
                raise wrong("in", f"In 'in', '{place}': did you mean '{near[0]}'?", place)
        rule = Rule(
            tag=tag.strip(),
            score=float(score),
            origin=f"rule '{tag.strip()}' ({self.path.name}:{start + 1})",
            any=tuple(patterns("any").values()),
            all=tuple(patterns("all").values()),
            none=patterns("none"),
            places=places,
            when=tuple(comparisons),
        )
        if not (rule.any or rule.all or rule.none or rule.when):
            raise wrong("tag", f"The rule '{tag}' has no condition: give any, all, none or when.")
        return rule

    def _line(self, key: str, start: int, end: int, value: str = "") -> int:
        """The line (from 1) that a key is on, or the value in its list where that is seen."""
        written = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]|\s*\[+\s*{re.escape(key)}\b")
        at = next((i for i in range(start, end) if written.match(self.lines[i])), start)
        if value:
            at = next((i for i in range(at, end) if value in self.lines[i]), at)
        return at + 1
