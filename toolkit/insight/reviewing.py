"""Reviews in the making: what a person says about a scene, looked over before it is kept."""

from __future__ import annotations

import getpass
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

from pydantic import JsonValue

from toolkit.errors import ConfigError, StoreError, choices
from toolkit.insight import results
from toolkit.insight.reviews import KINDS, TOLERANCE_S, number, origin
from toolkit.records import (
    Answer,
    AnswerType,
    Review,
    ReviewAction,
    ReviewTarget,
    Run,
    Scene,
    SentimentLabel,
    Video,
)
from toolkit.stages.store import Store

__all__ = ["made", "review_of", "subject_of", "types_of", "user"]

_NEW = ("edit", "add")


def user() -> str:
    """Who is logged in: the reviewer, where nobody else is named."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "unknown"  # a container may know no users


def review_of(store: Store, run: Run, subject_id: str, **data: Any) -> Review:
    """A review, ready to be saved; what it takes is told by :func:`made`.

    Args:
        store: Where the run's results are.
        run: The run.
        subject_id: The scene's id, or that of a video, for tags of the whole video.
        data: The rest.

    Raises:
        ConfigError: It makes no sense.
        StoreError: The run has no such scene.
    """
    subject = subject_of(store, run, subject_id)
    if isinstance(subject, Video):
        return made(subject, (), **data)
    answers = results.answers_of(store, run, [subject])[subject.id]
    return made(subject, answers, types=types_of(store, answers), **data)


def subject_of(store: Store, run: Run, subject_id: str) -> Scene | Video:
    """The run's scene with this id as it is shown, or its video.

    Raises:
        StoreError: There is none.
    """
    videos = results.videos_of(store, run)
    for video in videos:
        if video.id == subject_id:
            return video
    whole = store.find(Scene, id=origin(subject_id))
    own = [video for video in videos if whole and video.id == whole[0].video_id]
    for scene in results.scenes_of(store, run, own):
        if scene.id == subject_id:
            return scene
    raise StoreError(
        f"The run {run.id} has no scene '{subject_id}'.", hint="run.scenes lists their ids."
    )


def types_of(store: Store, answers: Sequence[Answer]) -> dict[str, JsonValue]:
    """A value of each question that has a type: a text for it must be such a value.

    Where an analyzer abstained on the scene, its answers about other scenes tell.
    """
    found: dict[str, JsonValue] = {}
    for answer in answers:
        value = answer.value
        if answer.kind == "question" and value is None and answer.abstained:
            others = store.stream(Answer, video_id=answer.video_id, ask=answer.ask)
            value = next((one.value for one in others if one.value is not None), None)
        if answer.kind == "question" and value is not None:
            found[answer.name.strip().casefold()] = value
    return found


def made(
    subject: Scene | Video,
    answers: Sequence[Answer],
    *,
    action: ReviewAction,
    target: ReviewTarget = "tag",
    name: str = "",
    value: JsonValue = None,
    reviewer: str | None = None,
    at: datetime | None = None,
    types: Mapping[str, JsonValue] | None = None,
) -> Review:
    """A review of a scene, or of a whole video's tags.

    Args:
        subject: What it is about, as it is shown.
        answers: What is said of the scene. Who accepts or rejects without a value means these.
        action: What to do.
        target: With what.
        name: The tag's label, or the question's words.
        value: The new text or value; the new label of a tag; the time of a boundary, in seconds.
        reviewer: Who says so; None for who is logged in.
        at: When; None for now.
        types: What :func:`types_of` says.

    Raises:
        ConfigError: It makes no sense; the message says why.
    """
    for given, known in ((target, get_args(ReviewTarget)), (action, get_args(ReviewAction))):
        if given not in known:
            raise ConfigError(f"A review knows no '{given}'.", hint=choices(str(given), known))
    name, reviewer = name.strip(), (user() if reviewer is None else reviewer).strip()
    whole = isinstance(subject, Video)
    if not reviewer:
        raise ConfigError("A review needs the name of its reviewer.")
    if whole and target != "tag":
        raise ConfigError("Of a whole video tags alone can be reviewed.", hint="Name a scene.")
    if (target in ("tag", "answer")) != bool(name) and target != "boundary":
        what = {"tag": "the tag's label", "answer": "the question's words"}.get(target)
        raise ConfigError(
            f"A review of a {target} needs {what}." if what else f"A {target} has no name."
        )
    if isinstance(subject, Scene) and target == "boundary":
        value, name = _boundary(subject, action, value, name)
    elif action in _NEW:
        value = _new(target, action, name, value, types or {})
    elif action != "withdraw" and value is None:
        value = _current(target, action, name, answers)
    end_s = subject.end_s if isinstance(subject, Scene) else subject.duration_s
    data = {
        "video_id": subject.video_id if isinstance(subject, Scene) else subject.id,
        "scene_id": subject.id if isinstance(subject, Scene) else None,
        "start_s": subject.start_s,
        "end_s": subject.start_s if end_s is None else end_s,
        "target": target,
        "action": action,
        "name": name,
        "value": value,
        "reviewer": reviewer,
    }
    return Review.model_validate(data if at is None else {**data, "at": at})


def _new(
    target: ReviewTarget,
    action: ReviewAction,
    name: str,
    value: JsonValue,
    types: Mapping[str, JsonValue],
) -> JsonValue:
    """The value of what is edited or added."""
    if isinstance(value, str):
        value = value.strip()
    if target == "tag":
        if action == "add":
            return None
        if not isinstance(value, str) or not value:
            raise ConfigError(f"The new label of the tag '{name}' is missing.")
        return value
    if target == "sentiment":
        known = get_args(SentimentLabel)
        if value not in known:
            raise ConfigError(
                f"A scene's sentiment is none of {', '.join(known)}: {value!r}.",
                hint=choices(str(value), known),
            )
        return value
    if value is None or value == "":
        raise ConfigError(f"The new text of the {target} is missing.")
    if target == "description" and not isinstance(value, str):
        raise ConfigError(f"A description is text, not {value!r}.")
    like = types.get(name.casefold())
    return _typed(value, like) if target == "answer" and isinstance(value, str) else value


def _typed(text: str, like: JsonValue) -> JsonValue:
    """A text as a value like another of the same question."""
    try:
        if isinstance(like, bool):
            return AnswerType(kind="yes_no").parse(text)
        if isinstance(like, (int, float)):
            return AnswerType(kind="number").parse(text)
        if isinstance(like, dict):
            return AnswerType(kind="json").parse(text)
    except ValueError as error:
        raise ConfigError(f"The answer has another type: {error}.") from error
    if isinstance(like, list):
        return [word.strip() for word in text.split(",") if word.strip()]
    return text


def _current(
    target: ReviewTarget, action: ReviewAction, name: str, answers: Sequence[Answer]
) -> JsonValue:
    """What is accepted or rejected, so that this is known also when a machine says another thing.

    Raises:
        ConfigError: There is nothing.
    """
    if target == "tag":
        return None
    for answer in answers:
        if answer.kind == KINDS[target] and (
            target != "answer" or answer.name.strip().casefold() == name.casefold()
        ):
            return answer.text if answer.value is None else answer.value
    raise ConfigError(f"There is no {target} of this scene to {action}.", hint="Use add.")


def _boundary(
    scene: Scene, action: ReviewAction, value: JsonValue, name: str
) -> tuple[JsonValue, str]:
    """A boundary's value, and its name: where it is, as text, so that each has its own words."""
    if action == "withdraw" and number(value) is None and name:
        return None, name
    is_move = action == "edit" and isinstance(value, dict)
    at_s = number(value.get("from")) if isinstance(value, dict) else number(value)
    to_s = number(value.get("to")) if isinstance(value, dict) else at_s
    if at_s is None or to_s is None or is_move != (action == "edit"):
        form = '{"from": 12.5, "to": 13.0}' if action == "edit" else "such as 12.5"
        raise ConfigError(f"A boundary's value is a time in seconds: {form}.")
    if not (math.isfinite(at_s) and math.isfinite(to_s)):
        raise ConfigError("A boundary's time is a finite number of seconds.")
    ends = [abs(at_s - edge_s) <= TOLERANCE_S for edge_s in (scene.start_s, scene.end_s)]
    if action == "add" and not scene.start_s < at_s < scene.end_s:
        raise ConfigError(
            f"{at_s} s is not inside of the scene, {scene.start_s} s to {scene.end_s} s."
        )
    if action in ("edit", "reject") and not any(ends):
        raise ConfigError(
            f"The scene has no boundary at {at_s} s: it goes from {scene.start_s} s to "
            f"{scene.end_s} s."
        )
    return value, f"{at_s:.3f}"
