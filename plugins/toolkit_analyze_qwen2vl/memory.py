"""How much memory there is, and when it ran out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit_analyze_qwen2vl.model import VisionModel

__all__ = ["default_batch_tokens", "free_memory", "is_out_of_memory"]

_FEWEST, _MOST = 4096, 40960
_COPIES = 6  # of a scene's: its own, and one for each of some five questions
_WORDS = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


def default_batch_tokens(model: VisionModel) -> int:
    """Tokens of a batch that a device is busy with and has memory for.

    Of a GPU's free memory, keys and values may take a quarter: of the scenes, and of some five
    questions about each that are answered in words.
    """
    import torch

    device = torch.device(model.device)
    if device.type != "cuda":
        return _FEWEST
    free, _ = torch.cuda.mem_get_info(device)
    fits = int(free) // 4 // (_COPIES * model.token_bytes)
    return max(_FEWEST, min(_MOST, fits))


def free_memory() -> None:
    """Give back what torch keeps of a GPU's memory for itself, which may lie in pieces."""
    import torch

    torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: the GPU's, or the machine's, which torch tells by text only."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)
    )
