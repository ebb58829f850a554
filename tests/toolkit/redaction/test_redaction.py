"""What is made unrecognisable before others see it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

import toolkit as tk
from toolkit.config.privacy import Privacy, Redaction
from toolkit.config.settings import Logging
from toolkit.errors import ConfigError, MissingExtraError
from toolkit.logs import set_up
from toolkit.media.redrawing import redrawn
from toolkit.records import Answer, Ask, AskKind
from toolkit.redaction.masks import Masks
from toolkit.redaction.pictures import Blur
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel, Options
from toolkit.vault.files import read

Pixels = npt.NDArray[np.uint8]


class Sees(Analyzer):
    """Remembers the frames that it got, and says something with an address in it."""

    kinds: frozenset[AskKind] = frozenset({"description", "question"})
    seen: ClassVar[list[Pixels]] = []

    def __init__(self, remote: bool) -> None:
        self.remote = remote

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        return list(wanted)

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterator[Sequence[Reply]]:
        for look in looks:
            Sees.seen.append(look.frames.rgb)
            said = "A van, M-AB 1234, of jane.doe@example.org, call +49 30 1234567."
            logging.getLogger("toolkit.test").warning("It says: %s", said)
            scene = look.frames.scene
            yield [
                Answer.of(scene, fingerprint, "sees", ask, text=said, value={"mail": said})
                for ask in look.asks
            ]


def analyze(film: Path, workspace: Path, remote: bool = True, **redaction: Any) -> tk.RunHandle:
    tk.register(
        tk.AnalyzerPlugin(
            name="sees", factory=lambda options, context: Sees(remote), options=Options
        )
    )
    Sees.seen = []
    return tk.analyze(
        str(film),
        analyzer="sees",
        workspace=workspace,
        progress=False,
        privacy={"remote": "allow"},
        redaction=redaction,
    )


def detail(picture: Pixels) -> float:
    """How much neighbouring pixels differ."""
    return float(np.abs(np.diff(picture.astype(int), axis=1)).mean())


def edge(picture: Pixels) -> int:
    """The greatest difference of neighbouring pixels."""
    return int(np.abs(np.diff(picture.astype(int), axis=1)).max())


def test_a_remote_analyzer_gets_blurred_frames_and_a_local_one_does_not(
    film: Path, workspace: Path
) -> None:
    analyze(film, workspace)
    sharp = Sees.seen
    analyze(film, workspace, blur="regions", regions="0 0 0.5 1", blur_in="remote")
    half = Sees.seen[0].shape[2] // 2
    pairs = list(zip(sharp, Sees.seen, strict=True))
    assert all((one[:, :, half + 2 :] == other[:, :, half + 2 :]).all() for one, other in pairs)
    assert any((one[:, :, :half] != other[:, :, :half]).any() for one, other in pairs)
    analyze(film, workspace, blur="frame", blur_in="remote")
    assert all(edge(one[0]) < 0.5 * edge(two[0]) for one, two in zip(Sees.seen, sharp, strict=True))
    analyze(film, workspace, remote=False, blur="frame", blur_in="remote")
    assert not Sees.seen  # it has answered before: nothing that it sees is another


def test_what_is_redacted_is_part_of_what_an_answer_is_named_by(
    film: Path, workspace: Path
) -> None:
    analyze(film, workspace)
    assert len(Sees.seen) == 3
    analyze(film, workspace)
    assert not Sees.seen
    analyze(film, workspace, mask="mail")
    assert len(Sees.seen) == 3
    analyze(film, workspace, mask="mail", blur="frame", blur_in="exports")
    assert not Sees.seen


def test_thumbnails_are_blurred_and_those_that_are_not_are_not_shown_any_more(
    film: Path, workspace: Path
) -> None:
    sharp = analyze(film, workspace).scenes["thumbnail"].to_list()
    blurred = analyze(film, workspace, blur="frame", blur_in="thumbnails").scenes["thumbnail"]
    assert not set(sharp) & set(blurred)
    for one, other in zip(sharp, blurred, strict=True):
        assert len(read(Path(other))) < len(read(Path(one)))


def test_patterns_are_masked_in_what_is_stored(film: Path, workspace: Path) -> None:
    run = analyze(film, workspace, mask="mail, phone, plate", mask_patterns="[vV]an")
    masked = "A [masked], [plate], of [mail], call [phone]."
    assert set(run.scenes["description"]) == {masked}
    left = b"".join(path.read_bytes() for path in workspace.rglob("*") if path.is_file())
    assert b"jane.doe" not in left
    assert b"1234567" not in left


def test_patterns_are_masked_in_the_log(tmp_path: Path) -> None:
    options = Logging(file="log", level="info")
    set_up(options, Privacy(), Redaction(mask=("mail",)), tmp_path)
    try:
        try:
            raise ValueError("asked by jane@example.org")
        except ValueError:
            logging.getLogger("toolkit.test").exception("From %s", "joe@example.org")
    finally:
        set_up(Logging(), Privacy(), Redaction(), tmp_path)
    said = (tmp_path / "log").read_text()
    assert said.count("[mail]") == 3  # the message, the line of code, the error
    assert "example.org" not in said


@pytest.mark.parametrize(
    ("kind", "text", "masked"),
    [
        ("mail", "write to a.b+c@mail.example.co.uk!", "write to [mail]!"),
        ("mail", "a price @ 3.50, @home, x@y", "a price @ 3.50, @home, x@y"),
        ("phone", "call (030) 123-4567 or 0049 30 1234567", "call [phone] or [phone]"),
        ("phone", "on 2026-11-27, at 12:30, room 12345, 1080 x 1920", None),
        ("plate", "AB12 CDE, B-MW 1234, 7ABC123", "[plate], [plate], [plate]"),
        ("plate", "USA, 4K, MP4, 2026, HELLO WORLD, H264", None),
    ],
)
def test_kinds(kind: Any, text: str, masked: str | None) -> None:
    assert Masks(Redaction(mask=(kind,)))(text) == (text if masked is None else masked)


def test_no_pattern_takes_longer_than_its_text_is_long() -> None:
    masks = Masks(Redaction(mask=("mail", "phone", "plate"), mask_patterns=("(a+)+$", "(x|xx)*y")))
    for text in (
        "a" * 50_000 + "b",
        "x" * 50_000,
        "1 " * 25_000,
        "a@" + "a." * 25_000,
        "A-" * 25_000,
    ):
        masks(text)  # Python's own re would not come back from the first


@pytest.mark.parametrize("pattern", ["(?=a)", "(", "a*", r"(a)\1"])
def test_a_pattern_with_a_mistake_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="mask_patterns"):
        Masks(Redaction(mask_patterns=(pattern,)))


@pytest.mark.parametrize("region", ["0 0 1", "0 0 1.5 1", "0 0 0 1", "a b c d"])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    with pytest.raises(ValueError, match="region"):
        Redaction(regions=(region,))


def test_without_a_detector_faces_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="faces"):
        Blur.of(Redaction(blur=("faces",)), "remote")


def test_a_face_is_blurred_and_the_rest_is_not() -> None:
    from skimage.data import astronaut

    picture: Pixels = astronaut()  # type: ignore[no-untyped-call]
    found = Blur(Redaction(blur=("faces",)))(picture)
    face, rest = np.s_[70:170, 185:265], np.s_[300:, :]
    assert detail(found[face]) < 0.5 * detail(picture[face])
    assert (found[rest] == picture[rest]).all()
    assert Blur(Redaction(blur=("faces",)))(found[:64]).shape == (64, 512, 3)  # none in it


def test_clips_and_sheets_are_blurred_and_the_rest_of_a_clip_is_as_it_was(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    run = analyze(film, workspace, blur="regions", regions="0 0 0.5 1", blur_in="exports")
    scene = run.scenes["scene_id"][0]
    (clip,) = run.clips(tmp_path / "blurred", [scene])
    plain = analyze(film, workspace)
    (other,) = plain.clips(tmp_path / "plain", [scene], exact=True)
    assert (clip.start_s, clip.end_s) == (other.start_s, other.end_s)
    changed = 0.0
    for one, two in zip(pixels(clip.path), pixels(other.path), strict=True):
        far = np.abs(one.astype(int) - two.astype(int))
        assert far[:, 88:].mean() < 2.0  # encoded anew, with other bits to spend
        changed = max(changed, far[:, :72].max())
    assert changed > 40
    sheets = np.asarray(run.sheet()), np.asarray(plain.sheet())
    assert not (sheets[0] == sheets[1]).all()


def test_a_redrawn_frame_has_the_format_that_it_had() -> None:
    import av

    frame = av.VideoFrame.from_ndarray(np.zeros((60, 80, 3), np.uint8), format="rgb24")
    seen = []

    def look(rgb: Pixels) -> Pixels:
        seen.append(rgb.shape)
        return np.full_like(rgb, 200)

    found = redrawn(frame.reformat(format="yuv420p"), look)
    assert seen == [(60, 80, 3)]
    assert (found.width, found.height, found.format.name) == (80, 60, "yuv420p")
    assert abs(int(found.to_ndarray(format="rgb24").mean()) - 200) < 3


def pixels(path: Path) -> list[Pixels]:
    import av

    with av.open(str(path)) as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]
