"""Tags of whole videos: drawn once all scenes have theirs."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.crew import Crew, Job
from toolkit.errors import TagError
from toolkit.records import Analysis, Answer, Completion, Record, Scene, Tag, Video
from toolkit.stages.tags import TaggedScene, Tagger, apart, merge, named
from toolkit.work import Trouble, wrapped

__all__ = ["Wholes"]


class Wholes:
    """Has those taggers that tag whole videos do so.

    Args:
        crew: Who tags, and the store that has the scenes with their tags.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._store = crew.store

    def lacking(self, video: Video) -> list[Job[Tagger]]:
        """The taggers that have still to do it, and can: all scenes have their final tags."""
        keys = self._crew.whole_keys
        if not keys:
            return []
        found = self._store.find(Completion, item_id=video.id, stage="tags", key=[*keys.values()])
        done = {one.key for one in found}
        missing = [job for job in self._crew.taggers if keys.get(job.name, "") not in {"", *done}]
        return missing if missing and self._complete(video) else []

    def tag(self, video: Video) -> list[Trouble]:
        """Draw and save what is lacking; a failing tagger is a trouble of its own.

        Raises:
            StoreError: It cannot be saved.
        """
        missing = self.lacking(video)
        if not missing:
            return []
        scenes = self._tagged(video)
        troubles, keys = [], self._crew.whole_keys
        rows: list[Record] = []
        for job in missing:
            key = keys[job.name]
            try:
                given = job.component.tag_video(video, scenes)
                tags = [tag.placed(video, job.name, key) for tag in given]
            except Exception as error:  # noqa: BLE001 - often a few lines in a notebook cell
                what = f"The tagger '{job.name}', on a whole video,"
                troubles.append(Trouble("tag", wrapped(TagError, what, error)))
                continue
            rows += [*merge(tags), Completion.of(video.id, "tags", key, len(tags))]
        self._store.save(rows)
        return troubles

    def _scenes(self, video: Video) -> list[Scene]:
        return self._store.find(Scene, video_id=video.id, detector=self._crew.detector_key)

    def _complete(self, video: Video) -> bool:
        ids = [scene.id for scene in self._scenes(video)]
        keys = [job.key for job in self._crew.taggers]
        done = self._store.count(Completion, stage="tags", key=keys, item_id=ids)
        return bool(ids) and done == len(ids) * len(set(keys))

    def _tagged(self, video: Video) -> Sequence[TaggedScene]:
        scenes, asked = self._scenes(video), self._crew.asked
        ids = [scene.id for scene in scenes]
        said: dict[str, list[Answer]] = {id_: [] for id_ in ids}
        for answer in self._store.stream(Answer, scene_id=ids) if asked else ():
            if (answer.analyzer, answer.ask) in asked:
                said[answer.scene_id].append(answer)
        given: dict[str, list[Tag]] = {id_: [] for id_ in ids}
        keys = [job.key for job in self._crew.taggers]
        for tag in self._store.stream(Tag, scene_id=ids, generation=keys):
            given[tag.scene_id or ""].append(tag)
        vocabulary = self._crew.vocabulary
        found = []
        for scene in scenes:
            answers = sorted(said[scene.id], key=lambda one: asked[one.analyzer, one.ask])
            analysis = Analysis.of(scene.id, tuple(answers))
            tags = apart(named(given[scene.id], vocabulary), vocabulary)
            found.append(TaggedScene(scene, analysis, tags))
        return found
