"""A worker that waits for room on the cluster keeps nobody waiting who has others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ray_cluster import Nodes, until

from toolkit.execution.ray.deaths import Crash
from toolkit.execution.ray.hands import Hand
from toolkit.execution.ray.shifts import Done, Shift
from toolkit.stages.effort import Effort

pytestmark = [pytest.mark.slow]
Start = Callable[..., Hand]
TOO_MUCH = 64.0  # cores, which no node has


@pytest.fixture
def start(nodes: Nodes) -> Iterator[Start]:
    import ray

    class Echo:  # in here it goes to the nodes by value
        def prepare(self) -> str:
            return "a node"

        def say(self, word: str, after_s: float = 0.0) -> Done:
            time.sleep(after_s)
            return Done(word, Shift(0.0, 0.0, Effort()))

    hands: list[Hand] = []

    def hired(cpus: float, siblings: Sequence[Hand] = ()) -> Hand:
        def hire() -> tuple[Any, Any]:
            actor = ray.remote(Echo).options(num_cpus=cpus).remote()
            return actor, actor.prepare.remote()

        hands.append(Hand(hire, 1, lambda: siblings))
        hands[-1].start()
        return hands[-1]

    yield hired
    for hand in hands:
        hand.close()


def siblings(start: Start) -> tuple[Hand, Hand]:
    """One that is up, and one that waits for room."""
    there = start(0.1)
    assert there.call("say", "here") == "here"
    return there, start(TOO_MUCH, [there])


def test_a_sibling_does_what_was_asked_of_it_and_stays_until_that_is_done(start: Start) -> None:
    there, waits = siblings(start)
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(waits.call, "say", "elsewhere", 3.0)
        until(lambda: there.busy)
        there.leave()  # whoever it belongs to has nothing more to do
        assert asked.result(30) == "elsewhere"
    until(lambda: there.closed)
    assert not waits.closed


def test_a_siblings_death_is_told_to_who_asked(start: Start) -> None:
    there, waits = siblings(start)
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(waits.call, "say", "elsewhere", 60.0)
        until(lambda: there.busy)
        there.drop()
        with pytest.raises(Crash):
            asked.result(30)
    assert waits.call("say", "again") == "again"
