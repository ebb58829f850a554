"""A file scanned in parts gives what one pass gives: scenes, kinds, scores, frames, to the bit."""

from __future__ import annotations

import hashlib
import pickle
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from toolkit import chunks
from toolkit.config import Settings
from toolkit.config.settings import Execution, Sampling, Scenes
from toolkit.hooks.manager import configure
from toolkit.outlines import filled, outlines, pieces
from toolkit.piecework import Piecework
from toolkit.pipeline import Pipeline
from toolkit.readings import Chunk, Joined, read
from toolkit.records import Cut, Record, Scene, Source, Video
from toolkit.scan import Found, Scan
from toolkit.stages.component import Cancel
from toolkit.stages.decode import Colours, Decoder
from toolkit.stages.scenes import DetectorPass, SceneDetector
from toolkit.testing.decoder_cases import damage
from toolkit.testing.detectors import film, ramp
from toolkit.testing.media import cut_file

Images = list[npt.NDArray[np.uint8]]
SIZE = (128, 72)
JOINTS = ("cut", "dissolve", "cut", "fade", "cut", "cut", "dissolve", "wipe")


def shots(count: int, seed: int = 0) -> Images:
    """Shots of some frames each, in a slow pan, joined in every way."""
    rng = random.Random(seed)
    images: Images = []
    for number in range(count):
        shot = [np.array(image) for image in film([], SIZE[0], seed * 1000 + number)]
        shot = (shot * 2)[: rng.randint(18, 90)]
        joint = JOINTS[number % len(JOINTS)] if number else "cut"
        span = rng.choice((8, 12, 16, 25))
        if joint in {"dissolve", "wipe"}:
            mixed = zip(images[-span:], shot[:span], strict=False)
            images[-span:] = [mix(joint, *pair, n / span) for n, pair in enumerate(mixed)]
            shot = shot[span:]
        if joint == "fade":
            tail, head = np.stack(images[-10:]), np.stack(shot[:10])
            ramp(tail, 1.0, 0.0)
            ramp(head, 0.0, 1.0)
            dark = [np.zeros_like(shot[0])] * rng.choice((0, 4, 15))
            images[-10:], shot[:10] = list(tail) + dark, list(head)
        images += shot
    return images


def mix(
    joint: str, old: npt.NDArray[np.uint8], new: npt.NDArray[np.uint8], share: float
) -> npt.NDArray[np.uint8]:
    if joint == "dissolve":
        return np.asarray(old * (1 - share) + new * share, np.uint8)
    edge = int(old.shape[1] * share)
    return np.concatenate([new[:, :edge], old[:, edge:]], axis=1)


def write(
    path: Path,
    images: Iterable[npt.NDArray[np.uint8]],
    *,
    codec: str = "libx264",
    group: int = 25,
    rate: int = 25,
    times_ms: Sequence[int] | None = None,
    more: str = "",
    sound: bool = False,
) -> Path:
    """Encode pictures, in groups of this many."""
    options = {"g": str(group)}
    if codec == "libx264":
        keys = f"keyint={group}:min-keyint={group}:scenecut=0{more}"
        options = {"preset": "ultrafast" if not more else "veryfast", "x264-params": keys}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        tick = Fraction(1, 1000) if times_ms else Fraction(1, rate)
        stream.codec_context.time_base = tick
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = times_ms[number] if times_ms else number, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class Way:
    """A decoder, a detector and settings; scans a file whole and in parts."""

    def __init__(
        self,
        detector: str = "planes",
        options: dict[str, Any] | None = None,
        *,
        scenes: Scenes | None = None,
        **sampling: Any,
    ) -> None:
        arguments = {"scenes": {detector: options or {}}, "decode": {"pyav": {"threads": 1}}}
        settings, plugins, _ = configure(arguments=arguments)
        scenes = (scenes or Scenes()).model_copy(update={"plugin": detector})
        self.settings: Settings = settings.model_copy(
            update={"scenes": scenes, "sampling": Sampling(**sampling)}
        )
        self.decoder = plugins.make(Decoder, "decode", "pyav", self.settings).component
        self.detector = plugins.make(SceneDetector, "scenes", detector, self.settings).component
        self.cancel = Cancel()

    def whole(self, path: Path) -> Any:
        video = self.decoder.probe(path)
        scan = Scan(
            self.decoder, self.detector, video, self.settings, self.cancel, self.settings.sampling
        )
        seen = [shown(found, scan.size) for found in scan]
        return seen, scan.frame_count, scan.share_read, scan.truncated, scan.damaged

    def plan(self, path: Path, chunk_s: float) -> tuple[Video, chunks.Chunking | None]:
        execution = Execution(chunk_s=chunk_s)
        settings = self.settings.model_copy(update={"execution": execution})
        video = self.decoder.probe(path)
        return video, chunks.plan(self.decoder, self.detector, video, settings, self.cancel)

    def split(self, path: Path, keys: Sequence[int]) -> chunks.Chunking:
        """Parts that begin at these keyframes, counted from 0."""
        entries = self.decoder.entries(path)
        assert entries is not None
        context = self.detector.context(entries.frame_s)
        assert context is not None
        return chunks.Chunking(entries, context, [0, *(entries.keys[key] for key in keys)])

    def read(self, path: Path, chunking: chunks.Chunking | None) -> Joined | None:
        """Read what is wanted, the last first, as other processes would."""
        video = self.decoder.probe(path)
        self.rounds: list[list[Chunk]] = []
        while chunking and (wanted := chunking.wanted()):
            self.rounds.append(wanted)
            for chunk in pickle.loads(pickle.dumps(wanted[::-1])):
                reading = read(
                    self.decoder, self.detector, video, self.settings, chunk, self.cancel
                )
                chunking.take(pickle.loads(pickle.dumps(reading)))
            chunking = pickle.loads(pickle.dumps(chunking))
        return chunking.joined if chunking else None

    def fill(self, path: Path, joined: Joined) -> Any:
        video = self.decoder.probe(path)
        scenes = pickle.loads(pickle.dumps(list(outlines(joined, self.settings))))
        seen = []
        for piece in pieces(scenes, 10.0):
            seen += [
                shown(found, size)
                for found, size in filled(
                    self.decoder, self.detector, video, piece, self.settings, self.cancel
                )
            ]
        ending = joined.ending
        end = ending.share_read, joined.truncated(video), joined.damaged
        return seen, len(joined.times_s), *end


