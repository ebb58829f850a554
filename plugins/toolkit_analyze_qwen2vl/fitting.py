"""Looks in batches that fit into memory: halved when it runs out, at last with fewer pixels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from toolkit.errors import AnalysisError, CancelledError, ToolkitError
from toolkit.records import Answer
from toolkit.stages.analysis import Look, Reply
from toolkit.stages.effort import note
from toolkit_analyze_qwen2vl.batching import Batches, batch_tokens
from toolkit_analyze_qwen2vl.memory import free_memory, is_out_of_memory
from toolkit_analyze_qwen2vl.preparing import Prepared

__all__ = ["Fitting", "Steps"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Steps:
    """What is done with some scenes.

    Attributes:
        tokens: About how many tokens a scene's prompt has.
        prepare: The processor's part, for frames of at most so many pixels (0: as configured);
            called from another thread too.
        answer: The model's part.
    """

    tokens: Callable[[Look], int]
    prepare: Callable[[Sequence[Look], int], Prepared]
    answer: Callable[[Sequence[Look], Prepared], list[list[Reply]]]


class Fitting:
    """Answers looks in batches, and remembers how many tokens fit into memory at once.

    Args:
        budget: Most tokens of a batch.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget

    def replies(self, looks: Sequence[Look], steps: Steps) -> Iterator[Sequence[Reply]]:
        """The replies to each look, in order; while one batch is answered, the next is prepared.

        Raises:
            CancelledError: The run was cancelled.
        """
        lengths = {
            place: _tokens(look, steps)
            for place, look in enumerate(looks)
            if look.asks and len(look.frames)
        }
        replies: dict[int, list[Reply]] = {}

        def prepare(places: Sequence[int]) -> Prepared:
            return steps.prepare([looks[place] for place in places], 0)

        with Batches(lengths, prepare) as batches:
            for place, look in enumerate(looks):
                if not look.asks:
                    yield []
                elif not len(look.frames):
                    yield _failed(look, AnalysisError("The scene has no frames to look at."))
                else:
                    while place not in replies:
                        batch, ready = batches.take(self._budget)
                        given = self._answer([looks[each] for each in batch], steps, ready.result)
                        replies.update(zip(batch, given, strict=True))
                    yield replies.pop(place)

    def _answer(
        self, looks: Sequence[Look], steps: Steps, prepared: Callable[[], Prepared] | None = None
    ) -> list[list[Reply]]:
        """Replies to a batch; one that fails is halved, down to the scene that is to blame."""
        half = len(looks) // 2
        try:
            return steps.answer(looks, prepared() if prepared else steps.prepare(looks, 0))
        except CancelledError:
            raise
        except Exception as error:  # whatever torch and the processor raise
            is_short = is_out_of_memory(error)
            log.debug("%d scenes at once failed", len(looks), exc_info=True)
            if not half and not is_short:
                return [_failed(looks[0], _explained(error))]
        # Outside of the handler, whose error holds on to the memory of the attempt.
        if is_short:
            free_memory()
        note(retries=1)
        if not half:
            return [_with_fewer_pixels(looks[0], steps)]
        if is_short:
            tokens = batch_tokens([_tokens(look, steps) for look in looks])
            self._budget = min(self._budget, tokens // 2)
            log.warning(
                "%d scenes at once, about %d tokens, do not fit into memory; trying half",
                len(looks),
                tokens,
            )
        return [*self._answer(looks[:half], steps), *self._answer(looks[half:], steps)]


def _with_fewer_pixels(look: Look, steps: Steps) -> list[Reply]:
    """Replies to a scene that does not fit alone: half the pixels, then a quarter, and so on."""
    trouble: Exception = MemoryError()
    whole = last = None
    pixels = 0
    while True:
        try:
            prepared = steps.prepare([look], pixels)
            size = prepared.frame_sizes[0]
            if size == last:  # the processor's least
                break
            whole, last = whole or size, size
            if pixels:
                [replies] = steps.answer([look], prepared)
                log.warning("A scene did not fit into memory and was seen at %dx%d", *size)
                return [_reduced(reply, whole) for reply in replies]
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever torch and the processor raise
            trouble = error.with_traceback(None)
            if last is None or not is_out_of_memory(error):
                break
        free_memory()
        pixels = last[0] * last[1] // 2
    return _failed(look, _explained(trouble))


def _reduced(reply: Reply, whole: tuple[int, int]) -> Reply:
    """The reply, its evidence saying what size the frames would have had."""
    if not isinstance(reply, Answer):
        return reply
    evidence = reply.evidence.model_copy(update={"reduced_from": whole})
    return reply.model_copy(update={"evidence": evidence})


def _tokens(look: Look, steps: Steps) -> int:
    try:
        return steps.tokens(look)
    except ValueError:  # frames that no processor takes: they fail when their turn comes
        return 1


def _explained(error: Exception) -> AnalysisError:
    if is_out_of_memory(error):
        message = "The scene's frames do not fit into memory beside the model."
        hint = "Set max_pixels in [analysis], take fewer frames in [sampling], or a smaller model."
    else:
        message = f"The model could not answer: {error}."
        hint = None
    explained = AnalysisError(message, hint=hint)
    # Its frames would keep the attempt's tensors in memory.
    explained.__cause__ = error.with_traceback(None)
    return explained


def _failed(look: Look, error: ToolkitError) -> list[Reply]:
    return [(ask, error) for ask in look.asks]
