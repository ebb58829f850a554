"""What a run would take: arithmetic that can be checked by hand."""

from __future__ import annotations

import pytest

from toolkit.insight.sizing import Cluster, Costs, Load, sizing

COSTS = Costs(scan_s=0.1, scene_s=5.0, analyze_s=1.0, save_s=0.002, frames_bytes=5_000_000)


def test_cores_that_keep_an_analyzer_busy() -> None:
    # A scene of 5 seconds takes half a core second, and a second of analyzer.
    sized = sizing(Load(videos=10, video_s=3600), COSTS, Cluster(analyzers=4))
    assert sized.scans_per_analyzer == pytest.approx(0.5)
    assert (sized.analyzers, sized.scans, sized.scenes) == (4, 2, 720)
    assert sized.scenes_per_s == pytest.approx(4)
    assert sized.wall_s == pytest.approx(180)
    assert sized.gpu_hours == pytest.approx(0.2)


def test_too_few_scans_are_the_bottleneck() -> None:
    sized = sizing(Load(videos=10, video_s=3600), COSTS, Cluster(analyzers=8, scans=2))
    assert sized.bottleneck == "scans"
    assert sized.scenes_per_s == pytest.approx(4)
    assert sized.use["analyzers"] == pytest.approx(0.5)
    assert sized.breaks_first.startswith("analyzers, at 2.0 times")


def test_a_deadline_asks_for_analyzers() -> None:
    load = Load(videos=1000, video_s=360_000)
    sized = sizing(load, COSTS, deadline_s=7200)
    assert sized.analyzers == 10
    assert sized.wall_s <= 7200


def test_what_a_store_cannot_take_sets_the_pace() -> None:
    cluster = Cluster(analyzers=1000, rows_per_s=700)
    sized = sizing(Load(videos=1000, video_s=360_000), COSTS, cluster)
    assert sized.bottleneck == "store"
    assert sized.scenes_per_s == pytest.approx(100)


def test_a_long_file_holds_up_the_end_less_in_parts() -> None:
    load = Load(videos=1000, video_s=360_000, longest_s=36_000)
    whole = sizing(load, COSTS, Cluster(analyzers=8, chunk_s=0))
    parts = sizing(load, COSTS, Cluster(analyzers=8, chunk_s=1200))
    assert whole.tail_s == pytest.approx(3600)
    assert parts.tail_s == pytest.approx(240)


def test_frames_in_flight_are_bounded() -> None:
    cluster = Cluster(analyzers=4, scans=2, batch=8, queue=8)
    sized = sizing(Load(videos=10, video_s=3600), COSTS, cluster)
    assert sized.object_store_bytes == (4 * (8 + 2 * 8) + 2) * 5_000_000


def test_it_is_shown_everywhere() -> None:
    sized = sizing(Load(videos=10, video_s=3600), COSTS, Cluster(analyzers=4))
    assert "bottleneck" in repr(sized)
    assert "<table" in sized._repr_html_()
    assert sized.frame.columns == ["what", "value"]
