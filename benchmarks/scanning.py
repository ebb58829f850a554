"""What the benchmarks of the scan share: the films, the tasks, and runs in fresh processes.

A task runs in a process of its own, which imports and warms up, then measures: CPU and wall time,
and the peak of its memory over what it had before.
"""

from __future__ import annotations

import argparse
import json
import queue
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILMS = Path(tempfile.gettempdir(), "toolkit-films")
SEED = 1
SIZE = (588, 336)
"""A 16:9 picture at the default budget of pixels, 448 x 448."""


@dataclass(frozen=True)
class Measured:
    """What a task took; `made` is what it reports of its work."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    made: dict[str, Any]


def films(height: int, shots: int) -> Path:
    """A film of real footage, photographs and rendered shots; made once, then kept.

    Encoded as x264 does by default, unlike the films for accuracy, which have to be made quickly:
    how many frames no other frame builds on, and how dear they are, depends on that.
    """
    import films as making

    path = FILMS / f"speed-{height}-{shots}.mp4"
    if not path.exists():
        FILMS.mkdir(parents=True, exist_ok=True)
        print(f"Making {path} ...", file=sys.stderr)
        size = (round(height * 16 / 9 / 2) * 2, height)
        plan = making.plan(making.stock("report"), size, SEED, shots)
        part = path.with_suffix(".part.mp4")
        _encode(making.frames(plan), part, size)
        part.rename(path)
    return path


def _encode(frames: Iterable[Any], path: Path, size: tuple[int, int]) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = index
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def decode(paths: Sequence[str], _: Mapping[str, Any]) -> dict[str, Any]:
    """PyAV decodes with frame threads, and throws the frames away: the limit."""
    import av

    frames = 0
    for path in paths:
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            frames += sum(1 for _ in container.decode(stream))
    return {"frames": frames}


def scan(paths: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Our scan: boundaries, and the pixels of every scene's frames.

    Options: `scans` files at once, `threads` within a file, `skip_nonref`, `detector`, `sampling`
    as in the section of this name, and as `lengths` those of [scenes].
    """
    from toolkit.hooks.manager import configure
    from toolkit.scan import Scan
    from toolkit.stages.component import Cancel
    from toolkit.stages.decode import Decoder
    from toolkit.stages.sampling import size_of
    from toolkit.stages.scenes import SceneDetector
    from toolkit.thumbnails import size_of as thumbnail_size

    pyav = {key: options[key] for key in ("threads", "skip_nonref") if key in options}
    settings, plugins, _ = configure(
        arguments={
            "decode": {"pyav": pyav},
            "sampling": options.get("sampling", {}),
            "scenes": options.get("lengths", {}),
        }
    )
    name = options.get("detector") or settings.scenes.plugin
    decoder = plugins.make(Decoder, "decode", "pyav", settings).component
    detector = plugins.make(SceneDetector, "scenes", name, settings).component
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for path in paths:
        waiting.put(path)
    made: dict[str, Any] = {"frames": 0, "scenes": 0, "picked_s": [], "detector": name}

    def asked(shown: tuple[int, int]) -> list[tuple[int, int]]:
        width = settings.scenes.thumbnail_width
        return [size_of(shown, settings.sampling), thumbnail_size(shown, width)]

    def work() -> None:
        while True:
            try:
                video = decoder.probe(Path(waiting.get_nowait()))
            except queue.Empty:
                return
            found = Scan(decoder, detector, video, settings, Cancel(), settings.sampling, asked)
            for scene in found:
                for frame in scene.picked:
                    frame.rgb(*size_of(found.size, settings.sampling))
                    made["picked_s"].append(frame.pts_s)
                scene.picked.clear()
                made["scenes"] += 1
            made["frames"] += found.frame_count

    scans = options.get("scans", 1)
    with ThreadPoolExecutor(scans) as pool:
        for done in [pool.submit(work) for _ in range(scans)]:
            done.result()
    return made


def peers(paths: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """PySceneDetect's default detector as its guide shows it, then decord for the same frames."""
    import decord  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import scenedetect  # type: ignore[import-untyped, unused-ignore]

    scenes = 0
    for path in paths:
        scenes += len(scenedetect.detect(path, scenedetect.AdaptiveDetector()))
        reader = decord.VideoReader(path, ctx=decord.cpu(0), width=SIZE[0], height=SIZE[1])
        rate = reader.get_avg_fps()
        wanted = [min(len(reader) - 1, round(at * rate)) for at in options["picked_s"]]
        for start in range(0, len(wanted), 8):
            reader.get_batch(wanted[start : start + 8]).asnumpy()
    return {"scenes": scenes}


TASKS: dict[str, Callable[[Sequence[str], Mapping[str, Any]], dict[str, Any]]] = {
    "decode": decode,
    "scan": scan,
    "peers": peers,
}


def measure(task: str, paths: Iterable[Path], **options: Any) -> Measured:
    """Run a task in a fresh process; a scan in one like those that read files."""
    from toolkit.isolation.memory import environment

    arguments = json.dumps([task, [str(path) for path in paths], options])
    done = subprocess.run(
        [sys.executable, __file__, arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment() if task == "scan" else None,
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def interleaved(
    tasks: Mapping[str, Callable[[], Measured]], rounds: int
) -> dict[str, list[Measured]]:
    """Each task as often as there are rounds, in turn, so that a busy machine slows all alike."""
    taken: dict[str, list[Measured]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            taken[name].append(task())
    return taken


def median(taken: Iterable[Measured], what: str) -> float:
    """The median of `cpu_s`, `wall_s` or `peak_mb`."""
    return float(statistics.median(getattr(one, what) for one in taken))


def memory(name: str) -> float:
    """A line of /proc/self/status in MB: VmRSS, or VmHWM for the peak."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _child(arguments: str) -> None:
    """Warm up on a second of film, then measure."""
    task, paths, options = json.loads(arguments)
    with tempfile.TemporaryDirectory() as folder:
        short = str(Path(folder, "short.mp4"))
        first_second(paths[0], short)
        TASKS[task]([short], {**options, "picked_s": [0.0]})
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak starts anew
    cpu_s, started = _cpu_s(), time.perf_counter()
    made = TASKS[task](paths, options)
    wall_s, cpu_s = time.perf_counter() - started, _cpu_s() - cpu_s
    peak_mb = memory("VmHWM") - before
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "peak_mb": peak_mb, "made": made}))


def first_second(path: str, short: str) -> None:
    """Write the first second of a film, as it is, into another file."""
    import av

    with av.open(path) as source, av.open(short, "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for count, packet in enumerate(source.demux(stream)):
            if packet.dts is None or count == 25:
                break
            packet.stream = copy
            target.mux(packet)


def arguments(about: str | None) -> argparse.ArgumentParser:
    """What every benchmark of the scan understands."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each task")
    parser.add_argument("--shots", type=int, default=24, help="shots of a film")
    parser.add_argument("--detector", default="", help="scene detector; empty: the default")
    parser.add_argument("--film", type=Path, help="a file of your own instead of the films")
    return parser


if __name__ == "__main__":
    _child(sys.argv[1])
