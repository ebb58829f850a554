"""Models of the family on the Hugging Face hub, and what they take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATALOGUE", "DEFAULT", "Entry"]

DEFAULT = "Qwen/Qwen2-VL-2B-Instruct"


@dataclass(frozen=True)
class Entry:
    """One model.

    Attributes:
        gigabytes: What its weights take, on disk and on a GPU.
        licence: As its card names it.
        commit: What is loaded where no revision is named; "" for the newest.
    """

    gigabytes: float
    licence: str = "apache-2.0"
    commit: str = ""

    @property
    def size_bytes(self) -> int:
        """The same in bytes."""
        return int(self.gigabytes * 1e9)


# Sizes follow from the architectures: two bytes a parameter; of the quantised ones, about half a
# byte (4 bit) or one (8 bit) a parameter of the text layers and two of the rest.
CATALOGUE = {
    DEFAULT: Entry(4.4, commit="895c3a49bc3fa70a340399125c650a463535e71c"),
    "Qwen/Qwen2-VL-2B-Instruct-AWQ": Entry(2.5),
    "Qwen/Qwen2-VL-2B-Instruct-GPTQ-Int4": Entry(2.5),
    "Qwen/Qwen2-VL-2B-Instruct-GPTQ-Int8": Entry(3.1),
    "Qwen/Qwen2-VL-7B-Instruct": Entry(16.6),
    "Qwen/Qwen2-VL-7B-Instruct-AWQ": Entry(6.9),
    "Qwen/Qwen2-VL-7B-Instruct-GPTQ-Int4": Entry(6.9),
    "Qwen/Qwen2-VL-7B-Instruct-GPTQ-Int8": Entry(10.3),
    "Qwen/Qwen2-VL-72B-Instruct": Entry(146.8, "tongyi-qianwen"),
    "Qwen/Qwen2-VL-72B-Instruct-AWQ": Entry(42.9, "tongyi-qianwen"),
    "Qwen/Qwen2-VL-72B-Instruct-GPTQ-Int4": Entry(42.9, "tongyi-qianwen"),
    "Qwen/Qwen2-VL-72B-Instruct-GPTQ-Int8": Entry(78.7, "tongyi-qianwen"),
    "Qwen/Qwen2.5-VL-3B-Instruct": Entry(7.5, "qwen-research"),
    "Qwen/Qwen2.5-VL-7B-Instruct": Entry(16.6),
    "Qwen/Qwen2.5-VL-7B-Instruct-AWQ": Entry(6.9),
    "Qwen/Qwen2.5-VL-32B-Instruct": Entry(66.9),
    "Qwen/Qwen2.5-VL-72B-Instruct": Entry(146.8, "qwen"),
    "Qwen/Qwen3-VL-2B-Instruct": Entry(4.3),
    "Qwen/Qwen3-VL-4B-Instruct": Entry(8.9),
    "Qwen/Qwen3-VL-8B-Instruct": Entry(17.5),
    "Qwen/Qwen3-VL-32B-Instruct": Entry(66.7),
}
