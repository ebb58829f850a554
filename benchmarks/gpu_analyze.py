"""The Qwen2-VL analyzer on a GPU machine, in the full shapes of 2B and 7B with random weights.

Random weights tell speed, not sense. Told for each shape: scenes and tokens a second; how the
time is shared between vision, reading the prefix, the questions, writing, comparing and Python; and
how near vision and reading are to the limit of computing, and writing to that of the memory's
bandwidth. Both limits are measured in the same run, by a large matrix product and a large copy.

    python benchmarks/gpu_analyze.py --shape 2b --shape 7b --scenes 64

On a machine without a GPU it runs too, if the shape is cut: --layers 2 --scenes 2 --size 224 126.
"""

from __future__ import annotations

import argparse
import functools
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import looks
import shapes

PARTS = {"read": "reading", "branch": "questions", "forward": "comparing"}
"""Methods of the model, and what their time is called; `forward` alone is only for comparing."""


class Clock:
    """Adds up where the time goes. Waits for the GPU at each border, which costs a little."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = {}
        self.steps = 0
        self.rows = 0
        self.cached = 0
        self._sync = sync
        self._open: list[float] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time of the block, without the parts inside of it."""
        self._sync()
        started = time.perf_counter()
        self._open.append(0.0)
        try:
            yield
        finally:
            self._sync()
            whole = time.perf_counter() - started
            inner = self._open.pop()
            self.seconds[name] = self.seconds.get(name, 0.0) + whole - inner
            if self._open:
                self._open[-1] += whole

    def watch(self, model: Any) -> None:
        """Time the parts of a model that was loaded."""
        from toolkit_analyze_qwen2vl import stepping

        inside: list[str] = []

        def timed(method: str, call: Any) -> Any:
            @functools.wraps(call)
            def run(*args: Any, **options: Any) -> Any:
                if method == "forward" and inside:
                    return call(*args, **options)
                inside.append(method)
                try:
                    with self.part(PARTS[method]):
                        done = call(*args, **options)
                finally:
                    inside.pop()
                return done

            return run

        for method in PARTS:
            setattr(model, method, timed(method, getattr(model, method)))
        for rows in (stepping._Plain, stepping._Recorded):
            setattr(rows, "take", self.writing(rows.take, inside))  # noqa: B010 - or mypy objects
        visual = model._model.model.visual
        visual.forward = self.vision(visual.forward)

    def writing(self, call: Any, inside: list[str]) -> Any:
        """The step of some rows, timed."""

        @functools.wraps(call)
        def run(rows: Any, tokens: Any, going: Any) -> None:
            inside.append("take")
            try:
                with self.part("writing"):
                    call(rows, tokens, going)
            finally:
                inside.pop()
            seen = rows._bias if hasattr(rows, "_bias") else rows._branch.mask
            self.steps += 1
            self.rows += len(seen)
            self.cached += seen.numel()

        return run

    def vision(self, call: Any) -> Any:
        """The vision tower's forward pass, timed."""

        @functools.wraps(call)
        def run(*args: Any, **options: Any) -> Any:
            with self.part("vision"):
                return call(*args, **options)

        return run


