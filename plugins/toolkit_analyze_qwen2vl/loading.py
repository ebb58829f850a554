"""From a checked folder to a model that answers: processor, weights, device, number format."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from toolkit.errors import MissingExtraError, ModelError
from toolkit_analyze_qwen2vl.model import VisionModel
from toolkit_analyze_qwen2vl.preparing import MARK
from toolkit_analyze_qwen2vl.weights import ways_out

__all__ = ["load"]

log = logging.getLogger(__name__)

TRIAL = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": MARK}]}]
"""A chat that every template must be able to write down."""


def load(
    folder: Path, model: str, *, device: str, dtype: str, min_pixels: int, max_pixels: int
) -> VisionModel:
    """Load a checked folder; ``model`` is its name in errors.

    Raises:
        ModelError: Damaged, incomplete, too large, or the device is not there.
        MissingExtraError: A library is missing.
    """
    # Threads of torch that wait would spin, on cores that the decoder needs: with other work on
    # the machine answers then took up to ten times as long. Read when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor
        from transformers.utils import logging as library_log
    except ImportError as error:
        raise MissingExtraError("qwen2vl", "qwen2vl", cause=error) from error

    device = _device(torch, device)
    if dtype == "auto":
        dtype = "bfloat16" if device.startswith("cuda") else "float32"
    # What transformers has to say goes where all logs go, instead of straight to stderr.
    library_log.disable_default_handler()
    library_log.enable_propagation()
    bars = library_log.is_progress_bar_enabled()
    library_log.disable_progress_bar()
    local = {"trust_remote_code": False, "local_files_only": True}
    try:
        processor = AutoProcessor.from_pretrained(folder, **local)
        network, report = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            **local,
        )
        if lacking := sorted(report["missing_keys"]):
            raise ModelError(f"{len(lacking)} tensors are missing, such as {lacking[0]}")
        if MARK not in processor.apply_chat_template(TRIAL):
            raise ModelError("its chat template leaves the question out")
        processor.tokenizer.padding_side = "left"
        _set_pixels(processor.video_processor, min_pixels, max_pixels)
        loaded = VisionModel(network.to(device).eval(), processor)
    except Exception as error:  # a damaged file fails in as many ways as it can be damaged
        reason = str(error).strip() or type(error).__name__
        raise ModelError(
            f"The model '{model}' cannot be loaded on {device} ({reason.splitlines()[0]}).",
            hint="Its files may be damaged or incomplete, or too large. " + ways_out(),
            model=model,
            device=device,
        ) from error
    finally:
        if bars:
            library_log.enable_progress_bar()
    log.info("Loaded %s on %s in %s", model, device, dtype)
    return loaded


def _device(torch: Any, wanted: str) -> str:
    kind, _, number = wanted.partition(":")
    there = {
        "cuda": torch.cuda.device_count() > int(number or 0),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(device for device, is_there in there.items() if is_there)
    if not there[kind]:
        raise ModelError(
            f"There is no device '{wanted}' on this machine that torch can use.",
            hint="Set device = auto in [analysis] to use what there is.",
            device=wanted,
        )
    return wanted


def _set_pixels(video_processor: Any, least: int, most: int) -> None:
    size = dict(video_processor.size)
    least = least or size["shortest_edge"]
    most = most or size["longest_edge"]
    video_processor.size = {"shortest_edge": min(least, most), "longest_edge": max(least, most)}
    if getattr(video_processor, "cap_pixels_per_frame", True) is None:
        # The reference implementation's cap; unset, transformers 5.23 warns that it will come.
        video_processor.cap_pixels_per_frame = True
