"""The pipeline as its coordinator sees it: each stage is done by a worker elsewhere."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from toolkit.acquire import Skipped
from toolkit.config import Settings
from toolkit.errors import PoisonError
from toolkit.execution.ray.bundles import Held, Lot
from toolkit.execution.ray.deaths import Crash, LostError
from toolkit.execution.ray.hands import Hand
from toolkit.execution.ray.keys import RayCrew
from toolkit.execution.ray.listed import Listed
from toolkit.execution.ray.packing import packed, unpacked
from toolkit.execution.ray.parts import Parts
from toolkit.execution.ray.room import Room
from toolkit.execution.ray.tries import Tries
from toolkit.hooks.manager import PluginManager
from toolkit.pipeline import Pipeline
from toolkit.records import Answer, Scene, Source, Video
from toolkit.stages.component import Cancel
from toolkit.stages.download import Playlist, Progress
from toolkit.stages.effort import note
from toolkit.stages.private import made, opened, part_of
from toolkit.synthesis import Synthesizer
from toolkit.work import Trouble, Work

__all__ = ["AHEAD", "RemotePipeline"]

log = logging.getLogger(__name__)
AHEAD = 2
"""Items (a bundle, and its frames) that a scan makes before they are asked for."""


class RemotePipeline(Pipeline):
    """What an engine calls from its threads; each thread has a hand, see :meth:`lend`.

    An item whose worker dies is given to another one. One whose worker dies as often as
    ``[ray] attempts`` says is poison: its failure, and the rest goes on.

    Args:
        settings: What the user chose.
        plugins: For the lifecycle hooks.
        crew: The keys of all, and the store.
        reader: A hand that reads lost frames again.
        room: For the frames under way.

    Attributes:
        alone: Tells whether no other file waits for a scan.
        helpers: Gives at most so many scan workers that have nothing else to do.
    """

    def __init__(
        self, settings: Settings, plugins: PluginManager, crew: RayCrew, reader: Hand, room: Room
    ) -> None:
        super().__init__(settings, plugins, crew)
        self.room = room
        self.synthesizer = _RemoteSynthesizer(self)
        self._reader = reader
        self._lent = threading.local()
        self._sources: dict[str, Source] = {}
        self.alone: Callable[[], bool] = lambda: False
        self.helpers: Callable[[int], Sequence[Hand]] = lambda _: ()

    def lend(self, hand: Hand) -> None:
        """This hand does what the calling thread asks for."""
        self._lent.hand = hand

    @property
    def hand(self) -> Hand:
        """The calling thread's."""
        hand: Hand = self._lent.hand
        return hand

    def acquire(
        self, source: Source, progress: Progress, cancel: Cancel
    ) -> Video | Playlist | Skipped:
        """See :class:`~toolkit.pipeline.Pipeline`, and so below; ``PoisonError`` comes on top."""
        tries = self._tries(f"Getting {source.uri}", cancel)
        known = self.store.count(Source, id=source.id) > 0
        while True:
            try:
                name = f"acquire {source.id[:12]}"
                found: Video | Listed | Skipped
                found, rows = self.hand.call("acquire", source, known=known, name=name)
            except Crash as crash:
                tries.count(crash)
            else:
                if rows:
                    self.store.save(rows)
                if isinstance(found, Video):
                    self._sources.setdefault(found.id, source)
                return found.playlist() if isinstance(found, Listed) else found

    def scan(self, video: Video, cancel: Cancel) -> Iterator[Work]:
        """The scenes; their frames stay where they are."""
        source, seen = self._sources[video.id], set()
        if (most := self._parts(video)) > 1 and self.alone():
            parts = Parts(self, source, video, most, cancel)
            for work in parts.works():
                seen.add(work.scene.id)
                yield work
            if parts.complete:
                return
        yield from self.scanned(self.hand, source, video, None, cancel, seen)

    def _parts(self, video: Video) -> int:
        """In how many parts a file may be scanned; 1 if it is short."""
        part_s = self.settings.execution.chunk_s
        length_s = video.duration_s or 0.0
        return round(length_s / part_s) if part_s and length_s > 1.5 * part_s else 1

    def scanned(
        self,
        hand: Hand,
        source: Source,
        video: Video,
        piece: Any,
        cancel: Cancel,
        seen: Collection[str] = (),
    ) -> Iterator[Work]:
        """The scenes of a file, or of a piece of it, that were not seen yet."""
        tries = self._tries(f"The scan of {video.path}", cancel)
        given = set(seen)
        detector = self.crew.detector_key
        while True:
            known = self.store.count(Scene, video_id=video.id, detector=detector) > 0
            asked = source, video, piece
            name = f"scan {video.id[:12]}"
            try:
                for work, thumbnail in hand.scan(*asked, name=name, ahead=AHEAD, known=known):
                    held, is_new = work.frames, work.scene.id not in given
                    if held and is_new:
                        self.room.take(held.lot, cancel)
                    elif held:  # given before the worker died
                        self.room.give(held.lot)
                        work.frames = None
                    del held
                    if is_new:
                        given.add(work.scene.id)
                        self._keep(work, thumbnail)
                        yield work
            except Crash as crash:
                tries.count(crash)
            except LostError:
                tries.count(Crash("its node is gone", guilty=False))
            else:
                return

    def surely(
        self, hand: Hand, method: str, source: Source, video: Video, *more: Any, cancel: Cancel
    ) -> Any:
        """What a worker says of a video, tried again where one dies."""
        tries = self._tries(f"The scan of {video.path}", cancel)
        while True:
            try:
                return hand.call(method, source, video, *more, name=f"{method} {video.id[:12]}")
            except Crash as crash:
                tries.count(crash)

    def _keep(self, work: Work, thumbnail: bytes | None) -> None:
        path = Path(work.scene.thumbnail or "")
        if thumbnail is None or path.exists():
            return
        made(path.parent)
        part = part_of(self.workspace / self.settings.paths.thumbnails, path.name)
        with opened(part, "wb") as file:
            file.write(thumbnail)
        part.replace(path)

    def analyze(self, place: int, works: Sequence[Work], cancel: Cancel) -> Iterator[Work]:
        """The same scenes with their answers, when all are answered."""

        def call(group: Sequence[Work]) -> Any:
            works = [
                Work(work.video, work.scene, missing={place: work.missing[place]}) for work in group
            ]
            held: list[Any] = [work.frames for work in group]
            lots = list(dict.fromkeys(one.lot for one in held))
            asked = packed((works, [(lots.index(one.lot), one.place) for one in held]))
            references = [lot.reference for lot in lots]
            name = f"analyze {group[0].scene.id[:12]}"
            return self.hand.call("analyze", asked, *references, name=name)

        what = f"The analyzer '{self.crew.analyzers[place].name}'"
        self._share_out("analyze", what, works, call, cancel)
        yield from works

    def tag_all(self, works: Sequence[Work], cancel: Cancel) -> None:
        """Tag these scenes, as :meth:`toolkit.pipeline.Pipeline.tag` does one."""

        def call(group: Sequence[Work]) -> Any:
            asked = [Work(work.video, work.scene, answers=work.answers) for work in group]
            return self.hand.call("tag", packed(asked), name=f"tag {group[0].scene.id[:12]}")

        if self.crew.taggers:
            untagged = [work for work in works if work.new or not work.tagged]
            self._share_out("tag", "Tagging", untagged, call, cancel)

    def tag_whole(self, hand: Hand, video: Video, cancel: Cancel) -> Sequence[Trouble]:
        """Tag a video as a whole, as :meth:`toolkit.wholes.Wholes.tag` does."""
        if not self.wholes.lacking(video):
            return []
        name = f"tag {video.id[:12]}"
        tries = self._tries("Tagging the whole video", cancel)
        return tries.troubles("tag", lambda: hand.call("tag_whole", video, name=name))

    def _share_out(
        self,
        stage: str,
        what: str,
        works: Sequence[Work],
        call: Callable[[Sequence[Work]], Any],
        cancel: Cancel,
    ) -> None:
        """Have all of them done, one by one where a worker died on several."""
        tries = {work.scene.id: self._tries(f"{what} on a scene", cancel) for work in works}
        groups = deque([list(works)] if works else [])
        while groups:
            group = groups.popleft()
            try:
                results = unpacked(call(group))
            except Crash as crash:
                left = []
                for work in group:
                    try:
                        tries[work.scene.id].count(crash)
                        left.append(work)
                    except PoisonError as error:
                        work.troubles.append(Trouble(stage, error))
                groups.extendleft([work] for work in reversed(left))
            except LostError:
                groups.appendleft(self._reread(group, tries))
            else:
                for work, (new, troubles) in zip(group, results, strict=True):
                    work.new += new
                    work.answers += [row for row in new if isinstance(row, Answer)]
                    work.troubles += troubles

    def _reread(self, works: Sequence[Work], tries: dict[str, Tries]) -> list[Work]:
        again: list[Any] = list(works)
        for work in again:
            self.room.give(work.frames.lot)
            source = self._sources[work.video.id]
            while True:
                try:
                    name = f"reread {work.scene.id[:12]}"
                    asked = source, work.video, work.scene
                    lot = Lot(self._reader.call_keeping("reread", *asked, name=name))
                    work.frames = Held(lot, 0)
                    break
                except Crash as crash:
                    tries[work.scene.id].count(crash)
        return again

    def _tries(self, what: str, cancel: Cancel) -> Tries:
        return Tries(what, self.settings.ray.attempts, cancel)

    def close(self) -> None:
        """Free what is here."""
        self._reader.close()
        super().close()


class _RemoteSynthesizer(Synthesizer):
    """Knows here what is missing, and has it written elsewhere."""

    def __init__(self, pipeline: RemotePipeline) -> None:
        super().__init__(pipeline.crew)
        self._pipeline = pipeline

    def synthesize(self, video: Video, cancel: Cancel) -> list[Trouble]:
        """The troubles of writing about a video."""
        if not self.lacks(video):
            note(hits=1)
            return []
        name = f"synthesize {video.id[:12]}"
        tries = Tries("Writing about the video", self._pipeline.settings.ray.attempts, cancel)
        hand = self._pipeline.hand
        return tries.troubles("synthesize", lambda: hand.call("synthesize", video, name=name))
