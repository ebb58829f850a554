"""What every decoder must do that can begin in the middle of a file, a part of its suite."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolkit.stages.decode import DecodedFrame, Decoder
from toolkit.testing.decoder_cases import CASES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["EntrySuite", "seen"]


class EntrySuite:
    """Tests of ``entries`` and ``open_at``; skipped where a decoder begins at the start alone."""

    @pytest.mark.parametrize("kind", CASES)
    def test_decoding_begins_at_every_entry(self, decoder: Decoder, kind: str, path: Path) -> None:
        """The frames from an entry on are those of the stream, bit by bit, and so is its end."""
        entries = decoder.entries(path)
        if entries is None:
            pytest.skip("decoding begins at the start alone")
        with decoder.open(path) as stream:
            frames = seen(stream, stream.width, stream.height)
        assert list(entries.times_s) == [time_s for time_s, _ in frames]
        assert entries.frame_s == stream.frame_s
        for key in sorted({0, *entries.keys}):
            with decoder.open_at(path, entries.times_s[key]) as late:
                read = seen(late, late.width, late.height)
            assert [time_s for time_s, _ in read] == list(entries.times_s[key:])
            pairs = zip(read, frames[key:], strict=True)
            assert all((one[1] == other[1]).all() for one, other in pairs)
            assert (late.end_s, late.share_read) == (stream.end_s, stream.share_read)
            assert (late.frame_s, late.colours) == (stream.frame_s, stream.colours)


def seen(
    frames: Iterable[DecodedFrame], width: int, height: int
) -> list[tuple[float, npt.NDArray[np.uint8]]]:
    """The times and the pixels of frames."""
    return [(frame.pts_s, frame.rgb(width, height)) for frame in frames]
