"""Train the tiny Qwen2-VL of the tests, whose answers can be checked for meaning.

    python tools/train_tiny_qwen2vl.py --out build/tiny-qwen2vl
    python tools/train_tiny_qwen2vl.py --out build/tiny-qwen2vl \
        --start tests/models/tiny-qwen2vl --steps 2000 --lr 1e-3

First the vision tower alone learns to tell a clip's attributes to a probe (without it the tower
hardly learns), then the whole model learns to answer, short answers before long ones. With
`--start` the training goes on from a checkpoint, its vision tower, tokenizer and size unchanged:
the way to teach it new questions. On two CPU cores either takes about an hour.
`evaluate_tiny_qwen2vl.py` measures the result.
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
from tiny_world_branches import attention, positions
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
    model: Any, probe: Probe | None, batch: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, dict[str, float]]:
    """The loss and, for the log, the language loss and the probe's share of right answers.

    Without a probe the vision tower stays as it is.
    """
    truth, labels = batch.pop("truth"), batch.pop("labels", None)
    vision = {}
    with torch.set_grad_enabled(probe is not None):
        if "pixel_values_videos" in batch:
            vision["video"] = model.model.get_video_features(
                batch.pop("pixel_values_videos"), batch["video_grid_thw"], return_dict=True
            )
        elif "pixel_values" in batch:
            vision["image"] = model.model.get_image_features(
                batch.pop("pixel_values"), batch["image_grid_thw"], return_dict=True
            )
    probe_loss, numbers = torch.zeros(()), dict[str, float]()
    if probe is not None:
        for seen in vision.values():
            probe_loss, right = probe(torch.stack(tuple(seen.pooler_output)), truth)
            numbers = dict(zip(ATTRIBUTES, right, strict=True))
    if labels is None:
        return probe_loss, numbers
    hidden = model.model(
        input_ids=batch["input_ids"],
        position_ids=positions(model.model, batch),
        attention_mask={"full_attention": attention(batch["owner"])},
        mm_encoder_outputs=vision,
        use_cache=False,
    ).last_hidden_state[:, :-1]
    labels, weights = labels[:, 1:], batch["weights"][:, 1:]
    asked = labels >= 0
    losses = functional.cross_entropy(model.lm_head(hidden[asked]), labels[asked], reduction="none")
    language_loss = (losses * weights[asked]).sum() / weights[asked].sum()
    return language_loss + 0.2 * probe_loss, {"loss": language_loss.item(), **numbers}


def make_optimizers(model: Any, probe: Probe | None, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for the rest."""
    learnt = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in learnt if p.ndim == 2 and "embed" not in name]
    taken = {id(parameter) for parameter in matrices}
    rest = [p for _, p in learnt if id(p) not in taken]
    rest += [] if probe is None else [*probe.parameters()]
    return [
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=lr, weight_decay=0.01, betas=(0.9, 0.98)),
    ]


def history_file(checkpoint: Path) -> Path:
    """What was trained, next to the checkpoint's folder."""
    return checkpoint.with_name(checkpoint.name + ".training.json")


def save(out: Path, model: Any, processor: Any, history: list[dict[str, Any]]) -> None:
    model.save_pretrained(out)
    processor.save_pretrained(out)
    text = json.dumps(history, indent=1) + "\n"
    history_file(out).write_text(text, encoding="utf-8")


def share_words(model: Any, tokenizer: Any, share: float = 1.5) -> None:
    """Give a word that opens a quotation the meaning of the same word after a space.

    They are different tokens; one that was only ever answered, never asked about, means nothing
    to the layers that read. Learning it from answers of Yes and No alone takes very long.
    """
    vocabulary = tokenizer.get_vocab()
    words = model.get_input_embeddings().weight.data
    before = words.clone()
    for token, index in vocabulary.items():
        spaced = vocabulary.get("\u0120" + token)  # a space, as byte-level BPE writes it
        if spaced is not None and len(token) > 1 and token.isalpha():
            words[index] += share * before[spaced]


def build_or_load(start: Path | None) -> tuple[Any, Any, Probe | None, list[dict[str, Any]]]:
    """The processor, the model, the probe where there is one, and what was trained before."""
    if start is None:
        processor = build_processor(build_tokenizer())
        model = build_model(processor.tokenizer).train()
        return processor, model, Probe(model.config.text_config.hidden_size), []
    processor = Qwen2VLProcessor.from_pretrained(start)
    model = Qwen2VLForConditionalGeneration.from_pretrained(start).train()
    model.model.visual.requires_grad_(False)
    history: list[dict[str, Any]] = []
    if history_file(start).exists():
        history = json.loads(history_file(start).read_text(encoding="utf-8"))
    elif (start / "accuracy.json").exists():
        measured = json.loads((start / "accuracy.json").read_text(encoding="utf-8"))
        history = measured["training"]["runs"]
    return processor, model, None, history


def learning_rate(peak: float, step: int, done: float) -> float:
    """Up within 50 steps, which count from 1, then down in a line; `done` is a share of the way."""
    return peak * min(1.0, step / 50, 1.02 - done)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--start", type=Path, help="folder of a checkpoint to go on from")
    parser.add_argument(
        "--share-words", action="store_true", help="begin --start with quoted words understood"
    )
    parser.add_argument("--vision-steps", type=int, default=1000, help="none with --start")
    parser.add_argument("--short-steps", type=int, default=400, help="with short answers only")
    parser.add_argument("--steps", type=int, default=1800, help="with every kind of answer")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--minutes", type=float, default=240, help="of wall time at most, in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=250)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    processor, model, probe, history = build_or_load(options.start)
    if probe is None:
        options.vision_steps = options.short_steps = 0
    if options.share_words:
        share_words(model, processor.tokenizer)
    optimizers = make_optimizers(model, probe, options.lr)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {len(processor.tokenizer)} tokens of vocabulary", flush=True)

    seed = options.seed + 1 + 1000 * len(history)
    lengths = (options.vision_steps, options.short_steps, options.steps)
    batches = Batches(processor, options.batch, seed, list(zip(STAGES, lengths, strict=True)))
    loader = torch.utils.data.DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)
    history.append({"lr": options.lr, "batch": options.batch, "seed": seed})
    log: list[dict[str, float]] = []
    started = time.monotonic()
    for step, batch in enumerate(loader, 1):
        # The two parts, vision and language, have a learning rate schedule each.
        done, total = step, options.vision_steps
        if step > options.vision_steps:
            done, total = step - options.vision_steps, options.short_steps + options.steps
        used = min(1.0, (time.monotonic() - started) / (60 * options.minutes))
        share = max(done / total, used)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(options.lr, done, share)
        loss, numbers = training_loss(model, probe, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        log.append(numbers)
        seconds = round(time.monotonic() - started)
        history[-1] |= {"steps": step, "wall_s": seconds, "cpu_s": round(time.process_time())}
        if step % 50 == 0 or share >= 1:
            names = dict.fromkeys(name for line in log for name in line)
            means = {n: round(float(np.mean([x[n] for x in log if n in x])), 3) for n in names}
            print(step, means, seconds, "s", flush=True)
            log = []
        if step % options.save_every == 0 or share >= 1:
            save(options.out, model, processor, history)
        if used >= 1:
            break


if __name__ == "__main__":
    main()
