"""Peak memory of a scan: a one-minute file beside a half-hour one.

A film of one minute is rendered and encoded once; the long file repeats its packets, so both have
the same pictures. Each scan (decode, scene detection, eight frames a scene) runs in a process of
its own, which reports the peak of its resident memory over what its imports took. The same peak
for both means that memory does not grow with the length of a video.

    python benchmarks/bench_scan_memory.py --minutes 30
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def repeat(short: Path, long: Path, times: int) -> None:
    """Write a file that shows another one several times, without encoding it again."""
    import av

    with av.open(str(long), "w") as output:
        stream = None
        offset = 0
        for _ in range(times):
            with av.open(str(short)) as source:
                video = source.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                end = offset
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts += offset
                    packet.dts += offset
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    output.mux(packet)
                offset = end


def scan(path: str) -> None:
    """Scan a file in this process and print its peak memory in MB, time and scene count."""
    from toolkit.hooks.manager import configure
    from toolkit.scan import Scan
    from toolkit.stages.component import Cancel
    from toolkit.stages.decode import Decoder
    from toolkit.stages.sampling import fit
    from toolkit.stages.scenes import SceneDetector

    settings, plugins, _ = configure()
    decoder = plugins.make(Decoder, "decode", settings.decode.plugin, settings).component
    detector = plugins.make(SceneDetector, "scenes", settings.scenes.plugin, settings).component
    video = decoder.probe(Path(path))
    list(detector.start(0.04).finish())  # imports what it needs
    before = _memory("VmRSS")
    started = time.perf_counter()
    found = Scan(decoder, detector, video, settings, Cancel(), settings.sampling)
    scenes = 0
    for scene in found:
        size = fit(*found.size, settings.sampling.max_pixels, settings.sampling.multiple)
        for frame in scene.picked:
            frame.rgb(*size)
        scenes += 1
    result = {
        "megabytes": _memory("VmHWM") - before,
        "seconds": time.perf_counter() - started,
        "frames": found.frame_count,
        "scenes": scenes,
    }
    print(json.dumps(result))


def _memory(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Render, measure, and print one line a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=30, help="length of the long file")
    parser.add_argument("--height", type=int, default=360, help="height of the picture in pixels")
    parser.add_argument("--scan", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.scan:
        scan(options.scan)
        return
    from toolkit.testing.clips import Shot, write_film
    from toolkit.testing.world import random_truth

    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, "short.mp4"), Path(folder, "long.mp4")
        shots = [Shot(random_truth(rng), 5.0) for _ in range(12)]
        width = options.height * 16 // 9 // 2 * 2
        write_film(short, shots, ["cut"] * 11, rng=rng, height=options.height, width=width)
        repeat(short, long, options.minutes)
        peaks = []
        for name, path in {"1 minute": short, f"{options.minutes} minutes": long}.items():
            done = subprocess.run(
                [sys.executable, __file__, "--scan", str(path)],
                check=True,
                capture_output=True,
                text=True,
            )
            result = json.loads(done.stdout)
            peaks.append(result["megabytes"])
            print(
                f"{name:12} peak {result['megabytes']:6.1f} MB over imports, "
                f"{result['frames']} frames, {result['scenes']} scenes, {result['seconds']:.1f} s"
            )
        print(f"long / short: {peaks[1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
