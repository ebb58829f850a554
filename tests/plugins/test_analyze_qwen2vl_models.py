"""Checkpoints of the Qwen-VL family: the analyzer says what transformers alone says with them."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from toolkit.hooks.specs import Context
from toolkit.records import Answer, Ask, Frames
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.stages.prompts import PACKAGED
from toolkit.testing.analyzers import sample_frames
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
COLOUR = Ask(kind="question", name="What colour is the shape?")


def build(base: Path, **options: Any) -> Analyzer:
    return make(
        Qwen2VLOptions(**{"model": str(TINY), "device": "cpu"} | options), Context(base, base)
    )


def answers(analyzer: Analyzer, *looks: Look) -> list[list[Answer]]:
    found = [list(replies) for replies in analyzer.analyze(looks, "f", Cancel())]
    assert all(isinstance(reply, Answer) for replies in found for reply in replies), found
    return found  # type: ignore[return-value]


@functools.cache
def load(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(folder)
    return AutoProcessor.from_pretrained(folder), model.eval()


def plain(folder: Path, frames: Frames, question: str) -> tuple[str, dict[str, float]]:
    """The answer by transformers alone, on the whole prompt, and the labels' log-probabilities."""
    import torch

    processor, model = load(folder)
    text = {
        name: (PACKAGED / f"{name}.md").read_text().rstrip("\n") for name in ("system", "frames")
    }
    times = ", ".join(f"{at:.1f}" for at in frames.pts_s)
    words = text["frames"].replace("{times}", times) + "\n" + question
    chat = [
        {"role": "system", "content": [{"type": "text", "text": text["system"]}]},
        {
            "role": "user",
            "content": [{"type": "video", "video": frames.rgb}, {"type": "text", "text": words}],
        },
    ]
    span_s = frames.pts_s[-1] - frames.pts_s[0]
    inputs = processor.apply_chat_template(
        [chat],
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
        processor_kwargs={
            "do_sample_frames": False,
            "video_metadata": [
                {"total_num_frames": len(frames), "fps": (len(frames) - 1) / span_s}
            ],
        },
    )
    prompt = inputs["input_ids"].shape[1]
    out = model.generate(**inputs, max_new_tokens=24, do_sample=False)
    said = processor.batch_decode(out[:, prompt:], skip_special_tokens=True)[0].strip()
    scores = {}
    for label in ("positive", "neutral", "negative"):
        ids = processor.tokenizer(label, add_special_tokens=False, return_tensors="pt").input_ids
        longer = dict(inputs)
        for name, filler in (("input_ids", ids), ("attention_mask", torch.ones_like(ids))):
            longer[name] = torch.cat([inputs[name], filler], 1)
        kinds = inputs["mm_token_type_ids"]
        longer["mm_token_type_ids"] = torch.cat([kinds, torch.zeros_like(ids)], 1)
        with torch.inference_mode():
            log_p = model(**longer).logits[0, prompt - 1 : -1].log_softmax(-1)
        scores[label] = float(log_p.gather(-1, ids[0][:, None]).sum())
    return said, scores


def assert_same_as_plain(folder: Path, analyzer: Analyzer) -> None:
    asked = analyzer.asks([Ask(kind="description"), COLOUR, Ask(kind="sentiment")])

    looks = [
        Look(sample_frames(1, count=6), asked[1:]),
        Look(sample_frames(2, count=3, height=200, width=120), asked),
    ]
    for look, given in zip(looks, answers(analyzer, *looks), strict=True):
        for ask, answer in zip(look.asks, given, strict=True):
            text, scores = plain(folder, look.frames, ask.prompt.split("\n")[-1])
            if ask.kind == "sentiment":
                assert answer.text == max(scores, key=lambda label: scores[label])
            elif answer.evidence.finish_reason == "loop":
                assert text.startswith(answer.text)
            else:
                assert answer.text == text


def test_one_look_says_what_transformers_says_to_each_whole_prompt(tmp_path: Path) -> None:
    with build(tmp_path) as analyzer:
        assert_same_as_plain(TINY, analyzer)


def test_qwen2_5_vl_runs_too(tmp_path: Path) -> None:
    import torch
    from transformers import AutoConfig, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    known = AutoConfig.from_pretrained(TINY)
    text = known.text_config.to_dict() | {"model_type": "qwen2_5_vl_text"}
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_heads": 4,
            "out_hidden_size": text["hidden_size"],
            "fullatt_block_indexes": [1],
            "window_size": 56,
        },
        **{
            name: getattr(known, name)
            for name in known.to_dict()
            if name.endswith("_token_id") or name == "tie_word_embeddings"
        },
    )
    torch.manual_seed(3)
    folder = tmp_path / "qwen2_5"
    shutil.copytree(TINY, folder)
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    processor = json.loads((folder / "processor_config.json").read_text())
    processor["processor_class"] = "Qwen2_5_VLProcessor"
    (folder / "processor_config.json").write_text(json.dumps(processor))
    with build(tmp_path, model="qwen2_5", max_description_tokens=24, max_answer_tokens=24) as one:
        assert_same_as_plain(folder, one)


def test_reads_the_layout_that_the_hub_has(tmp_path: Path) -> None:
    """Shards with an index, a flat config, and the processor files of 2024."""
    from safetensors.torch import load_file, save_file

    old = tmp_path / "old"
    old.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(TINY / name, old)
    template = (TINY / "chat_template.jinja").read_text()
    (old / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    processor = json.loads((TINY / "processor_config.json").read_text())["image_processor"]
    size = processor.pop("size")
    processor |= {"min_pixels": size["shortest_edge"], "max_pixels": size["longest_edge"]}
    processor["processor_class"] = "Qwen2VLProcessor"
    (old / "preprocessor_config.json").write_text(json.dumps(processor))
    config = json.loads((TINY / "config.json").read_text())
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    text |= {"rope_theta": rope["rope_theta"]}
    text["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
    (old / "config.json").write_text(json.dumps(text | config))
    tensors = sorted(load_file(TINY / "model.safetensors").items())
    where: dict[str, str] = {}
    for number in (1, 2):
        shard = f"model-0000{number}-of-00002.safetensors"
        part = dict(tensors[number - 1 :: 2])
        save_file(part, old / shard, metadata={"format": "pt"})
        where |= dict.fromkeys(part, shard)
    index = {"metadata": {}, "weight_map": where}
    (old / "model.safetensors.index.json").write_text(json.dumps(index))

    with build(tmp_path, model="old") as hub, build(tmp_path) as analyzer:
        look = Look(
            sample_frames(), analyzer.asks([Ask(kind="description"), Ask(kind="sentiment")])
        )
        [[said, felt]], [[known, known_felt]] = answers(hub, look), answers(analyzer, look)
    assert said.text == known.text
    assert felt.confidence == pytest.approx(known_felt.confidence, abs=1e-4)
