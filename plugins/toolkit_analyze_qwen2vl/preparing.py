"""From frames and a chat to what the model takes in: the processor's part, done on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MARK", "Preparation", "Prepared", "counts_all_frames", "metadata"]

MARK = "\x1fquestion\x1f"
"""Stands for the question while the chat template is applied."""
_TEXT_TOKENS = 64  # about what the words around the frames take


@dataclass(frozen=True)
class Prepared:
    """A batch of scenes, ready for the model.

    Attributes:
        inputs: Tensors on the CPU, in pinned memory where a GPU waits for them.
        tail: What follows a question, up to where the answer begins.
        frame_sizes: Width and height in pixels of each scene's frames as the model will see them.
    """

    inputs: Any
    tail: str
    frame_sizes: list[tuple[int, int]]


class Preparation:
    """A processor of the Qwen-VL family at work; it may run in a thread beside the model's.

    Args:
        processor: Its own: a tokenizer that two threads share fails.
        pin: Whether a GPU is going to fetch the tensors.
    """

    def __init__(self, processor: Any, *, pin: bool) -> None:
        self._processor = processor
        self._videos = processor.video_processor
        self._pin = pin

    def tokens(self, frames: int, height: int, width: int) -> int:
        """About how many tokens a scene's prompt has: so many frames of this size, and words.

        Raises:
            ValueError: The processor does not take frames of this shape.
        """
        frames = max(frames, self._videos.temporal_patch_size)
        patches: int = self._videos.get_num_of_video_patches(frames, height, width, {})
        return patches // int(self._videos.merge_size) ** 2 + _TEXT_TOKENS

    def prepare(
        self,
        videos: Sequence[npt.NDArray[np.uint8]],
        times_s: Sequence[npt.NDArray[np.float64]],
        conversations: Sequence[Any],
        *,
        max_pixels: int = 0,
    ) -> Prepared:
        """Resize and cut the frames of some scenes, and write down their prompts up to MARK.

        Args:
            videos: The frames of each scene, (n, height, width, 3); n and size may differ.
            times_s: The times of each scene's frames, (n,).
            conversations: The chat about each scene, :data:`MARK` where the question comes.
            max_pixels: Most pixels of a frame; 0: as the processor is set.
        """
        chats = [
            self._processor.apply_chat_template(chat, add_generation_prompt=True)
            for chat in conversations
        ]
        filled = [self.filled(*each) for each in zip(videos, times_s, strict=True)]
        inputs = self._processor(
            text=[chat.partition(MARK)[0] for chat in chats],
            videos=[rgb for rgb, _ in filled],
            padding=True,
            return_tensors="pt",
            do_sample_frames=False,
            input_data_format="channels_last",
            video_metadata=[metadata(times) for _, times in filled],
            **self._bounds(max_pixels, len(filled[0][0])),
        )
        inputs.pop("video_metadata", None)
        if self._pin:
            for name, value in inputs.items():
                if hasattr(value, "pin_memory"):
                    inputs[name] = value.pin_memory()
        patch = self._videos.patch_size
        return Prepared(
            inputs=inputs,
            tail=chats[0].partition(MARK)[2],
            frame_sizes=[
                (width * patch, height * patch)
                for _, height, width in inputs["video_grid_thw"].tolist()
            ],
        )

    def filled(self, rgb: Any, times_s: Any) -> tuple[Any, Any]:
        """Frames enough for one step of time: the last one again, as the processor would pad."""
        import numpy as np

        lacking = self._videos.temporal_patch_size - len(rgb)
        if lacking <= 0:
            return rgb, times_s
        return (
            np.concatenate([rgb, np.repeat(rgb[-1:], lacking, axis=0)]),
            np.concatenate([times_s, np.repeat(times_s[-1:], lacking)]),
        )

    def _bounds(self, max_pixels: int, frames: int) -> dict[str, Any]:
        if not max_pixels:
            return {}
        size = dict(self._videos.size)
        # Qwen3-VL's bounds are those of all frames together.
        most = max_pixels * frames if counts_all_frames(self._videos) else max_pixels
        return {"size": {"shortest_edge": min(size["shortest_edge"], most), "longest_edge": most}}


def counts_all_frames(video_processor: Any) -> bool:
    """Whether its pixel bounds are those of a whole video, and not of one frame."""
    return type(video_processor).__name__.startswith("Qwen3")


def metadata(times_s: npt.NDArray[np.float64]) -> dict[str, Any]:
    """The frames' times as the processor takes them.

    Qwen2.5-VL spaces its positions by the rate, Qwen3-VL writes index / rate before each pair.
    """
    span_s = float(times_s[-1] - times_s[0])
    rate = (len(times_s) - 1) / span_s if span_s > 0 else 1.0
    return {
        "total_num_frames": len(times_s),
        "fps": rate,
        "frames_indices": [time * rate for time in times_s.tolist()],
    }
