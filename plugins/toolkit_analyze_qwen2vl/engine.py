"""vLLM's engine in this process: prompts of tokens and frames in, tokens and probabilities out.

See https://docs.vllm.ai/en/stable/api/ for its classes. It keeps what it read of a prompt: calls
that begin alike read that once, so the frames of a scene are encoded for the first one alone.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.errors import MissingExtraError, ModelError
from toolkit.records import AnswerType
from toolkit.stages.component import Cancel
from toolkit_analyze_qwen2vl.decoding import constraint, is_decoded
from toolkit_analyze_qwen2vl.placing import free_bytes, place
from toolkit_analyze_qwen2vl.repetition import LONGEST, ROUNDS
from toolkit_analyze_qwen2vl.tensors import Tensors
from toolkit_analyze_qwen2vl.ways import first_line

__all__ = ["Call", "Engine", "Output", "prompt", "read", "sampling", "start"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """One prompt, and what is wanted of it.

    Attributes:
        head: The prompt's tokens up to the question, a video being one token.
        tokens: Those of the question, up to where the answer begins or goes on.
        video: Frames (n, height, width, 3), and what is known of them; None: text alone.
        name: Of the video; calls about the same frames have the same.
        limit: Most tokens of the answer.
        form: The type of the answer.
        among: The tokens whose probabilities as the next one are wanted, instead of an answer.
    """

    head: tuple[int, ...]
    tokens: tuple[int, ...]
    video: tuple[Any, dict[str, Any]] | None = None
    name: str = ""
    limit: int = 1
    form: AnswerType = field(default_factory=AnswerType)
    among: tuple[int, ...] = ()


@dataclass(frozen=True)
class Output:
    """What came of a call.

    Attributes:
        steps: The answer's tokens, with one that ends it, each with its log-probability among
            those that were allowed.
        among: Log-probability of each token that was asked for.
        tokens_in: Length of the prompt, frames included.
    """

    steps: list[tuple[int, float]]
    among: dict[int, float]
    tokens_in: int


def prompt(call: Call) -> dict[str, Any]:
    """The prompt as vLLM takes it."""
    made: dict[str, Any] = {"prompt_token_ids": [*call.head, *call.tokens]}
    if call.video:
        made |= {
            "multi_modal_data": {"video": call.video},
            "multi_modal_uuids": {"video": [call.name]},  # else it would hash the frames each time
        }
    return made


def sampling(call: Call, ends: Collection[int]) -> dict[str, Any]:
    """The arguments of vLLM's ``SamplingParams``; what is an object there is a dict here."""
    if call.among:
        return {"temperature": 0.0, "max_tokens": 1, "logprob_token_ids": [*call.among]}
    made = {
        "temperature": 0.0,
        "max_tokens": call.limit,
        "logprobs": 1,
        "stop_token_ids": sorted(ends),
    }
    if is_decoded(call.form):
        made["structured_outputs"] = constraint(call.form)
    if call.form.kind != "json":  # a list of numbers may rightly be the same one many times
        least = ROUNDS + 1
        made["repetition_detection"] = {
            "max_pattern_size": LONGEST,
            "min_pattern_size": least,
            "min_count": least,
        }
    return made


def read(call: Call, output: Any) -> Output:
    """What vLLM's ``RequestOutput`` says."""
    [said] = output.outputs
    told = [*zip(said.token_ids, said.logprobs, strict=True)]
    steps = [(token, float(likely[token].logprob)) for token, likely in told]
    among = {token: float(told[0][1][token].logprob) for token in call.among}
    return Output(steps, among, len(output.prompt_token_ids))


