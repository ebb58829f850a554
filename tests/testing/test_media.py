"""What the makers of small videos leave behind them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolkit.testing.media import write_numbered


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux has such turns")
def test_an_encoder_leaves_us_our_turn(tmp_path: Path) -> None:
    """SVT-AV1, run by root, puts the thread before all others, and all that it starts."""
    before = os.sched_getscheduler(0)
    write_numbered(tmp_path / "clip.mkv", 2, codec="libsvtav1")
    assert os.sched_getscheduler(0) == before
