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
from toolkit.stages.verdicts import SENTIMENTS, calibrated, empty_frames
from toolkit.testing.analyzers import sample_frames
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make
from toolkit_analyze_qwen2vl.scoring import shares

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


def plain(
    folder: Path, frames: Frames, question: str
) -> tuple[str, dict[str, float], dict[str, int]]:
    """The answer by transformers alone, on the whole prompt; the sentiments' log-probabilities,
    and how many tokens each has."""
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
    rate = (len(frames) - 1) / float(frames.pts_s[-1] - frames.pts_s[0])
    metadata = {
        "total_num_frames": len(frames),
        "fps": rate,
        "frames_indices": [float(at) * rate for at in frames.pts_s],
    }
    inputs = processor.apply_chat_template(
        [chat],
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
        processor_kwargs={"do_sample_frames": False, "video_metadata": [metadata]},
    )
    prompt = inputs["input_ids"].shape[1]
    out = model.generate(**inputs, max_new_tokens=24, do_sample=False)
    said = processor.batch_decode(out[:, prompt:], skip_special_tokens=True)[0].strip()
    scores, lengths = {}, {}
    for label in SENTIMENTS:
        ids = processor.tokenizer(label, add_special_tokens=False, return_tensors="pt").input_ids
        longer = dict(inputs)
        for name, filler in (("input_ids", ids), ("attention_mask", torch.ones_like(ids))):
            longer[name] = torch.cat([inputs[name], filler], 1)
        kinds = inputs["mm_token_type_ids"]
        longer["mm_token_type_ids"] = torch.cat([kinds, torch.zeros_like(ids)], 1)
        with torch.inference_mode():
            log_p = model(**longer).logits[0, prompt - 1 : -1].log_softmax(-1)
        scores[label] = float(log_p.gather(-1, ids[0][:, None]).sum())
        lengths[label] = ids.shape[1]
    return said, scores, lengths


def feels(folder: Path, frames: Frames, question: str) -> dict[str, float]:
    """What part each sentiment has, by transformers alone, measured against two grey frames."""
    grey, times_s = empty_frames()
    empty = Frames(frames.scene, frames.sampler, times_s, grey)
    found, leaning = (
        shares(list(scores.values()), [lengths[label] for label in scores])
        for scores, lengths in (plain(folder, each, question)[1:] for each in (frames, empty))
    )
    return dict(zip(SENTIMENTS, calibrated(found, leaning), strict=True))


def assert_same_as_plain(folder: Path, analyzer: Analyzer) -> None:
    asked = analyzer.asks([Ask(kind="description"), COLOUR, Ask(kind="sentiment")])
    looks = [
        Look(sample_frames(1, count=6), asked[1:]),
        Look(sample_frames(2, count=3, height=200, width=120), asked),
    ]
    for look, given in zip(looks, answers(analyzer, *looks), strict=True):
        for ask, answer in zip(look.asks, given, strict=True):
            question = ask.prompt.split("\n")[-1]
            if ask.kind == "sentiment":
                parts = feels(folder, look.frames, question)
                assert answer.text == max(parts, key=parts.__getitem__)
                assert answer.confidence == pytest.approx(max(parts.values()), abs=1e-4)
                continue
            text = plain(folder, look.frames, question)[0]
            if answer.evidence.finish_reason == "loop":
                assert text.startswith(answer.text)
            else:
                assert answer.text == text


def test_one_look_says_what_transformers_says_to_each_whole_prompt(tmp_path: Path) -> None:
    with build(tmp_path) as analyzer:
        assert_same_as_plain(TINY, analyzer)


def successor(folder: Path, version: str) -> Path:
    """A small untrained model of a later version, with the tiny one's tokenizer."""
    import torch
    import transformers

    known = transformers.AutoConfig.from_pretrained(TINY)
    text = known.text_config.to_dict() | {"model_type": f"qwen{version}_vl_text"}
    vision: dict[str, Any] = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_heads": 4,
    }
    vision["out_hidden_size"] = text["hidden_size"]
    if version == "2_5":
        vision |= {"fullatt_block_indexes": [1], "window_size": 56}
    else:
        del text["max_window_layers"], text["sliding_window"], text["use_sliding_window"]
        del text["layer_types"]
        text |= {"head_dim": 32}
        text["rope_parameters"] |= {"mrope_section": [6, 5, 5], "mrope_interleaved": True}
        vision |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 64}
    config = getattr(transformers, f"Qwen{version}VLConfig".replace("5V", "5_V"))(
        text_config=text,
        vision_config=vision,
        **{
            name: getattr(known, name)
            for name in known.to_dict()
            if name.endswith("_token_id") or name == "tie_word_embeddings"
        },
    )
    torch.manual_seed(3)
    shutil.copytree(TINY, folder)
    model = transformers.AutoModelForImageTextToText.from_config(config)
    for parameter in model.parameters():
        if parameter.ndim > 1:  # the usual deviation would say one word again and again
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    model.save_pretrained(folder)
    processor = json.loads((folder / "processor_config.json").read_text())
    processor["processor_class"] = f"Qwen{version}VLProcessor".replace("5V", "5_V")
    if version == "3":
        for part in (processor["image_processor"], processor["video_processor"]):
            part |= {"patch_size": 16, "size": {"shortest_edge": 4096, "longest_edge": 262144}}
        processor["video_processor"] |= {
            "video_processor_type": "Qwen3VLVideoProcessor",
            "max_video_tokens": 12,
        }
    (folder / "processor_config.json").write_text(json.dumps(processor))
    return folder


@pytest.mark.parametrize("version", ["2_5", "3"])
def test_successors_run_too(tmp_path: Path, version: str) -> None:
    folder = successor(tmp_path / "model", version)
    with build(tmp_path, model="model", max_description_tokens=24, max_answer_tokens=24) as one:
        assert_same_as_plain(folder, one)


@pytest.mark.parametrize("version", ["2_5", "3"])
def test_successors_follow_the_bounds_of_pixels(tmp_path: Path, version: str) -> None:
    successor(tmp_path / "model", version)
    with build(tmp_path, model="model", max_pixels=64 * 64, max_description_tokens=4) as one:
        for count in (1, 2, 5, 8):
            look = Look(sample_frames(1, count=count), one.asks([Ask(kind="description")]))
            [[answer]] = answers(one, look)
            width, height = answer.evidence.frame_size or (0, 0)
            assert 0 < width * height <= 64 * 64


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