class Engine:
    """A started engine. Belongs to one thread.

    Args:
        llm: vLLM's ``LLM``.
        ends: The tokens that end an answer.
        dtype: Number format of the weights.
        device: Where it runs, and by which version.
    """

    def __init__(self, llm: Any, ends: Collection[int], dtype: str, device: str) -> None:
        self._llm = llm
        self._ends = ends
        self.dtype = dtype
        self.device = device

    def run(self, calls: Sequence[Call], cancel: Cancel) -> list[Output]:
        """The outputs of all calls, in order; those about the same video read it once.

        Raises:
            CancelledError: ``cancel`` was set; looked at before every token.
            Exception: Whatever vLLM raises of a prompt that it does not take.
        """
        # The first call about a video goes ahead, for the others find only what was read before.
        first = {call.name: place for place, call in reversed([*enumerate(calls)]) if call.video}
        ahead = sorted(first.values())
        rest = sorted(set(range(len(calls))) - set(ahead))
        outputs: dict[int, Output] = {}
        for places in (ahead, rest):
            outputs |= self._run([(place, calls[place]) for place in places], cancel)
        return [outputs[place] for place in range(len(calls))]

    def _run(self, calls: Sequence[tuple[int, Call]], cancel: Cancel) -> dict[int, Output]:
        engine = self._llm.llm_engine
        waiting: dict[str, tuple[int, Call]] = {}
        outputs: dict[int, Output] = {}
        try:
            for place, call in calls:
                [name] = self._llm.enqueue([prompt(call)], self._params(call), use_tqdm=False)
                waiting[name.partition("-")[0]] = (place, call)
            while engine.has_unfinished_requests():
                cancel.check()
                for output in engine.step():
                    if output.finished:
                        place, call = waiting.pop(output.request_id)
                        outputs[place] = read(call, output)
        finally:
            if waiting:
                engine.abort_request([*waiting])
        return outputs

    def _params(self, call: Call) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RepetitionDetectionParams, StructuredOutputsParams

        made = sampling(call, self._ends)
        if "structured_outputs" in made:
            made["structured_outputs"] = StructuredOutputsParams(**made["structured_outputs"])
        if "repetition_detection" in made:
            made["repetition_detection"] = RepetitionDetectionParams(**made["repetition_detection"])
        return SamplingParams(**made)

    def close(self) -> None:
        """End it, and give its memory back."""
        engine = self._llm.llm_engine.engine_core
        self._llm = None
        engine.shutdown()


def start(
    folder: Path,
    model: str,
    *,
    device: str,
    dtype: str,
    memory_share: float,
    ends: Collection[int],
    pixels: dict[str, int],
) -> Engine:
    """Start vLLM with a checked folder; ``model`` is its name in errors.

    Raises:
        MissingExtraError: vLLM is not installed.
        ModelError: There is too little memory, no device for it, or it cannot run the model.
    """
    # In this process: a script then needs no guard, and its end is the engine's.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CONFIGURE_LOGGING", "0")  # its words go where all logs go
    try:
        import torch
        import vllm
        from vllm.platforms import current_platform
    except ImportError as error:
        raise MissingExtraError("qwen2vl", "vllm", cause=error) from error
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    chosen = place(
        model,
        Tensors.of(folder),
        device=device,
        dtype=dtype,
        is_quantised="quantization_config" in config,
        free=free_bytes(torch),
    )
    kind, _, numbers = chosen.device.partition(":")
    if kind != current_platform.device_type or (numbers or "0")[0] != "0":
        made_for = current_platform.device_type or "no device of this machine"
        raise ModelError(
            f"vLLM cannot use {chosen.device} here; it is made for {made_for}.",
            hint="Set backend = transformers in [analysis], or name another device. Which of "
            "several GPUs vLLM takes first is told by CUDA_VISIBLE_DEVICES.",
            device=chosen.device,
        )
    try:
        llm = vllm.LLM(
            str(folder),
            dtype=chosen.dtype,
            gpu_memory_utilization=memory_share,
            tensor_parallel_size=len(numbers.split("+")),
            limit_mm_per_prompt={"image": 0, "video": 1},
            mm_processor_kwargs={"size": pixels, "do_sample_frames": False},
            enable_prefix_caching=True,
            structured_outputs_config={"backend": "guidance"},  # llguidance, as without vLLM
            trust_remote_code=False,
            load_format="safetensors",
            seed=0,
        )
    except Exception as error:  # whatever vLLM and torch raise
        raise ModelError(
            f"vLLM cannot run the model '{model}' on {chosen.device} ({first_line(error)}).",
            hint="Set memory_share in [analysis] to what is free of the GPU's memory, take a "
            "smaller model, or set backend = transformers.",
            model=model,
            device=chosen.device,
        ) from error
    made = str(llm.model_config.dtype).removeprefix("torch.")
    log.info("Started vLLM %s with %s on %s in %s", vllm.__version__, model, chosen.device, made)
    return Engine(llm, ends, made, f"{chosen.device} (vLLM {vllm.__version__})")
