from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from making import extract_audio

from toolkit.errors import DecodeError, MediaError
from toolkit.testing.media import BAD_FILES, write_numbered, write_sound


def beeps_of(path: Path) -> list[float]:
    """When a wav file beeps, by its samples alone: such a file knows no other time."""
    with wave.open(str(path)) as file:
        loud = np.flatnonzero(
            np.abs(np.frombuffer(file.readframes(file.getnframes()), np.int16)) > 8000
        )
        times = loud / file.getframerate()
    return [float(t) for i, t in enumerate(times) if not i or t - times[i - 1] > 0.1]


@pytest.mark.parametrize("source", ["mp4", "mkv", "ts"])
def test_zero_of_the_sound_is_zero_of_the_pictures(
    tmp_path: Path, beeping: Any, source: str
) -> None:
    path = beeping(tmp_path / f"film.{source}")
    extract_audio(path, tmp_path / "all.wav")
    assert beeps_of(tmp_path / "all.wav") == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0], abs=0.02)
    part = extract_audio(path, tmp_path / "part.wav", 0.7, 1.5)
    assert beeps_of(part.path) == pytest.approx([0.1, 0.5], abs=0.02)
    with wave.open(str(part.path)) as file:
        assert file.getnframes() == round(0.8 * file.getframerate())
    assert [part.start_s, part.end_s] == pytest.approx([0.7, 1.5])


@pytest.mark.parametrize(
    ("sound", "ending", "codec"),
    [
        ("aac", "m4a", "aac"),
        ("libopus", "m4a", "aac"),
        ("libopus", "mka", "opus"),
        ("aac", "flac", "flac"),
        ("pcm_s16le", "wav", "pcm_s16le"),
    ],
)
def test_copied_where_it_fits(
    tmp_path: Path, beeping: Any, sound: str, ending: str, codec: str
) -> None:
    path = beeping(tmp_path / "film.mkv", sound=sound)
    made = extract_audio(path, tmp_path / f"sound.{ending}", 0.5, 2.0)
    with av.open(str(made.path)) as container:
        assert [stream.codec.canonical_name for stream in container.streams] == [codec]
        length_s = sum(f.samples / f.sample_rate for f in container.decode(audio=0))
    assert length_s == pytest.approx(1.5, abs=0.06)


def test_a_file_of_sound_alone(tmp_path: Path) -> None:
    made = extract_audio(write_sound(tmp_path / "sound.m4a", 2.0), tmp_path / "s.wav", 0.5)
    assert made.end_s == pytest.approx(2.0, abs=0.1)


def test_what_cannot_be_had(tmp_path: Path) -> None:
    silent = write_numbered(tmp_path / "silent.mp4", 10)
    loud = write_numbered(tmp_path / "loud.mp4", 10, sound=True)
    with pytest.raises(MediaError, match="has no sound"):
        extract_audio(silent, tmp_path / "s.wav")
    with pytest.raises(MediaError, match="one stream of sound"):
        extract_audio(loud, tmp_path / "s.wav", track=1)
    with pytest.raises(MediaError, match="no sound from 9 s on"):
        extract_audio(loud, tmp_path / "s.wav", 9.0)
    with pytest.raises(MediaError, match="cannot be written as"):
        extract_audio(loud, tmp_path / "s.mp3")
    with pytest.raises(DecodeError):
        extract_audio(BAD_FILES["notes"](tmp_path), tmp_path / "s.wav")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["loud.mp4", "notes.txt", "silent.mp4"]
