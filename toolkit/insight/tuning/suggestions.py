"""Words and rules that would have prevented people's corrections. They are for people to judge."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from toolkit.insight import columns
from toolkit.insight.evaluation.gather import Pair
from toolkit.insight.reviews import in_words
from toolkit.records import Review, Tag, Vocabulary
from toolkit.records.vocabulary import folded

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Suggestion", "as_frame", "suggestions"]

_LEAST = 2  # corrections that a suggestion would have prevented
_MOST = 3  # suggestions of one kind for one label
_WORD = re.compile(r"[^\W\d_]{3,}")
_BREAK = re.compile(r"[.,;:!?()\n]")
_RULE = re.compile(r"(?P<rule>rule '[^']*' \([^)]*\)): (?P<rest>.*)")
_FOUND = re.compile(r"'([^']+)' in ")
_SMALL = frozenset(
    """about above after all also and are around behind below beside between both but can could down
    each for from front has have her here him his how into its just like many more most near not off
    one onto other our out over people person scene seen she shown shows some someone still such
    than that the their them then there these they this those through two under video was way were
    what when where which while who with without would you your""".split()  # noqa: SIM905
)


@dataclass(frozen=True, order=True)
class Suggestion:
    """A change that would have made corrections unnecessary.

    Attributes:
        kind: "synonym" (of the label, in the vocabulary), "rule" (that gives the label where the
            word is said), "not" (a word for ``none`` of a rule), or "drop" (of a rule's words).
        label: The label.
        word: The word.
        rule: The rule, where it is about one.
        prevented: How many corrections it would have prevented.
        harmed: How many tags it would have taken or given that people said otherwise of.
    """

    kind: str
    label: str
    word: str
    rule: str
    prevented: int
    harmed: int


def suggestions(
    pairs: Sequence[Pair],
    reviews: Iterable[Review],
    tags: Mapping[str, Sequence[Tag]],
    vocabulary: Vocabulary,
) -> list[Suggestion]:
    """What the corrections have in common.

    Args:
        pairs: What people said, beside what was said of the scene.
        reviews: The reviews that count.
        tags: What machines gave: scene id -> tags.
        vocabulary: The labels.
    """
    texts = {pair.scene.id: _words(pair.analysis.text) for pair in pairs if pair.scene}
    proposed = {
        pair.scene.id: frozenset(w for w in pair.analysis.proposed if not vocabulary.find(w))
        for pair in pairs
        if pair.scene
    }
    found = [*_synonyms(reviews, vocabulary)]
    for label in vocabulary.labels:
        found += _missed("rule", label.name, pairs, texts, vocabulary)
        found += _missed("synonym", label.name, pairs, proposed, vocabulary)
    return [*found, *_rules(pairs, tags, texts, vocabulary)]


def _words(text: str) -> frozenset[str]:
    """The words of a text and the pairs of neighbours in a sentence, in lower case."""
    found: set[str] = set()
    for sentence in _BREAK.split(text.lower()):
        words = _WORD.findall(sentence)
        found.update(word for word in words if word not in _SMALL)
        found.update(f"{a} {b}" for a, b in pairwise(words) if not {a, b} & _SMALL)
    return frozenset(found)


def _synonyms(reviews: Iterable[Review], vocabulary: Vocabulary) -> Iterator[Suggestion]:
    """Tags that people always put the same label in the place of."""
    became: dict[str, Counter[str]] = {}
    for review in reviews:
        if review.target != "tag" or vocabulary.find(review.name):
            continue
        label = vocabulary.find(in_words(review.value)) if review.action == "edit" else None
        became.setdefault(folded(review.name), Counter())[label.name if label else ""] += 1
    for word, labels in became.items():
        label_name, n = max(labels.items(), key=lambda one: one[1])
        if label_name and n >= _LEAST and 2 * n > labels.total():
            yield Suggestion("synonym", label_name, word, "", n, labels.total() - n)


def _missed(
    kind: str,
    name: str,
    pairs: Sequence[Pair],
    texts: Mapping[str, frozenset[str]],
    vocabulary: Vocabulary,
) -> list[Suggestion]:
    """Words that are said where a label was missed, and nowhere where it does not hold."""
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    others = 0
    for pair in pairs:
        holds = _verdict(pair, name, vocabulary)
        if pair.scene is None or holds is None:
            continue
        given = any(_is(name, label, vocabulary) for label in pair.tags)
        if holds and not given:
            missed.update(texts[pair.scene.id])
        elif not holds:
            others += 1
            wrong.update(texts[pair.scene.id])
    if others < _LEAST:
        return []  # nobody said where it does not hold: any word would do
    good = [
        Suggestion(kind, name, word, "", n, 0)
        for word, n in missed.items()
        if n >= _LEAST and not wrong[word]
    ]
    return _best(good)


def _rules(
    pairs: Sequence[Pair],
    tags: Mapping[str, Sequence[Tag]],
    texts: Mapping[str, frozenset[str]],
    vocabulary: Vocabulary,
) -> Iterator[Suggestion]:
    """Of rules whose tags people rejected: what sets these scenes apart, or the word at fault."""
    judged: dict[tuple[str, str], list[tuple[bool, str, frozenset[str]]]] = {}
    for pair in pairs:
        for tag in tags.get(pair.scene.id, ()) if pair.scene else ():
            holds = _verdict(pair, tag.label, vocabulary)
            match = _RULE.search(tag.why)
            if holds is None or match is None or pair.scene is None:
                continue
            hit = _FOUND.search(match["rest"])
            word = hit[1].lower() if hit else ""
            those = judged.setdefault((tag.label, match["rule"]), [])
            those.append((holds, word, texts[pair.scene.id]))
    for (label, rule), said in judged.items():
        wrong = [words for holds, _, words in said if not holds]
        right = {word for holds, _, words in said if holds for word in words}
        # Where nobody accepted the rule's tag, every word would set the rejected ones apart.
        apart = Counter(word for words in wrong for word in words - right if right)
        yield from _best(
            Suggestion("not", label, word, rule, n, 0) for word, n in apart.items() if n >= _LEAST
        )
        faults = Counter(word for holds, word, _ in said if word and not holds)
        merits = Counter(word for holds, word, _ in said if word and holds)
        for word, n in faults.items():
            if n >= _LEAST and n > merits[word]:
                yield Suggestion("drop", label, word, rule, n, merits[word])


def _best(found: Iterable[Suggestion]) -> list[Suggestion]:
    """The few that prevent most; a pair of words not beside one of them that does as much."""
    kept: list[Suggestion] = []
    for one in sorted(found, key=lambda one: (-one.prevented, len(one.word.split()), one.word)):
        words = {word for other in kept for word in other.word.split()}
        if not words & set(one.word.split()):
            kept.append(one)
    return kept[:_MOST]


def _verdict(pair: Pair, name: str, vocabulary: Vocabulary) -> bool | None:
    if any(_is(name, word, vocabulary) for word in pair.row.labels or ()):
        return True
    return False if any(_is(name, word, vocabulary) for word in pair.row.without or ()) else None


def _is(name: str, word: str, vocabulary: Vocabulary) -> bool:
    label = vocabulary.find(word)
    return folded(label.name if label else word) == folded(name)


def as_frame(found: Iterable[Suggestion]) -> pl.DataFrame:
    """One row a suggestion, those that prevent most first."""
    import polars as pl

    best = sorted(found, key=lambda one: (-one.prevented, one.harmed, one))
    text, number = pl.String(), pl.Int64()
    schema: dict[str, pl.DataType] = {
        **dict.fromkeys(("kind", "label", "word", "rule"), text),
        **dict.fromkeys(("prevented", "harmed"), number),
    }
    return columns.frame([astuple(one) for one in best], schema)