def main() -> None:
    """Measure, and print a table a shape."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=shapes.SHAPES, action="append")
    parser.add_argument("--layers", type=int, help="cut the shape to so many")
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--frames", type=int, default=8, help="of a scene")
    parser.add_argument("--size", type=int, nargs=2, default=(588, 336), help="of a frame")
    parser.add_argument("--limits", type=int, nargs=2, default=(96, 24), help="tokens written")
    parser.add_argument("--batch-tokens", type=int, default=0)
    options = parser.parse_args()
    import torch

    cuda = torch.cuda.is_available()
    where = torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine()
    print(f"{where}, torch {torch.__version__}")
    for name in options.shape or ["2b"]:
        shape = shapes.SHAPES[name]
        shape = shape.cut(options.layers) if options.layers else shape
        with tempfile.TemporaryDirectory() as folder:
            place = shapes.write(Path(folder, name), shape, dtype="bfloat16" if cuda else "float32")
            if cuda:
                torch.cuda.empty_cache()
            measure(name, place, options)


def measure(name: str, folder: Path, options: argparse.Namespace) -> None:
    """One shape's table."""
    import torch

    from toolkit.stages.analysis import Look
    from toolkit.stages.component import Cancel
    from toolkit_analyze_qwen2vl import repetition

    repetition.LONGEST = 0  # random models loop
    cuda = torch.cuda.is_available()
    sync = torch.cuda.synchronize if cuda else lambda: None
    frames = looks.scenes(options.scenes, options.frames, *options.size)
    with looks.analyzer(folder, tuple(options.limits), batch_tokens=options.batch_tokens) as one:
        asks = one.asks(looks.wanted(len(looks.LABELS)))
        every = [Look(each, asks) for each in frames]

        def answer() -> list[Any]:
            return [each for replies in one.analyze(every, "f", Cancel()) for each in replies]

        answer()  # loads and warms up
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        done = looks.Done()
        with looks.measured(done):
            answers = answer()
            sync()
        written = sum(each.evidence.tokens_out for each in answers)
        print(
            f"{name}: {options.scenes / done.wall_s:.2f} scenes a second; tokens a second: "
            f"{written / done.wall_s:.0f} written, {done.read / done.wall_s:.0f} in all"
        )
        if cuda:
            print(f"peak memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")
        model = one._model
        clock = Clock(sync)
        clock.watch(model)
        started = time.perf_counter()
        answer()
        sync()
        wall_s = time.perf_counter() - started
        clock.seconds["Python and the rest"] = wall_s - sum(clock.seconds.values())
        print("time, waiting for the GPU at each border:")
        for part, seconds in sorted(clock.seconds.items(), key=lambda item: -item[1]):
            print(f"  {part:20} {seconds / wall_s:5.0%}")
        against_limits(model._model, clock, done, cuda=cuda)


def against_limits(network: Any, clock: Clock, done: looks.Done, *, cuda: bool) -> None:
    """How near the parts are to what the device can do."""
    flops, bandwidth = device_limits(cuda=cuda)
    print(f"limits: {flops / 1e12:.1f} TFLOP/s, {bandwidth / 1e9:.0f} GB/s")

    def size(module: Any) -> int:
        return sum(each.numel() for each in module.parameters())

    inner = network.model
    layers = size(inner.language_model.layers)
    config = network.config.text_config
    width = config.hidden_size // config.num_attention_heads
    bytes_each = network.dtype.itemsize
    per_token = 2 * config.num_hidden_layers * config.num_key_value_heads * width * bytes_each
    vision = 2 * size(inner.visual) * done.patches
    steps = clock.steps * (layers + size(network.lm_head)) * bytes_each
    steps += clock.cached * per_token
    prefix = done.read - clock.rows
    told = {
        "vision": vision / clock.seconds["vision"] / flops,
        "reading, questions and comparing": 2
        * layers
        * prefix
        / sum(clock.seconds[part] for part in ("reading", "questions", "comparing"))
        / flops,
    }
    for part, share in told.items():
        print(f"  {part}: {share:.0%} of the computing limit (attention not counted)")
    share = steps / clock.seconds["writing"] / bandwidth
    print(f"  writing: {share:.0%} of the bandwidth limit, {clock.rows / clock.steps:.0f} rows")


def device_limits(*, cuda: bool) -> tuple[float, float]:
    """FLOP/s of a large matrix product, and bytes/s of a large copy, read and written."""
    import torch

    device, dtype = ("cuda", torch.bfloat16) if cuda else ("cpu", torch.float32)
    side = 8192 if cuda else 1024
    one = torch.randn(side, side, device=device, dtype=dtype)
    source = torch.zeros(2**30 if cuda else 2**27, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def best(call: Callable[[], Any]) -> float:
        times = []
        for _ in range(5):
            if cuda:
                torch.cuda.synchronize()
            started = time.perf_counter()
            call()
            if cuda:
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
        return min(times)

    return 2 * side**3 / best(lambda: one @ one), 2 * len(source) / best(
        lambda: target.copy_(source)
    )


if __name__ == "__main__":
    main()
