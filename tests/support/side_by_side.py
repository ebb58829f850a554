"""Which tests go to one of several pytest workers together, and which of them go first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

WORKERS = 2
# Each is of one worker, so that no two Ray clusters and no two browsers run at once. They and the
# other file that takes minutes begin the slow tests, for what is long and comes last is waited for.
TOGETHER = {
    "ray": (
        "tests/toolkit/ray/",
        "tests/notebooks/test_notebooks.py",
        "tests/contract/test_docs.py::test_python_runs[docs/ray-cluster.md]",
    ),
    "browser": ("tests/notebooks/", "tests/toolkit/serving/test_page.py"),
    "chunks": ("tests/toolkit/test_chunks.py",),
}


def together(nodeid: str) -> str:
    """The group of a test: its file, where it is of no other."""
    for name, beginnings in TOGETHER.items():
        if nodeid.startswith(beginnings):
            return name
    return nodeid.partition("::")[0]


def order(items: list[pytest.Item]) -> None:
    """The quick tests first, as a mistake shows in seconds then; of the slow ones, the groups."""
    groups = [*TOGETHER]

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker("slow") is None:
            return 0
        group = together(item.nodeid)
        return 1 + (groups.index(group) if group in groups else len(groups))

    items.sort(key=place)


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out groups in the order of the tests: a file's quick ones, and later its slow ones."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)
        self._unit: dict[str, str] = {}

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        for number, (_, tests) in enumerate(itertools.groupby(collection, together)):
            self._unit.update(dict.fromkeys(tests, str(number)))
        super().add_node_collection(node, collection)

    def _split_scope(self, nodeid: str) -> str:
        return self._unit[nodeid]
