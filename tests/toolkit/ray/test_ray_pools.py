"""When a stage gets more workers, and when it is given up."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from toolkit.execution.ray.hands import Hand
from toolkit.execution.ray.pools import Pool

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
