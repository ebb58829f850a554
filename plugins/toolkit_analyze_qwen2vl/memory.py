"""How much memory there is, and when it ran out."""

from __future__ import annotations

__all__ = ["default_batch_tokens", "free_memory", "is_out_of_memory"]

_WORDS = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


def default_batch_tokens(device: str) -> int:
    """Tokens of a batch that a GPU is busy with; elsewhere fewer, for memory's sake."""
    return 16384 if device.startswith("cuda") else 4096


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
