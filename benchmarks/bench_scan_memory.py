"""Peak memory of a scan: a one-minute file beside a half-hour one, and what more frames cost.

A film of one minute is rendered and encoded once; the long file repeats its packets, so both have
the same pictures. Each scan (decode, scene detection, eight frames a scene) runs in a process of
its own, which reports the peak of its resident memory over what it had before. The same peak for
both means that memory does not grow with the length of a video. The last lines keep more frames
of long scenes ([sampling] per_second and max_frames), join short scenes and split long ones
([scenes] min_scene_s and max_scene_s), which is what memory goes into.

    python benchmarks/bench_scan_memory.py --minutes 30 --height 1080
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from scanning import measure

MANY = (32, 64)
LENGTHS = {"min_scene_s": 4, "max_scene_s": 20}


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


def main() -> None:
    """Render, measure, and print one line a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=30, help="length of the long file")
    parser.add_argument("--height", type=int, default=360, help="height of the picture in pixels")
    options = parser.parse_args()
    from toolkit.testing.clips import Shot, write_film
    from toolkit.testing.world import random_truth

    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, "short.mp4"), Path(folder, "long.mp4")
        shots = [Shot(random_truth(rng), 5.0) for _ in range(12)]
        width = options.height * 16 // 9 // 2 * 2
        write_film(short, shots, ["cut"] * 11, rng=rng, height=options.height, width=width)
        repeat(short, long, options.minutes)
        peaks = [report("1 minute", short), report(f"{options.minutes} minutes", long)]
        for most in MANY:
            report(f"1 minute, max_frames {most}", short, per_second=60, max_frames=most)
        report("1 minute, with lengths", short, lengths=LENGTHS)
        both = f"1 minute, with lengths, {most}"
        report(both, short, per_second=60, max_frames=most, lengths=LENGTHS)
        print(f"long / short: {peaks[1] / peaks[0]:.2f}")


def report(name: str, path: Path, lengths: dict[str, int] | None = None, **sampling: int) -> float:
    """Scan, print a line, and give the peak in MB."""
    taken = measure("scan", [path], sampling=sampling, lengths=lengths or {})
    print(
        f"{name:26} peak {taken.peak_mb:6.1f} MB, {taken.made['frames']} frames, "
        f"{taken.made['scenes']} scenes, {taken.wall_s:.1f} s"
    )
    return taken.peak_mb


if __name__ == "__main__":
    main()
