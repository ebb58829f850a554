"""Rows that take in a token at a time: as they come, or on a GPU as one recorded graph.

A step of a small model is some 2700 kernels of a few microseconds each, and Python takes many times
as long to start them as the GPU to run them. A CUDA graph starts them all at once; it wants the
same shapes and places in memory every time. So the cache has room for the tokens to come, where one
is written is told by a number in the GPU's memory, and rows that are done stay until most are.
See https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from toolkit_analyze_qwen2vl.model import Branch, VisionModel

__all__ = ["Recorder", "Steps", "steps"]

log = logging.getLogger(__name__)
_ROOM = 128  # tokens; answers are seldom longer
_FEW = 16  # rows: fewer would not make a step quicker
_SHRINK = 4  # of how many rows all but one have to be done: a recording takes as long as ten steps


class Steps(Protocol):
    """Rows of a batch that are being written."""

    logits: Any
    """Of the next token of each row that goes on, as (rows, vocabulary)."""

    def take(self, tokens: Any, going: Sequence[int]) -> None:
        """Take in each row's token; of the rows, those at these places go on."""


def steps(model: VisionModel, branch: Branch) -> Steps:
    """Rows to be written, which go on where they branched off."""
    if model.recorder.is_on:
        return _Recorded(model, branch)
    return _Plain(model, branch)


class _Plain:
    """Every step as it comes; rows that are done leave the batch."""

    def __init__(self, model: VisionModel, branch: Branch) -> None:
        self._model = model
        self._branch = branch
        self.logits = branch.logits[:, -1]

    def take(self, tokens: Any, going: Sequence[int]) -> None:
        import torch

        cache, mask, places = self._branch.cache, self._branch.mask, self._branch.places
        if len(going) < len(tokens):
            rows = torch.tensor(going, device=tokens.device)
            cache.batch_select_indices(rows)
            tokens, mask, places = tokens[rows], mask[rows], places[rows]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        self._branch = self._model.forward(tokens[:, None], mask, places[:, -1:] + 1, cache)
        self.logits = self._branch.logits[:, -1]


class Recorder:
    """Records graphs of one network, which share their memory: where all of it is on one GPU."""

    def __init__(self, network: Any) -> None:
        places = {parameter.device for parameter in network.parameters()}
        self._device = places.pop()
        self.is_on = not places and self._device.type == "cuda"
        self._first: Any = None

    def record(self, work: Callable[[], Any]) -> tuple[Any, Any] | None:
        """A graph of ``work``, which is not run, and what it will give; None where it cannot be.

        Raises:
            torch.OutOfMemoryError: There is too little memory.
        """
        import torch

        if self._first is None:
            # Memory is shared as long as one graph that uses it is there.
            self._first = self._graph(lambda: torch.zeros(1, device=self._device), None)
        try:
            return self._graph(work, self._first[0].pool())
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # kernels of a quantised model that ask the GPU, say
            log.info("This model's steps cannot be recorded: %s", str(error).partition("\n")[0])
            self.is_on = False
            return None

    def _graph(self, work: Callable[[], Any], pool: Any) -> tuple[Any, Any]:
        import torch

        graph, stream = torch.cuda.CUDAGraph(), _stream(self._device)
        current = torch.cuda.current_stream(self._device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            # Other threads bring frames to the GPU meanwhile.
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                given = work()
            except BaseException:
                with suppress(RuntimeError):
                    graph.capture_end()
                raise
            graph.capture_end()
        current.wait_stream(stream)
        return graph, given


@functools.cache
def _stream(device: Any) -> Any:
    """Where graphs are recorded: one for all models, as cuBLAS keeps 32 MB for each for good."""
    import torch

    return torch.cuda.Stream(device)


class _Recorded:
    """Every step the same: the first warms up, those that follow are run as a graph.

    Takes over the branch's cache.
    """

    def __init__(self, model: VisionModel, branch: Branch) -> None:
        import torch

        self._model = model
        self._live = [*range(len(branch.mask))]
        self._index: Any = None
        self._graph: Any = None
        self._is_warm = False
        self._end = branch.mask.shape[1]
        self._place = torch.tensor([self._end], device=branch.mask.device)
        self._cache = branch.cache
        self._cache.layers = [_Fixed(layer, self._place) for layer in branch.cache.layers]
        dtype = self._cache.layers[0].keys.dtype
        self._never = torch.finfo(dtype).min
        hidden = branch.mask == 0
        self._bias = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device)
        self._bias = self._bias.masked_fill_(hidden, self._never)[:, None, None]
        self._places = branch.places[:, -1:].clone()
        self._ids = torch.zeros_like(self._places)
        self.logits = branch.logits[:, -1]
        self._grow()

    def take(self, tokens: Any, going: Sequence[int]) -> None:
        import torch

        if len(going) < len(tokens):
            tokens = tokens[torch.tensor(going, device=tokens.device)]
            self._live = [self._live[place] for place in going]
            self._index = torch.tensor(self._live, device=tokens.device)
        if self._index is None:
            self._ids[:, 0] = tokens
        else:
            self._ids[self._index, 0] = tokens
        if len(self._ids) > _FEW and len(self._ids) >= _SHRINK * len(self._live):
            self._shrink()
        if self._end == self._bias.shape[-1]:
            self._grow()
        self._place.fill_(self._end)
        self._places += 1
        self._end += 1
        logits = self._run()
        self.logits = logits if self._index is None else logits[self._index]

    def _run(self) -> Any:
        if self._graph is None and self._is_warm and self._model.recorder.is_on:
            self._graph = self._model.recorder.record(self._forward)
        if self._graph is None:
            self._is_warm = True
            return self._forward()
        graph, logits = self._graph
        graph.replay()
        return logits

    def _forward(self) -> Any:
        self._bias.index_fill_(-1, self._place, 0)
        done = self._model.forward(self._ids, self._bias, self._places, self._cache)
        return done.logits[:, -1]

    def _grow(self) -> None:
        """Room for more tokens."""
        import torch

        self._graph = None
        room = _ROOM + -self._end % 8  # masks are read fastest in eights
        for layer in self._cache.layers:
            layer.grow(self._end, room)
        self._bias = torch.nn.functional.pad(self._bias, (0, room), value=self._never)

    def _shrink(self) -> None:
        """Let go of the rows that are done."""
        self._graph = None
        self._cache.batch_select_indices(self._index)
        self._bias, self._places, self._ids = (
            each[self._index] for each in (self._bias, self._places, self._ids)
        )
        self._live, self._index = [*range(len(self._ids))], None


class _Fixed:
    """Keys and values of a layer, written at a place that is told by the GPU's memory."""

    is_initialized = is_compileable = True
    is_sliding = False

    def __init__(self, layer: Any, place: Any) -> None:
        self.keys, self.values, self._place = layer.keys, layer.values, place

    def update(self, keys: Any, values: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        self.keys.index_copy_(2, self._place, keys)
        self.values.index_copy_(2, self._place, values)
        return self.keys, self.values

    def grow(self, end: int, room: int) -> None:
        # Zeros: a weight of nothing times what lies there by chance may be no number.
        self.keys, self.values = (
            _padded(each[..., :end, :], room) for each in (self.keys, self.values)
        )

    def batch_select_indices(self, rows: Any) -> None:
        self.keys, self.values = self.keys[rows], self.values[rows]

    def get_seq_length(self, *_: Any) -> int:
        return int(self.keys.shape[2])


def _padded(tensor: Any, room: int) -> Any:
    import torch

    return torch.nn.functional.pad(tensor, (0, 0, 0, room))
