"""What is done already: the names of scene x stage. Only this module computes them.

A fingerprint names a way of working: a plugin, its version, and whatever of its options changes
the output. A stage's key is its input's identity plus its fingerprint. So a changed rule runs
tagging again and nothing else; a changed question asks that question and no other; another
detector runs all that lies downstream of it. Old rows stay until they are pruned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import JsonValue

from toolkit.config.settings import Analysis, Sampling, Scenes
from toolkit.records import Answer, SynthesisKind, digest
from toolkit.stages import sampling
from toolkit.stages.component import Cancel, Component, Options
from toolkit.stages.writing import Prompt

__all__ = [
    "analyzer_key",
    "basis",
    "content_id",
    "detector_key",
    "fingerprint",
    "generation",
    "sampler_key",
    "synthesis_key",
    "whole_generation",
]

_BLOCK = 1 << 20
_SYNTHESIS = "1"  # changes when notes are put together, grouped or read in another way


def content_id(path: Path, cancel: Cancel | None = None) -> str:
    """A video's identity: the BLAKE2b hash of the file's bytes, 160 bits.

    Raises:
        OSError: The file cannot be read.
        CancelledError: ``cancel`` was set.
    """
    state = hashlib.blake2b(digest_size=20)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
            if cancel is not None:
                cancel.check()
    return state.hexdigest()


def fingerprint(stage: str, name: str, version: str, options: Options, component: Component) -> str:
    """The name of a plugin's way of working."""
    identity: dict[str, JsonValue] = component.identity()
    return digest(stage, name, version, options.identity(), identity)


def detector_key(decoder: str, detector: str, options: Scenes, blur: JsonValue = None) -> str:
    """Scenes depend on the decoder and the detector (both fingerprints), and on their lengths.

    What is blurred in their thumbnails makes other scenes as well: a scene has one thumbnail.
    """
    more = [] if blur is None else [blur]
    return digest("scenes", decoder, detector, options.min_scene_s, options.max_scene_s, *more)


def sampler_key(options: Sampling) -> str:
    """Which frames of a scene are looked at, and how large."""
    unused = set() if options.per_second else {"max_frames"}
    return digest("sampler", sampling.VERSION, options.model_dump(mode="json", exclude=unused))


def analyzer_key(analyzer: str, sampler: str) -> str:
    """Answers depend on the analyzer and on the frames it was given."""
    return digest("analyzer", analyzer, sampler)


def generation(tagger: str, asks: Iterable[Sequence[str]]) -> str:
    """Tags depend on the tagger and on every answer it could read."""
    read: list[JsonValue] = [list(ask) for ask in sorted(map(tuple, asks))]
    return digest("tags", tagger, read)


def whole_generation(tagger: str, detector: str, taggers: Iterable[str], vocabulary: str) -> str:
    """A whole video's tags depend on how its scenes were found, and on all their tags.

    Args:
        tagger: The generation of the tagger's tags on scenes.
        detector: The key of the scenes.
        taggers: The generations of all tags on scenes.
        vocabulary: The key of what these are read with; "" for none.
    """
    return digest("whole tags", tagger, detector, [*sorted(taggers)], vocabulary)


def synthesis_key(
    writer: str,
    detector: str,
    asks: Iterable[Sequence[str]],
    kind: SynthesisKind,
    name: str,
    prompt: Prompt,
    options: Analysis,
) -> str:
    """What is said of a video depends on the writer, on its words, and on what it could read.

    Args:
        writer: The fingerprint of the analyzer that writes.
        detector: The key of the scenes.
        asks: What is asked about a scene and answered in words, as (analyzer's key, ask's key).
        kind: What is written.
        name: The question's words.
        prompt: The words around the notes.
        options: How many tokens there are.
    """
    read: list[JsonValue] = [list(ask) for ask in sorted(map(tuple, asks))]
    words: list[JsonValue] = [kind, name, prompt.system, prompt.user]
    tokens: list[JsonValue] = [options.synthesis_tokens, options.synthesis_answer_tokens]
    return digest("synthesis", _SYNTHESIS, writer, detector, read, words, tokens)


def basis(answers: Iterable[Answer]) -> str:
    """What was said about a video's scenes: another text, another name."""
    return digest("basis", [[answer.id, answer.text] for answer in answers])
