"""Scenes and tags in the form that FiftyOne reads.

It is that of `FiftyOneTemporalDetectionDataset
<https://docs.voxel51.com/user_guide/import_datasets.html>`_: labels of stretches of videos, in
frames, of which the first is 1; where frames come at no steady rate in seconds, for which FiftyOne
needs ffprobe. COCO and its like hold boxes in pictures, which the toolkit has none of.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toolkit.exchange.provenance import provenance_of
from toolkit.insight import results
from toolkit.records import Analysis, Run, Scene, Video
from toolkit.stages.store import Store

__all__ = ["fiftyone"]


def fiftyone(store: Store, run: Run, videos: Iterable[Video]) -> str:
    """Every scene as a label "scene" with what was said about it, and every tag of a scene."""
    labels: dict[str, list[dict[str, Any]]] = {}
    classes = {"scene": None}
    videos = list(videos)
    known = provenance_of(store, videos)
    for video in videos:
        found = labels.setdefault(str(Path(video.path).absolute()), [])
        for part in results.parts_of(results.scenes_of(store, run, [video])):
            words = results.reviews_of(store, part)
            said = results.answers_of(store, run, part, words)
            tags = results.tags_on(store, run, part, words)
            for scene in part:
                analysis = Analysis.of(scene.id, said[scene.id])
                place = _place(video, scene)
                about = {"scene_id": scene.id, "index": scene.index}
                facts = {**about, "description": analysis.description, **known[video.id]}
                if analysis.sentiment:
                    facts["sentiment"] = analysis.sentiment.label
                found.append({"label": "scene", **place, "attributes": facts})
                for tag in tags[scene.id]:
                    facts = {**about, "why": tag.why, "tagger": tag.tagger}
                    rest = {"confidence": tag.score, "attributes": facts}
                    found.append({"label": tag.label, **place, **rest})
                    classes[tag.label] = None
    data = {"classes": [*classes], "labels": labels}
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _place(video: Video, scene: Scene) -> dict[str, list[float]]:
    rate = video.frame_rate or video.nominal_frame_rate
    if not rate or video.variable_frame_rate:
        return {"timestamps": [scene.start_s, scene.end_s]}
    first = max(1, round((scene.start_s - video.start_s) * rate) + 1)
    return {"support": [first, max(first, round((scene.end_s - video.start_s) * rate))]}
