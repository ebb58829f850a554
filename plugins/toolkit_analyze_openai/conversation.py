"""A scene's frames and a question, as the messages of a chat.

What all asks about a scene share comes first and word for word the same: system prompt, frames,
their times. The question comes last. So a server that keeps prefixes encodes the frames once.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Message", "ask_again", "chat", "jpegs", "parts"]

Message = dict[str, Any]
AGAIN = "That cannot be used: {reason}. Give the answer again, and nothing but the answer."
"""What is said to an answer that is none."""


def jpegs(rgb: npt.NDArray[np.uint8], quality: int) -> list[str]:
    """Frames (n, height, width, 3) as JPEGs in base64."""
    from PIL import Image

    found = []
    for frame in rgb:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=quality)
        found.append(base64.b64encode(file.getvalue()).decode("ascii"))
    return found


def parts(frames: Sequence[str], *, as_video: bool) -> list[Message]:
    """The part of a message that shows frames; a video is what vLLM calls ``video/jpeg``."""
    if as_video:
        url = f"data:video/jpeg;base64,{','.join(frames)}"
        return [{"type": "video_url", "video_url": {"url": url}}]
    return [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{frame}"}}
        for frame in frames
    ]


def chat(system: str, shown: Sequence[Message], words: str) -> list[Message]:
    """The messages: who the model is, what it sees, what it is asked."""
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": [*shown, {"type": "text", "text": words}]},
    ]


def ask_again(messages: Sequence[Message], text: str, reason: str) -> list[Message]:
    """The messages after an answer that cannot be used."""
    return [
        *messages,
        {"role": "assistant", "content": text},
        {"role": "user", "content": AGAIN.format(reason=reason.rstrip("."))},
    ]
