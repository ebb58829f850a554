"""What people said of scenes, written as examples for an analyzer's prompt: text, no pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from toolkit.errors import TruthError
from toolkit.insight import results
from toolkit.insight.page import write as write_text
from toolkit.insight.reviews import in_words, winners
from toolkit.records import Review, Run, Scene
from toolkit.stages.store import Store
from toolkit.synthesis.notes import mere

__all__ = ["examples", "write"]

_HEAD = "This is what people said of other scenes. It shows how to answer, not what is seen here."
_WEIGHT = {"edit": 3, "add": 2, "accept": 1, "reject": 1}
"""What a person wrote tells more of what is wanted than what they let stand."""


def examples(store: Store, run: Run, *, most: int = 4) -> str:
    """What people said of the scenes that they said most of, of as many videos as possible.

    Raises:
        TruthError: Nobody reviewed a scene.
    """
    found: list[tuple[int, Scene, list[Review]]] = []
    for part in results.parts_of(results.scenes_of(store, run, results.videos_of(store, run))):
        for scene, words in zip(part, results.reviews_of(store, part).values(), strict=True):
            said = [review for review in winners(words) if review.target != "boundary"]
            if said:
                found.append((sum(_WEIGHT[review.action] for review in said), scene, said))
    if not found:
        raise TruthError(
            "Nobody has reviewed a scene of this run.",
            hint="Correct some first, in run.browse() or by toolkit review.",
        )
    found.sort(key=lambda one: -one[0])
    turns: dict[str, int] = {}
    ranked = []
    for place, (_, scene, said) in enumerate(found):
        turns[scene.video_id] = turns.get(scene.video_id, 0) + 1
        ranked.append((turns[scene.video_id], place, said))
    chosen = [said for _, _, said in sorted(ranked, key=lambda one: one[:2])[:most]]
    parts = ["\n".join([f"Example {n}", *_lines(said)]) for n, said in enumerate(chosen, 1)]
    return "\n\n".join([_HEAD, *parts]) + "\n"


def _lines(reviews: Iterable[Review]) -> Iterator[str]:
    """What stands after people's word, a line each."""
    tags: dict[str, bool] = {}
    for review in reviews:
        name, value = _line(review.name), _line(in_words(review.value))
        if review.target == "tag":
            tags[name] = review.action in ("accept", "add")
            if review.action == "edit":
                tags[value] = True
        elif review.action == "reject":
            if value:
                yield f"{name or review.target.capitalize() + ':'} not {value}"
        else:
            yield f"{name or review.target.capitalize() + ':'} {value}"
    for word, holds in (("Tags", True), ("Not", False)):
        if named := [tag for tag, said in tags.items() if said == holds]:
            yield f"{word}: {', '.join(named)}"


def _line(text: str) -> str:
    return mere(" ".join(text.split()))


def write(store: Store, run: Run, path: Path, *, most: int, force: bool) -> Path:
    """Write the examples to a file.

    Raises:
        MediaError: A file is there already and is not to be replaced, or it cannot be written.
        TruthError: Nobody reviewed a scene.
    """
    return write_text(examples(store, run, most=most), path, force=force)