def shown(found: Found, size: tuple[int, int]) -> Any:
    pixels = [hashlib.blake2b(frame.rgb(*size).tobytes()).hexdigest() for frame in found.picked]
    times = [frame.pts_s for frame in found.picked]
    return found.index, found.start_s, found.end_s, found.kind, found.score, times, pixels


@pytest.fixture(scope="module")
def footage() -> Images:
    return shots(40)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, footage: Images) -> Path:
    """Eighty seconds, keyframes every second, boundaries of all kinds at any distance from them."""
    return write(tmp_path_factory.mktemp("films") / "film.mp4", footage)


def check(way: Way, path: Path, *cuts: Sequence[int]) -> list[Joined]:
    """With seams at these keyframes, the file need not be scanned whole, and comes out the same."""
    whole, found = way.whole(path), []
    for keys in cuts:
        joined = way.read(path, way.split(path, keys))
        assert joined is not None
        assert way.fill(path, joined) == whole, keys
        found.append(joined)
    return found


WAYS: dict[str, Callable[[], Way]] = {
    "learned": Way,
    "content": lambda: Way(options={"method": "content"}),
    "adaptive": lambda: Way(options={"method": "adaptive"}),
    "cuts only": lambda: Way(options={"fades": False, "dissolves": False, "min_scene_s": 3.0}),
    "lengths": lambda: Way(scenes=Scenes(min_scene_s=1.0, max_scene_s=4.0)),
    "long scenes": lambda: Way(scenes=Scenes(min_scene_s=20.0), per_second=1.0),
    "judged": lambda: Way(skip="black,duplicate,blurred", choose="sharpest"),
    "few frames": lambda: Way(frames=1),
}


@pytest.mark.parametrize("name", WAYS)
def test_parts_give_what_one_pass_gives(name: str, path: Path) -> None:
    way = WAYS[name]()
    [joined] = check(way, path, [9, 22, 35])
    assert len(joined.entries_s) > 1
    assert len(way.rounds) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["learned", "content", "adaptive", "lengths"])
