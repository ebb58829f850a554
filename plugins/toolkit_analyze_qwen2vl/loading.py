"""From a checked folder to a model that answers: processor, weights, device, number format."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.errors import MissingExtraError, ModelError
from toolkit_analyze_qwen2vl.model import VisionModel
from toolkit_analyze_qwen2vl.placing import free_bytes, place
from toolkit_analyze_qwen2vl.preparing import MARK, counts_all_frames
from toolkit_analyze_qwen2vl.speed import ATTENTION, FRAMES, by_matrix, register
from toolkit_analyze_qwen2vl.tensors import Tensors
from toolkit_analyze_qwen2vl.ways import ways_out

__all__ = ["load", "read_processor"]

log = logging.getLogger(__name__)

_LOCAL = {"trust_remote_code": False, "local_files_only": True}

TRIAL = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": MARK}]}]
"""A chat that every template must be able to write down."""


def load(
    folder: Path,
    model: str,
    *,
    device: str,
    dtype: str,
    min_pixels: int,
    max_pixels: int,
    attention: str = "auto",
) -> VisionModel:
    """Load a checked folder; ``model`` is its name in errors.

    Raises:
        ModelError: Damaged, incomplete, too large, or the device is not there.
        MissingExtraError: A library is missing.
    """
    try:
        import torch
        from transformers import AutoModelForImageTextToText
    except ImportError as error:
        raise MissingExtraError("qwen2vl", "qwen2vl", cause=error) from error

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    chosen = place(
        model,
        Tensors.of(folder),
        device=device,
        dtype=dtype,
        is_quantised="quantization_config" in config,
        free=free_bytes(torch),
    )
    ways = _attention(attention)
    try:
        with _quiet():
            processor = read_processor(folder, min_pixels, max_pixels)
            network, report = AutoModelForImageTextToText.from_pretrained(
                folder,
                dtype=chosen.dtype if chosen.dtype == "auto" else getattr(torch, chosen.dtype),
                use_safetensors=True,
                output_loading_info=True,
                attn_implementation=ways,
                **chosen.arguments,
                **_LOCAL,
            )
        if lacking := sorted(report["missing_keys"]):
            raise ModelError(f"{len(lacking)} tensors are missing, such as {lacking[0]}")
        if not chosen.arguments:
            network = network.to(chosen.device)
        patches = network.model.visual.patch_embed
        if isinstance(patches.proj, torch.nn.Conv3d):
            patches.proj = by_matrix(patches.proj)
        if attention == "auto":  # only now: the library would look for a kernel of this name
            network.model.visual.config._attn_implementation = FRAMES
        loaded = VisionModel(network.eval(), processor)
    except Exception as error:  # a damaged file fails in as many ways as it can be damaged
        reason = str(error).strip() or type(error).__name__
        raise ModelError(
            f"The model '{model}' cannot be loaded on {chosen.device} ({reason.splitlines()[0]}).",
            hint="Its files may be damaged or incomplete, or too large. " + ways_out(),
            model=model,
            device=chosen.device,
        ) from error
    log.info(
        "Loaded %s on %s in %s, with %s for the frames and %s for the text",
        *(model, chosen.device, loaded.dtype, ways["vision_config"], ways["text_config"]),
    )
    return loaded


def read_processor(folder: Path, min_pixels: int, max_pixels: int) -> Any:
    """The processor of a checked folder, which brings frames between these sizes (0: its own).

    Raises:
        ValueError: Its chat template cannot be used; other errors where files are damaged.
    """
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder, **_LOCAL)
    if MARK not in processor.apply_chat_template(TRIAL):
        raise ValueError("its chat template leaves the question out")
    processor.tokenizer.padding_side = "left"
    _set_pixels(processor.video_processor, min_pixels, max_pixels)
    return processor


def _attention(wanted: str) -> dict[str, str]:
    """The implementation of attention by the part of the model.

    The text needs masks, since answers branch off a shared prefix with padding, and flash attention
    has none: there it is taken for the frames alone.
    """
    if wanted in {"sdpa", "eager"}:
        return {"": wanted, "vision_config": wanted, "text_config": wanted}
    register()
    frames = "sdpa" if wanted == "auto" else wanted
    return {"": "sdpa", "vision_config": frames, "text_config": ATTENTION}


@contextmanager
def _quiet() -> Iterator[None]:
    """What transformers has to say goes where all logs go, instead of straight to stderr."""
    from transformers.utils import logging as library_log

    library_log.disable_default_handler()
    library_log.enable_propagation()
    bars = library_log.is_progress_bar_enabled()
    library_log.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            library_log.enable_progress_bar()


def _set_pixels(video_processor: Any, least: int, most: int) -> None:
    size = dict(video_processor.size)
    if most and counts_all_frames(video_processor):
        side = video_processor.patch_size * video_processor.merge_size
        video_processor.max_video_tokens = max(1, most // side**2)
        most = 0
    least = least or size["shortest_edge"]
    most = most or size["longest_edge"]
    video_processor.size = {"shortest_edge": min(least, most), "longest_edge": max(least, most)}
    if getattr(video_processor, "cap_pixels_per_frame", True) is None:
        # The reference implementation's cap; unset, transformers warns that it will come.
        video_processor.cap_pixels_per_frame = True
