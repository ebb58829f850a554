"""What the benchmarks of the analyzer share: scenes, asks, ours, and one generate at a time."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

QUESTIONS = (
    "What colour is the shape?",
    "What shape moves through the picture?",
    "Is it day or night in this scene?",
)
LABELS = (
    *("red", "green", "blue", "yellow", "white", "black", "circle", "square", "triangle", "star"),
    *("day", "night", "left", "right", "up", "down", "moving", "still", "one shape", "two shapes"),
)


@dataclass
class Done:
    """What was answered, and what it took.

    Attributes:
        texts: Scene and ask -> the words written.
        scores: Scene and label -> the probability of Yes among Yes and No.
        wall_s: Wall time, loading and the first, warming look left out.
        cpu_s: CPU time of all threads.
        peak_mb: The process's peak memory.
        written: Tokens of answers.
        read: Tokens that went through the text layers, padding and written ones included.
        patches: Patches that went through the vision tower.
    """

    texts: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    written: int = 0
    read: int = 0
    patches: int = 0

    def data(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


@contextmanager
def measured(done: Done) -> Iterator[None]:
    """Add up what the block takes."""
    import torch

    def count(module: Any, args: tuple[Any, ...]) -> None:
        name = type(module).__name__
        if isinstance(module, torch.nn.Embedding):
            done.read += args[0].numel()
        elif name == "PatchEmbed":
            done.patches += len(args[0])

    hook = torch.nn.modules.module.register_module_forward_pre_hook(count)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        hook.remove()
        done.wall_s += time.perf_counter() - wall_s
        done.cpu_s += time.process_time() - cpu_s
        done.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def scenes(count: int, frames: int, width: int, height: int) -> list[Any]:
    """Frames of some scenes."""
    from toolkit.testing.analyzers import sample_frames

    return [sample_frames(n, count=frames, height=height, width=width) for n in range(count)]


def wanted(labels: int) -> list[Any]:
    """A description, three questions, sentiment, and some labels."""
    from toolkit.records import AnswerType, Ask

    asks = [Ask(kind="description"), *(Ask(kind="question", name=name) for name in QUESTIONS)]
    asks.append(Ask(kind="sentiment"))
    if labels:
        asks.append(Ask(kind="labels", type=AnswerType(kind="many_of", choices=LABELS[:labels])))
    return asks


def analyzer(folder: Path, limits: tuple[int, int], **options: Any) -> Any:
    """Ours, with that many tokens for a description and for an answer."""
    from toolkit.hooks.specs import Context
    from toolkit_analyze_qwen2vl import Qwen2VLOptions, make

    chosen = Qwen2VLOptions(
        model=str(folder), max_description_tokens=limits[0], max_answer_tokens=limits[1], **options
    )
    return make(chosen, Context(folder, folder))


def ours(folder: Path, frames: Sequence[Any], labels: int, limits: tuple[int, int]) -> Done:
    """One look at each scene. Loops are not cut, so that both write as many tokens."""
    from toolkit.stages.analysis import Look
    from toolkit.stages.component import Cancel
    from toolkit_analyze_qwen2vl import repetition

    repetition.LONGEST = 0
    done = Done()
    with analyzer(folder, limits) as one:
        asks = one.asks(wanted(labels))
        looks = [Look(each, asks) for each in frames]
        list(one.analyze(looks[:1], "f", Cancel()))  # loads, warms up, reads the empty input
        with measured(done):
            replies = [list(each) for each in one.analyze(looks, "f", Cancel())]
    for number, each in enumerate(replies):
        for answer in each:
            done.written += answer.evidence.tokens_out
            if answer.kind == "labels":
                done.scores |= {f"{number} {label}": p for label, p in answer.value.items()}
            else:
                done.texts[f"{number} {answer.kind} {answer.name}"] = answer.text
    return done


def one_by_one(folder: Path, frames: Sequence[Any], labels: int, limits: tuple[int, int]) -> Done:
    """One ``generate`` for each scene and prompt, the frames prepared and encoded each time."""
    from toolkit.stages.verdicts import calibrated

    peer = _Peer(folder)
    done = Done()
    asks = wanted(labels)
    peer.say(frames[0], "Warm up.", 2)
    with measured(done):
        for number, each in enumerate(frames):
            for ask in asks:
                most = {"description": limits[0], "sentiment": 4, "labels": 1}.get(
                    ask.kind, limits[1]
                )
                for name, question in peer.questions(ask):
                    said = peer.say(each, question, most)
                    done.written += said.tokens
                    if ask.kind == "labels":
                        done.scores[f"{number} {name}"] = said.yes
                    else:
                        done.texts[f"{number} {ask.kind} {name}"] = said.text
    # Ours are measured against an empty input; so are these, outside of what is timed.
    grey = empty(frames[0])
    for ask in asks:
        for name, question in peer.questions(ask) if ask.kind == "labels" else ():
            leaning = peer.say(grey, question, 1).yes
            for number in range(len(frames)):
                yes = done.scores[f"{number} {name}"]
                known = calibrated([yes, 1 - yes], [leaning, 1 - leaning])
                done.scores[f"{number} {name}"] = known[0]
    return done


def empty(frames: Any) -> Any:
    """Two grey frames."""
    from toolkit.records import Frames
    from toolkit.stages.verdicts import empty_frames

    grey, times_s = empty_frames()
    return Frames(frames.scene, frames.sampler, times_s, grey)


@dataclass(frozen=True)
class Said:
    """An answer, its length, and what share Yes had of Yes and No at its beginning."""

    text: str
    tokens: int
    yes: float


class _Peer:
    """transformers as its guide shows it."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        from toolkit.stages.prompts import Prompts

        self.processor = AutoProcessor.from_pretrained(folder)
        self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
        self.model = self.model.eval()
        self.prompts = Prompts.read(None)
        self.words = [
            self.processor.tokenizer(word, add_special_tokens=False).input_ids[0]
            for word in ("Yes", "No")
        ]

    def questions(self, ask: Any) -> list[tuple[str, str]]:
        """The questions of an ask, each with what it is about."""
        names = ask.type.choices if ask.kind == "labels" else (ask.name,)
        return list(zip(names, self.prompts.questions(ask), strict=True))

    def say(self, frames: Any, question: str, most: int) -> Said:
        """The answer of at most so many tokens."""
        import torch

        chat: Any = self.prompts.conversation(frames.pts_s.tolist(), question)
        chat[0]["content"] = [{"type": "text", "text": chat[0]["content"]}]
        chat[1]["content"][0] = {"type": "video", "video": frames.rgb}
        inputs = self.processor.apply_chat_template(
            chat,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
            processor_kwargs={"do_sample_frames": False},
        )
        start = inputs["input_ids"].shape[1]
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                max_new_tokens=most,
                do_sample=False,
                return_dict_in_generate=True,
                output_scores=True,
            )
        said = out.sequences[0, start:]
        share = out.scores[0][0, self.words].float().softmax(-1)[0]
        text = self.processor.tokenizer.decode(said, skip_special_tokens=True).strip()
        return Said(text, len(said), float(share))
