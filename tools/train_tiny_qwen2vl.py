"""Train the tiny Qwen2-VL of the tests, whose answers can be checked for meaning.

    python tools/train_tiny_qwen2vl.py --out build/tiny-qwen2vl
    python tools/train_tiny_qwen2vl.py --out build/tiny-qwen2vl --resume \
        --vision-steps 0 --short-steps 0 --steps 800 --lr 1e-3

First the vision tower alone learns to tell a clip's attributes to a probe (without it the tower
hardly learns), then the whole model learns to answer, short answers before long ones. On two CPU
cores it takes under an hour. `evaluate_tiny_qwen2vl.py` measures it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

# Spinning OpenMP threads are slow on a shared machine; the variable is read as torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch.nn import functional
from transformers import Qwen2VLForConditionalGeneration, Qwen2VLProcessor

from tiny_qwen2vl_model import build_model, build_processor, build_tokenizer
from tiny_world_batches import STAGES, Batches
from toolkit.testing.clips import ATTRIBUTES


class Probe(torch.nn.Module):  # type: ignore[misc]
    """Reads a clip's attributes off its visual tokens; used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = torch.nn.Sequential(torch.nn.Linear(width, 256), torch.nn.GELU())
        self.heads = torch.nn.ModuleList(
            torch.nn.Linear(512, len(values)) for values in ATTRIBUTES.values()
        )

    def forward(
        self, tokens: torch.Tensor, truth: torch.Tensor
    ) -> tuple[torch.Tensor, list[float]]:
        """The loss, and the share of right answers per attribute.

        Takes tokens (clips, n, width) and the values' indices (clips, attributes).
        """
        hidden = self.hidden(tokens)
        pooled = torch.cat([hidden.mean(1), hidden.amax(1)], 1)
        loss, right = torch.zeros(()), []
        for head, target in zip(self.heads, truth.T, strict=True):
            scores = head(pooled)
            loss = loss + functional.cross_entropy(scores, target)
            right.append((scores.argmax(1) == target).float().mean().item())
        return loss, right


def training_loss(
    model: Any, probe: Probe, batch: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, list[float]]:
    """The loss and, for the log, the language loss and the probe's share of right answers."""
    labels, weights = batch.pop("labels", None), batch.pop("weights", None)
    truth = batch.pop("truth")
    medium = "video" if "pixel_values_videos" in batch else "image"
    if medium == "video":
        pixels = batch.pop("pixel_values_videos")
        vision = model.model.get_video_features(pixels, batch["video_grid_thw"], return_dict=True)
    else:
        vision = model.model.get_image_features(
            batch.pop("pixel_values"), batch["image_grid_thw"], return_dict=True
        )
    probe_loss, right = probe(torch.stack(tuple(vision.pooler_output)), truth)
    if labels is None or weights is None:
        return probe_loss, [0.0, *right]
    hidden = model.model(**batch, mm_encoder_outputs={medium: vision}).last_hidden_state[:, :-1]
    labels, weights = labels[:, 1:], weights[:, 1:]
    asked = labels >= 0
    losses = functional.cross_entropy(model.lm_head(hidden[asked]), labels[asked], reduction="none")
    language_loss = (losses * weights[asked]).sum() / weights[asked].sum()
    return language_loss + 0.2 * probe_loss, [language_loss.item(), *right]


def make_optimizers(model: Any, probe: Probe, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for the rest."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    taken = {id(parameter) for parameter in matrices}
    rest = [p for p in [*model.parameters(), *probe.parameters()] if id(p) not in taken]
    return [
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=lr, weight_decay=0.01, betas=(0.9, 0.98)),
    ]


def beside(checkpoint: Path, suffix: str) -> Path:
    """A file next to the checkpoint's folder: what only a resumed training needs."""
    return checkpoint.with_name(checkpoint.name + suffix)


def save(
    out: Path, model: Any, processor: Any, probe: Probe, history: list[dict[str, Any]]
) -> None:
    model.save_pretrained(out)
    processor.save_pretrained(out)
    torch.save(probe.state_dict(), beside(out, ".probe.pt"))
    text = json.dumps(history, indent=1) + "\n"
    beside(out, ".training.json").write_text(text, encoding="utf-8")


def build_or_resume(out: Path, resume: bool) -> tuple[Any, Any, Probe, list[dict[str, Any]]]:
    """The processor, the model, the probe, and what was trained before."""
    if not resume:
        processor = build_processor(build_tokenizer())
        model = build_model(processor.tokenizer).train()
        return processor, model, Probe(model.config.text_config.hidden_size), []
    processor = Qwen2VLProcessor.from_pretrained(out)
    model = Qwen2VLForConditionalGeneration.from_pretrained(out).train()
    probe = Probe(model.config.text_config.hidden_size)
    probe.load_state_dict(torch.load(beside(out, ".probe.pt")))
    history = json.loads(beside(out, ".training.json").read_text(encoding="utf-8"))
    return processor, model, probe, history


def learning_rate(peak: float, step: int, total: int) -> float:
    """Up within 50 steps, then down in a line; `step` counts from 1."""
    return peak * min(1.0, step / 50, 1.02 - step / total)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--resume", action="store_true", help="continue what is in --out")
    parser.add_argument("--vision-steps", type=int, default=1000)
    parser.add_argument("--short-steps", type=int, default=400, help="with short answers only")
    parser.add_argument("--steps", type=int, default=1800, help="with every kind of answer")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=250)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    processor, model, probe, history = build_or_resume(options.out, options.resume)
    optimizers = make_optimizers(model, probe, options.lr)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {len(processor.tokenizer)} tokens of vocabulary", flush=True)

    seed = options.seed + 1 + 1000 * len(history)
    lengths = (options.vision_steps, options.short_steps, options.steps)
    batches = Batches(processor, options.batch, seed, list(zip(STAGES, lengths, strict=True)))
    loader = torch.utils.data.DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)
    history.append({"lr": options.lr, "batch": options.batch, "seed": seed})
    log: list[list[float]] = []
    started = time.monotonic()
    for step, batch in enumerate(loader, 1):
        # The two parts, vision and language, have a learning rate schedule each.
        done, total = step, options.vision_steps
        if step > options.vision_steps:
            done, total = step - options.vision_steps, options.short_steps + options.steps
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(options.lr, done, total)
        loss, numbers = training_loss(model, probe, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        log.append(numbers)
        seconds = round(time.monotonic() - started)
        history[-1] |= {"steps": step, "wall_s": seconds}
        if step % 50 == 0 or done == total:
            means = np.mean(log, 0).round(3).tolist()
            print(
                step, dict(zip(["loss", *ATTRIBUTES], means, strict=True)), seconds, "s", flush=True
            )
            log = []
        if step % options.save_every == 0 or done == total:
            save(options.out, model, processor, probe, history)


if __name__ == "__main__":
    main()
