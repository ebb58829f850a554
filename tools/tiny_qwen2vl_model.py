"""A Qwen2-VL of 1.4 million parameters: real architecture, processor and chat template."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    Qwen2Tokenizer,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from tiny_world_conversation import MARK, exchange, opening
from tiny_world_dialogue import KINDS
from toolkit.testing.clips import random_truth

FRAME_PIXELS = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
"""Least and most pixels of a frame after resizing: 4 to 16 visual tokens for each two frames."""

# Qwen2-VL's own template, line by line.
CHAT_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}"
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}"
    "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' or 'video' in content %}"
    "{% set video_count.value = video_count.value + 1 %}"
    "{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PAD, END = "<|endoftext|>", "<|im_end|>"
SPECIAL_TOKENS = [
    "<|im_start|>",
    END,
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]


def build_tokenizer(vocabulary_size: int = 800) -> Any:
    """Qwen2's byte-level BPE tokenizer, its merges learnt from the dialogue; always the same."""
    rng = Random(0)
    corpus = ["You are a helpful assistant.", "assistant", "user", "system"] * 100
    for _ in range(3000):
        truth, kinds = random_truth(rng), rng.choices(list(KINDS), k=8)
        content = opening(rng, rng.randint(1, 12))[-1]["content"]
        corpus += [part["text"].replace(MARK, "") for part in content if "text" in part]
        corpus += [text for kind in kinds for text in exchange(truth, rng, kind)]
    learner = Tokenizer(models.BPE())
    words = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated")
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    learner.pre_tokenizer = pre_tokenizers.Sequence([words, as_bytes])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size, initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator(corpus, trainer)
    learnt = json.loads(learner.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=learnt["vocab"],
        merges=[tuple(merge) for merge in learnt["merges"]],
        model_max_length=4096,
        eos_token=END,
        pad_token=PAD,
        extra_special_tokens=SPECIAL_TOKENS,
        padding_side="left",
    )


def build_processor(tokenizer: Any) -> Any:
    """Qwen2-VL's processor with small frames; the real one's least size would be far larger."""
    image_processor = Qwen2VLImageProcessor(size=FRAME_PIXELS)
    video_processor = Qwen2VLVideoProcessor(size=FRAME_PIXELS, cap_pixels_per_frame=True)
    return Qwen2VLProcessor(
        image_processor, tokenizer, video_processor, chat_template=CHAT_TEMPLATE
    )


def build_model(
    tokenizer: Any, hidden: int = 128, layers: int = 4, heads: int = 4, vision_width: int = 96
) -> Any:
    """An untrained model for the tokenizer's vocabulary."""
    token_id = tokenizer.convert_tokens_to_ids
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": -(-len(tokenizer) // 64) * 64,
            "hidden_size": hidden,
            "intermediate_size": 3 * hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads // 2,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            "bos_token_id": token_id(PAD),
            "eos_token_id": token_id(END),
            "pad_token_id": token_id(PAD),
            "max_window_layers": layers,
            # Half the head's width (16), shared by time, height and width as in the real model.
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [4, 6, 6],
            },
        },
        vision_config={
            "depth": 2,
            "embed_dim": vision_width,
            "hidden_size": hidden,
            "num_heads": 4,
            "mlp_ratio": 4,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        image_token_id=token_id("<|image_pad|>"),
        video_token_id=token_id("<|video_pad|>"),
        vision_start_token_id=token_id("<|vision_start|>"),
        vision_end_token_id=token_id("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    model = Qwen2VLForConditionalGeneration(config)
    for parameter in (
        model.parameters()
    ):  # the default deviation of 0.02 is far too small for layers this narrow
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=token_id(PAD),
        pad_token_id=token_id(PAD),
        eos_token_id=[token_id(END), token_id(PAD)],
    )
    return model