def test_a_seam_at_any_keyframe(name: str, path: Path) -> None:
    """Cuts, dissolves, fades and wipes just before the seam, over it, and just after."""
    keys = range(1, 45, 2) if name == "learned" else range(2, 45, 4)
    cuts = -(-len(keys) // 9)
    check(WAYS[name](), path, *(keys[first::cuts] for first in range(cuts)))


def uneven(count: int) -> list[int]:
    rng, times_ms = random.Random(2), [0]
    while len(times_ms) < count:
        times_ms.append(times_ms[-1] + rng.choice((20, 40, 40, 47, 80, 13)))
    return times_ms


_OPEN = ":open-gop=1:bframes=3"
FILES: dict[str, Callable[[Path, Images], Path]] = {
    "uneven.mkv": lambda path, images: write(path, images, times_ms=uneven(len(images))),
    "uneven.mp4": lambda path, images: write(path, images, times_ms=uneven(len(images))),
    "open_gops.mp4": lambda path, images: write(path, images, more=_OPEN),
    "open_gops.ts": lambda path, images: write(path, images, more=_OPEN),
    "fast.mkv": lambda path, images: write(path, images, rate=50, group=20),
    "mpeg2.ts": lambda path, images: write(path, images, codec="mpeg2video"),
    "truncated.ts": lambda path, images: cut_file(write(path, images, more=_OPEN), 0.8),
    "truncated.mkv": lambda path, images: cut_file(write(path, images), 0.8),
    "damaged.ts": lambda path, images: hurt(write(path, images, more=_OPEN)),
    "damaged.mkv": lambda path, images: hurt(write(path, images)),
    "damaged.mp4": lambda path, images: hurt(write(path, images)),
}


def hurt(path: Path) -> Path:
    """Damage keyframes and others, early and late, and around the seam."""
    for packet in (30, 150, 250, 262, 275, 300, 700, 1200):
        damage(path, packet=packet)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_files_of_every_kind(name: str, footage: Images, tmp_path: Path) -> None:
    path = FILES[name](tmp_path / name, footage)
    check(Way(), path, [10, 12], [5, 11, 20])


def test_frames_that_the_file_promises_and_does_not_have(footage: Images, tmp_path: Path) -> None:
    """Those after them are not the frames they were counted as: these parts are read again."""
    way = Way()
    path = write(tmp_path / "clip.mp4", footage[:1700], more=_OPEN)
    damage(path, packet=225)
    entries = way.decoder.entries(path)
    assert entries is not None
    assert way.whole(path)[1] < len(entries.times_s)
    check(way, path, [20])
    assert len(way.rounds) == 2


class Remembering(SceneDetector):
    """Tells of a cut wherever the frame so many before was brighter; knows too little of itself."""

    width = 64
    image_format = "gray"

    def __init__(self, memory: int) -> None:
        self.memory = memory

    def start(self, frame_s: float, *, colours: Colours | None = None) -> DetectorPass:
        return Remembered(self.memory)

    def context(self, frame_s: float) -> int | None:
        return 5

    def resume(
        self, frame_s: float, number: int, *, colours: Colours | None = None
    ) -> DetectorPass:
        return Remembered(self.memory)


class Remembered(DetectorPass):
    def __init__(self, memory: int) -> None:
        self.levels: deque[float] = deque(maxlen=memory)

    def push(self, pts_s: float, image: npt.NDArray[np.uint8]) -> Iterable[Cut]:
        level = float(image.mean())
        self.levels.append(level)
        return [Cut(at_s=pts_s, score=level)] if self.levels[0] > level + 20 else []

    def finish(self) -> Iterable[Cut]:
        return []

    def state(self) -> bytes:
        return repr(list(self.levels)).encode()


def test_a_seam_that_does_not_hold_is_read_around(path: Path) -> None:
    way = Way()
    way.detector = Remembering(400)
    check(way, path, [40])
    assert [len(wanted) for wanted in way.rounds] == [2, 1]


def test_a_file_that_cannot_be_joined_is_left_to_one_pass(path: Path) -> None:
    way = Way()
    way.detector = Remembering(5000)
    assert way.read(path, way.split(path, [40])) is None


def test_the_dark_over_a_seam(footage: Images, tmp_path: Path) -> None:
    """How a fade ends is known only to who saw it begin."""
    dark = [np.zeros_like(footage[0])] * 1200
    path = write(tmp_path / "dark.mp4", [*footage[:300], *dark, *footage[300:1200]])
    way = Way()
    assert way.read(path, way.split(path, [20])) is None
    check(way, path, [7])


def test_what_is_read_in_parts(path: Path, tmp_path: Path) -> None:
    """Long files, where decoder and detector can begin in the middle, unless it is set off."""
    way = Way()
    assert len(planned(way, path, 25.0)) == 2
    assert planned(way, path, 0.0) == planned(way, path, 60.0) == []
    assert planned(Way("content"), path, 25.0) == []
    short = write(tmp_path / "groups.mp4", film(["cut"] * 30, SIZE[0]), group=10_000)
    assert planned(way, short, 25.0) == []


def planned(way: Way, path: Path, chunk_s: float) -> list[Chunk]:
    _, chunking = way.plan(path, chunk_s)
    return chunking.wanted() if chunking else []


def test_the_store_holds_the_same(path: Path, tmp_path: Path) -> None:
    """Rows, ids and thumbnails."""
    rows = []
    for chunk_s in (0.0, 25.0):
        arguments: dict[str, Any] = {
            "execution": {"chunk_s": chunk_s},
            "paths": {"workspace": tmp_path / "w"},
        }
        settings, plugins, _ = configure(arguments=arguments)
        pipeline = Pipeline(settings, plugins)
        pipeline.crew.analyzers.clear()  # scenes and thumbnails are enough
        pipeline.crew.asked.clear()
        cancel = Cancel()
        video = pipeline.acquire(Source.of(str(path), "file"), lambda *_: None, cancel)
        assert isinstance(video, Video)
        work = Piecework(pipeline)
        chunking = work.plan(video, cancel)
        assert bool(chunking) == bool(chunk_s)
        saved: list[Record] = []
        if chunking:
            for chunk in chunking.wanted():
                chunking.take(work.read(video, chunk, cancel))
            assert chunking.joined is not None
            parts = work.pieces(chunking.joined)
            assert len(parts) > 2
            for piece in parts[::-1]:
                saved += [row for each in work.scan(video, piece, cancel) for row in each.new]
            saved += work.closing(video, chunking.joined, parts)
        else:
            for each in pipeline.scan(video, cancel):
                saved += [*each.new, *each.closing]
        scenes = [row for row in saved if isinstance(row, Scene)]
        pictures = {scene.id: Path(scene.thumbnail).read_bytes() for scene in scenes}
        rows.append((sorted((row.model_dump_json() for row in saved)), pictures))
        pipeline.close()
    assert rows[0] == rows[1]
