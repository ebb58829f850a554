"""Analyzer plugin: Qwen2-VL through transformers, on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from toolkit.errors import MissingExtraError
from toolkit.hooks.specs import AnalyzerPlugin, Context, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_analyze_qwen2vl.analyzer import Qwen2VLAnalyzer
    from toolkit_analyze_qwen2vl.shelf import FamilyModels

__all__ = ["Qwen2VLOptions", "make", "toolkit_analyzers"]

NAME = EXTRA = "qwen2vl"
REQUIRES = ("llguidance", "torch", "torchvision", "transformers")


class Qwen2VLOptions(Options):
    """Qwen2-VL, Qwen2.5-VL or Qwen3-VL, run on this machine through transformers."""

    # Where the model lies says nothing about the answers: what is in it does, see
    # Qwen2VLAnalyzer.identity, which also covers the revision and the prompts.
    neutral: ClassVar[frozenset[str]] = frozenset(
        {
            *("model", "revision", "prompts", "examples", "style", "local_files_only"),
            *("backend", "device", "attention", "batch_tokens", "memory_share"),
        }
    )

    model: str = Field(
        "Qwen/Qwen2-VL-2B-Instruct",
        min_length=1,
        description="A model of the Qwen2-VL, Qwen2.5-VL or Qwen3-VL family: a hub id or a folder.",
    )
    revision: str = Field(
        "",
        description="Commit, tag or branch of a hub id; empty: the pinned commit of the default "
        "model, main of any other.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto (a GPU with room for the model, several if it takes them, or the CPU), "
        "cpu, cuda, cuda:N or mps.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Number format; auto is bfloat16 on CUDA, float32 elsewhere, and a quantised "
        "model's own.",
    )
    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = Field(
        "auto",
        description="Implementation of attention; auto is torch's own, frames of one size in one "
        "call; flash_attention_2 is for the frames, torch's own for the rest.",
    )
    backend: Literal["transformers", "vllm"] = Field(
        "transformers",
        description="What runs the model: transformers, or vLLM's engine in this process, which "
        "has an extra of its own.",
    )
    memory_share: float = Field(
        0.9, gt=0, le=1, description="Of vLLM: what share of each GPU's memory it takes."
    )
    batch_tokens: int = Field(
        0,
        ge=0,
        description="Most tokens of the scenes that are read at once, frames and padding included; "
        "halved by itself when memory runs out. 0: 4096; on CUDA up to 40960, as memory allows.",
    )
    max_description_tokens: int = Field(
        128, ge=1, le=4096, description="A description is cut after this many tokens."
    )
    max_answer_tokens: int = Field(
        64, ge=1, le=4096, description="The answer to a question is cut after this many tokens."
    )
    max_json_tokens: int = Field(
        256,
        ge=1,
        le=4096,
        description="An answer in JSON is brought to its end after this many tokens.",
    )
    abstain_below: float = Field(
        0.55,
        ge=0,
        le=1,
        description="An answer with a type that the model is less sure of becomes 'not visible'; "
        "0: none does.",
    )
    style: Literal["short", "detailed", "accessibility", "search"] = Field(
        "short", description="How scenes are described."
    )
    prompts: str = Field(
        "",
        description="A folder of prompts, such as system.md or describe.md, that replace the "
        "packaged ones of their names.",
    )
    examples: str = Field(
        "",
        description="A file of what people said of other scenes, which stands before the frames "
        "of every scene; toolkit review examples writes one. Empty: none.",
    )
    min_pixels: int = Field(
        0, ge=0, description="Least pixels of a frame, smaller ones are enlarged; 0: the model's."
    )
    max_pixels: int = Field(
        0, ge=0, description="Most pixels of a frame, larger ones are reduced; 0: the model's."
    )
    local_files_only: bool = Field(
        False, description="Never ask the hub: the model must be here already."
    )

    @model_validator(mode="after")
    def _pixels_in_order(self) -> Self:
        if 0 < self.max_pixels < self.min_pixels:
            raise ValueError("max_pixels must not be less than min_pixels")
        return self


def make(options: Qwen2VLOptions, context: Context) -> Qwen2VLAnalyzer:
    """The analyzer; the model is loaded by its first look.

    Raises:
        MissingExtraError: One of its libraries is not installed.
        ConfigError: The folder of prompts, or the file of examples, cannot be used.
    """
    on_vllm = options.backend == "vllm"
    if on_vllm and importlib.util.find_spec("vllm") is None:
        raise MissingExtraError(NAME, "vllm")
    for module in REQUIRES:  # found, not imported, which would take seconds
        if importlib.util.find_spec(module) is None:
            missing = ModuleNotFoundError(f"No module named '{module}'", name=module)
            raise MissingExtraError(NAME, EXTRA, cause=missing) from missing
    if on_vllm:
        from toolkit_analyze_qwen2vl.offline import OfflineAnalyzer

        return OfflineAnalyzer(options, context.base)
    from toolkit_analyze_qwen2vl.analyzer import Qwen2VLAnalyzer

    return Qwen2VLAnalyzer(options, context.base)


def models(options: Qwen2VLOptions, context: Context) -> FamilyModels:
    """What `toolkit models` asks."""
    from toolkit_analyze_qwen2vl.shelf import FamilyModels

    return FamilyModels(options, context.base)


@hookimpl
def toolkit_analyzers() -> Iterable[AnalyzerPlugin]:
    """Bring the analyzer ``qwen2vl``."""
    yield AnalyzerPlugin(
        name=NAME,
        options=Qwen2VLOptions,
        factory=make,
        version="2",
        summary="descriptions, answers, sentiment and labels from Qwen2-VL, on this machine",
        extra=EXTRA,
        requires=REQUIRES,
        models=models,
    )
