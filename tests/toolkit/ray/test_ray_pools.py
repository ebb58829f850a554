"""When a stage gets more workers, and when it is given up."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.config.ray import RaySettings
from toolkit.execution.ray.hands import Hand
from toolkit.execution.ray.pools import Agency, Pool

ROOM = {"CPU": 8.0}


def pool(*, up: bool) -> Pool:
    def hire() -> tuple[Any, Any]:
        raise AssertionError("nobody asked for anything")

    hand = Hand(hire)
    hand.node = "a node" if up else ""
    return Pool("scan", 0, {"CPU": 1.0}, 1, 0, [hand])


@pytest.mark.parametrize(
    ("waiting", "item_s", "more"), [(6, 0.1, 0), (6, 30.0, 1), (400, 0.1, 1), (0, 30.0, 0)]
)
def test_a_worker_more_is_started_where_it_is_worth_its_start(
    waiting: int, item_s: float, more: int
) -> None:
    assert pool(up=True).wants(waiting, item_s, lambda: ROOM) == more


def test_an_item_that_is_not_done_yet_counts_with_what_it_took_so_far() -> None:
    busy = pool(up=True)
    hand = busy.hands[0]
    hand._calls.append(object())
    hand.busy_since = time.monotonic() - 10
    assert busy.wants(3, 0.0, lambda: ROOM) == 1


@pytest.mark.parametrize(("free", "room"), [(1.9, 0.9), (0.3, 0.3)])
def test_no_more_room_is_seen_than_the_runs_workers_leave(
    monkeypatch: pytest.MonkeyPatch, free: float, room: float
) -> None:
    """Ray tells of what is free a moment late; of others' work it tells, too."""
    import ray

    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr(ray, "available_resources", lambda: {"CPU": free})
    keys: Any = SimpleNamespace(analyzers=())
    agency = Agency("run", order, RaySettings(), keys, {}, alone=True)
    agency.pools[:] = [pool(up=True), Pool("acquire", 0, {"CPU": 0.1}, 1, 0)]
    closed = agency.hire(agency.pools[1])
    closed.close()
    agency.hire(agency.pools[1]).node = "a node"
    assert agency.room() == {"CPU": pytest.approx(room)}


def order(*_: Any) -> Any:
    raise AssertionError("nobody was hired")


@pytest.mark.parametrize(
    ("up", "ago_s", "hopeless"), [(False, 1, False), (False, 3600, True), (True, 3600, False)]
)
def test_a_stage_is_hopeless_when_none_of_its_workers_came_up_for_long(
    *, up: bool, ago_s: float, hopeless: bool
) -> None:
    late = pool(up=up)
    late.hands[0].hired_at = time.monotonic() - ago_s
    assert late.hopeless == hopeless


def test_importing_ray_builds_no_parser_that_nobody_asks_for() -> None:
    program = """
import sys
from toolkit.execution.ray.connect import need_ray
need_ray()
assert "jsonschema" in sys.modules
assert "lark" not in sys.modules
from jsonschema import FormatChecker
print(FormatChecker().conforms("http://a/b", "iri"), FormatChecker().conforms("a b", "iri"))
assert "lark" in sys.modules
"""
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.stdout == "True False\n", said.stderr
