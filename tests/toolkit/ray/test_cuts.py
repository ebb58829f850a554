"""A network cut between two nodes: results are those of an undisturbed run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray_apart import Apart, apart, forbidden
from ray_cluster import early, rows, slow, until

import toolkit as tk

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def cable() -> Iterator[Apart]:
    """Two nodes, and the cable between them."""
    if reason := forbidden():
        pytest.skip(reason)
    with apart() as cluster:
        yield cluster


@pytest.fixture
def begun(cable: Apart, films: list[Path], workspace: Path) -> Iterator[tk.RunHandle]:
    """A run that has workers at both ends of the cable, and answers from there.

    A node has two cores, so that a scan and an analyzer are never on the same one.
    """
    cable.renew()
    tk.analyzer(slow)
    tk.tagger(early)
    options = {"address": cable.address, "ship": "nothing", "cpus_per_analyzer": 1.5}
    chosen: dict[str, Any] = {
        "workspace": workspace,
        "analyzer": "signals",
        "execution": {"scene_queue": 1},  # so that all stages are at work to the end
    }
    run = tk.submit(films, engine="ray", ray=options, **chosen)
    try:
        until(lambda: run.progress.stages["tag"].done >= 2 and cable.workers())
        yield run
    finally:
        cable.mend()
        run.cancel()
        run.wait(60)


def whole(run: tk.RunHandle, undisturbed: dict[str, Any]) -> None:
    assert run.status == "done"
    assert run.failures.is_empty()
    assert rows(run) == undisturbed


def test_a_cut_of_a_moment_costs_a_moment(
    cable: Apart, begun: tk.RunHandle, undisturbed: dict[str, Any]
) -> None:
    node = cable.id()
    cable.cut()
    time.sleep(1.5)
    cable.mend()
    whole(begun.wait(120), undisturbed)
    assert cable.id() == node
    until(lambda: not cable.workers())


@pytest.mark.parametrize("mended", [False, True], ids=["for good", "until it is given up"])
def test_a_node_that_is_cut_off_is_done_without(
    cable: Apart, begun: tk.RunHandle, undisturbed: dict[str, Any], *, mended: bool
) -> None:
    cable.cut()
    until(lambda: not cable.id())
    if mended:  # what it did meanwhile comes too late, and changes nothing
        cable.mend()
    whole(begun.wait(120), undisturbed)
    cable.mend()
    until(lambda: not cable.workers(), seconds=90)  # its processes end by themselves
