"""What the scene browser shows: scenes page by page, pictures, evidence, and clips to play."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from toolkit.errors import EncryptionError, SourceError
from toolkit.execution.footage import readers_of
from toolkit.insight import results
from toolkit.insight.queue import ranked
from toolkit.media.clip import clip
from toolkit.media.making import make
from toolkit.records import Answer, Run, Scene, Tag, Video
from toolkit.stages.store import Store
from toolkit.vault.files import private, read

__all__ = ["PAGE", "Catalogue"]

PAGE = 200
"""Scenes of a page: 50 to 100 kB as JSON."""

_PLAYABLE = frozenset({"av1", "h264", "vp9"})  # by browsers, in an mp4
_LONGEST_S = 30.0  # of a clip that is sent: a few megabytes
_THUMBNAIL = (192, 108)
_QUALITY = 75


class Catalogue:
    """A run's scenes as a browser asks for them.

    Args:
        store: Where the results are.
        run: The run.
        video_id: One video alone; None for all of them.
    """

    def __init__(self, store: Store, run: Run, video_id: str | None = None) -> None:
        self._store = store
        self.run = run
        self._video_id = video_id
        self.load()

    def load(self) -> None:
        """Look again which scenes there are: a run may go on, and reviews move boundaries."""
        every = results.videos_of(self._store, self.run)
        self.videos = [video for video in every if self._video_id in (None, video.id)]
        self._titles = results.titles_of(self.videos, results.sources_of(self._store, self.run))
        self.scenes = list(results.scenes_of(self._store, self.run, self.videos))
        self._place = {scene.id: place for place, scene in enumerate(self.scenes)}
        self._film = {video.id: place for place, video in enumerate(self.videos)}

    def films(self) -> list[dict[str, Any]]:
        """The videos: title, path, length in seconds and pictures a second."""
        return [
            {
                "title": self._titles[video.id],
                "path": video.path,
                "duration": video.duration_s or 0.0,
                "rate": video.frame_rate or 25.0,
            }
            for video in self.videos
        ]

    def page(self, number: int) -> list[dict[str, Any]]:
        """The rows of one page, from 0; beyond the last page there are none."""
        return self._rows(self.scenes[max(0, number) * PAGE : (max(0, number) + 1) * PAGE])

    def queue(self) -> list[int]:
        """Places of the scenes, those most worth a look first and the rest in order."""
        first = [one.scene.id for one in ranked(self._store, self.run, self.scenes)]
        return [*dict.fromkeys([*map(self._place.__getitem__, first), *range(len(self.scenes))])]

    def row(self, scene_id: str) -> dict[str, Any]:
        """The row of one scene.

        Raises:
            SourceError: The catalogue has no such scene.
        """
        return self._rows([self.scene(scene_id)])[0]

    def scene(self, scene_id: str) -> Scene:
        """The scene with this id.

        Raises:
            SourceError: The catalogue has no such scene.
        """
        try:
            return self.scenes[self._place[scene_id]]
        except KeyError:
            raise SourceError(
                f"There is no scene '{scene_id}' here any more.", hint="Load the scenes again."
            ) from None

    def _rows(self, scenes: Sequence[Scene]) -> list[dict[str, Any]]:
        reviews = results.reviews_of(self._store, scenes)
        answers = results.answers_of(self._store, self.run, scenes, reviews)
        tags = results.tags_on(self._store, self.run, scenes, reviews)
        return [
            {
                **self._row(scene, answers[scene.id], tags[scene.id]),
                "reviews": [
                    [one.target, one.action, one.name, one.value] for one in reviews[scene.id]
                ],
            }
            for scene in scenes
        ]

    def _row(self, scene: Scene, answers: Iterable[Answer], tags: Iterable[Tag]) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": scene.id,
            "film": self._film[scene.video_id],
            "index": scene.index,
            "start": round(scene.start_s, 4),
            "end": round(scene.end_s, 4),
            "description": "",
            "answers": [],
            "tags": [[tag.label, round(tag.score, 3), tag.why, tag.tagger] for tag in tags],
        }
        for answer in answers:
            sure = None if answer.confidence is None else round(answer.confidence, 3)
            if answer.kind == "description":
                row["description"] = answer.text
            elif answer.kind == "question":
                row["answers"].append([answer.name, answer.text, sure])
            elif answer.kind == "sentiment":
                row["sentiment"] = [answer.value, sure]
        return row

    def evidence(self, scene_id: str) -> list[dict[str, Any]]:
        """What the answers about a scene rest on.

        Raises:
            SourceError: The catalogue has no such scene.
        """
        scene = self.scene(scene_id)
        answers = results.answers_of(self._store, self.run, [scene])[scene.id]
        return [
            {
                "kind": answer.kind,
                "name": answer.name,
                "plugin": answer.plugin,
                "model": answer.evidence.model,
                "revision": answer.evidence.revision,
                "times": [round(time_s, 3) for time_s in answer.evidence.frame_times_s],
                "prompt": answer.evidence.prompt_hash,
                "finish": answer.evidence.finish_reason,
                "tokens": answer.evidence.tokens_in + answer.evidence.tokens_out,
                "seconds": round(answer.evidence.seconds, 3),
            }
            for answer in answers
        ]

    def thumbnail(self, scene_id: str) -> bytes:
        """A small JPEG of a scene; no bytes where its picture is gone or there never was one."""
        from PIL import Image

        place = self._place.get(scene_id)
        path = self.scenes[place].thumbnail if place is not None else ""
        if not path:
            return b""
        try:
            with Image.open(io.BytesIO(read(Path(path)))) as picture:
                picture.draft("RGB", _THUMBNAIL)
                picture.thumbnail(_THUMBNAIL)
                data = io.BytesIO()
                picture.convert("RGB").save(data, "JPEG", quality=_QUALITY)
        except (OSError, EncryptionError):
            return b""
        return data.getvalue()

    def clip(self, scene_id: str) -> tuple[float, bytes]:
        """The first half minute of a scene as an mp4 that browsers play, and where it starts.

        It starts with the keyframe at or before the scene's start, in seconds since the video's
        first frame. What browsers cannot play is encoded anew.

        Raises:
            SourceError: The catalogue has no such scene, or its video is gone.
            DecodeError: The video cannot be read.
            MediaError: No clip can be made of it.
        """
        scene = self.scene(scene_id)
        video = self.video_of(scene)
        work = partial(
            clip,
            start_s=scene.start_s,
            end_s=min(scene.end_s, scene.start_s + _LONGEST_S),
            exact=video.codec not in _PLAYABLE,
            fragmented=True,
        )
        path = Path(video.path)
        with private(path) as folder:
            made = make(readers_of(self.run), work, path, folder / "scene.mp4")
            return made.start_s, made.path.read_bytes()

    def video_of(self, scene: Scene) -> Video:
        """The video that the scene is of."""
        return self.videos[self._film[scene.video_id]]

    def title_of(self, scene: Scene) -> str:
        """What people call the scene's video."""
        return self._titles[scene.video_id]
