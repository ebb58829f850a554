"""What the notebooks work on: a short film, and a small model that knows what is in it.

With films and models of your own you need nothing of this: ``tk.analyze("talks/*.mp4")``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.testing.clips import random_shots, write_film
from toolkit.testing.film import write_sample_film
from toolkit.testing.server import MediaServer, serve

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent / "tests" / "models" / "tiny-qwen2vl"
WORKSPACE = HERE / "workspace"


def film() -> Path:
    """A film of seven shots, rendered once."""
    path = WORKSPACE / "films" / "film.mp4"
    write_sample_film(path)
    return path


def archive(films: int = 4) -> Path:
    """A folder of short films, each with three shots, rendered once."""
    folder = WORKSPACE / "archive"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(films):
        path = folder / f"film-{number}.mp4"
        if not path.exists():
            rng = random.Random(number)
            write_film(path, random_shots(rng, 3), ["cut"] * 2, rng=rng, height=180, width=320)
    return folder


@contextmanager
def web() -> Iterator[MediaServer]:
    """A web server on this machine that has the film."""
    os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("no_proxy"), "127.0.0.1"]))
    with serve(film().parent) as server:
        yield server


def settings(**more: Any) -> dict[str, Any]:
    """What a run with the small model needs; ``more`` settings by section."""
    usual: dict[str, Any] = {
        "workspace": WORKSPACE,
        "analyzer": ["signals", "qwen2vl"],
        "analysis": {"qwen2vl": {"model": str(MODEL), "device": "cpu"}},
        "sampling": {"max_pixels": 12544},  # as large as the small model looks
        "scenes": {"plugin": "content", "threshold": 10},  # low enough for the dissolve
    }
    return {**usual, **more}
