"""Scenes as edit lists: what editing programs read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from toolkit.errors import MissingExtraError
from toolkit.exchange.texts import one_line
from toolkit.records import Scene, Video

__all__ = ["edl", "otio", "rate_of", "timecode"]

_USUAL = 30  # frames a second, where a file does not say


def rate_of(video: Video) -> Fraction:
    """Frames a second, exact: 23.976, 29.97 and their like are so many thousand over 1001."""
    rate = video.nominal_frame_rate or video.frame_rate or _USUAL
    whole = round(rate)
    usual = min(Fraction(whole), Fraction(whole * 1000, 1001), key=lambda one: abs(one - rate))
    return usual if abs(usual - rate) < 0.005 else Fraction(rate).limit_denominator(1001)


def timecode(frame: int, rate: Fraction) -> str:
    """A frame's SMPTE timecode (ST 12-1): drop-frame (``;``) at 29.97 and 59.94, else without.

    Drop-frame leaves out the first numbers of every minute but each tenth (two at 29.97, four at
    59.94), so that the timecode keeps to the clock; no frame is left out.
    """
    base = max(1, round(rate))
    drops = rate.denominator == 1001 and base % 30 == 0
    if drops:
        skipped = base // 15
        a_minute = base * 60 - skipped
        tens, rest = divmod(frame, a_minute * 10 + skipped)
        frame += tens * 9 * skipped + max(0, (rest - skipped) // a_minute) * skipped
    seconds, frames = divmod(frame, base)
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}{';' if drops else ':'}{frames:02}"


def edl(video: Video, scenes: Iterable[Scene], about: Mapping[str, str] = {}) -> str:
    """A CMX 3600 edit decision list: every scene a cut, in its place.

    The format has two digits for frames, so faster videos are counted in every second frame, or
    every fourth.
    """
    rate = rate_of(video)
    while round(rate) > 60:
        rate /= 2
    path = Path(video.path)
    drops = ";" in timecode(0, rate)
    name = one_line(path.name)
    lines = [f"TITLE: {Path(name).stem}", f"FCM: {'DROP FRAME' if drops else 'NON-DROP FRAME'}", ""]
    lines += [f"* {key.upper()}: {one_line(value)}" for key, value in about.items()]
    for number, scene in enumerate(scenes, 1):
        start, end = (
            timecode(round(time_s * rate), rate) for time_s in (scene.start_s, scene.end_s)
        )
        lines.append(f"{number:03}  AX       V     C        {start} {end} {start} {end}")
        lines.append(f"* FROM CLIP NAME: {name}")
    return "\n".join(lines) + "\n"


def otio(video: Video, scenes: Sequence[Scene], about: Mapping[str, str] = {}) -> str:
    """An OpenTimelineIO timeline, as JSON: every scene a clip of the file.

    Raises:
        MissingExtraError: The library is not installed.
    """
    try:
        from opentimelineio import opentime, schema
    except ImportError as error:
        raise MissingExtraError("otio", "otio", cause=error) from error
    rate = float(rate_of(video))

    def moment(time_s: float) -> opentime.RationalTime:
        return opentime.RationalTime(round(time_s * rate), rate)

    def stretch(start_s: float, end_s: float) -> opentime.TimeRange:
        return opentime.range_from_start_end_time(moment(start_s), moment(end_s))

    path = Path(video.path).absolute()
    track = schema.Track(name="scenes", kind=schema.TrackKind.Video)
    for scene in scenes:
        media = schema.ExternalReference(
            target_url=path.as_uri(), available_range=stretch(0, scenes[-1].end_s)
        )
        place = stretch(scene.start_s, scene.end_s)
        track.append(schema.Clip(f"scene {scene.index}", media, place))
    timeline = schema.Timeline(name=path.stem)
    if about:
        timeline.metadata["toolkit"] = dict(about)
    timeline.tracks.append(track)
    return str(timeline.to_json_string())
