"""The clusters of this folder's tests, and the films that runs on them are about."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_servers import credentials
from fault_proxy import Proxy
from marked import NAME, ending
from ray_cluster import Nodes, early, rows
from ray_head import Head, bare_head

import toolkit as tk
from toolkit.hooks.manager import configure
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.world import ClipTruth

LOOKS = [
    ClipTruth("red", "circle", "one", "left", "white", "day"),
    ClipTruth("blue", "square", "two", "still", "pink", "night"),
    ClipTruth("green", "triangle", "one", "up", "cyan", "day"),
    ClipTruth("red", "square", "two", "right", "pink", "day"),
]


@pytest.fixture(scope="session", autouse=True)
def swept() -> Iterator[None]:
    """Whatever became of the tests, no cluster and no process of theirs stays."""
    mark = uuid.uuid4().hex
    with ending(mark), pytest.MonkeyPatch.context() as patch:
        patch.setenv(NAME, mark)
        yield


@pytest.fixture(scope="session")
def head() -> Iterator[Head]:
    """A cluster that asks for a token, and does not have the toolkit."""
    with bare_head() as started:
        yield started


@pytest.fixture(scope="session")
def cluster(s3_between: Proxy) -> Iterator[Nodes]:
    """Two nodes that may use a cloud, for all tests whose faults they survive."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in credentials(s3_between).items():
            patch.setenv(name, value)
        nodes = Nodes()
    try:
        yield nodes
    finally:
        nodes.close()


@pytest.fixture(scope="module")
def nodes(cluster: Nodes) -> Iterator[Nodes]:
    """The cluster, with this process on it as long as the tests look at it."""
    from toolkit.execution.ray.connect import connect

    options = {"address": cluster.address, "ship": "nothing"}
    settings, plugins, _ = configure(None, {"ray": options})
    with connect(settings, plugins):
        yield cluster


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six films of four scenes with hard cuts between them."""
    folder = tmp_path_factory.mktemp("films")
    paths = []
    for number in range(6):
        rng = random.Random(number)
        path = folder / f"film{number}.mp4"
        shots = [Shot(truth, 1.4) for truth in LOOKS]
        write_film(path, shots, ["cut"] * 3, rng=rng, height=120, width=160)
        paths.append(path)
    return paths


@pytest.fixture(scope="session")
def plain(films: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run finds in the films on this machine, without Ray."""
    workspace = tmp_path_factory.mktemp("plain")
    return rows(tk.analyze(films, analyzer="signals", workspace=workspace, progress=False))


@pytest.fixture(scope="session")
def undisturbed(films: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same with ``slow``, though at once, and ``early``."""

    def slow(frames: tk.Frames) -> dict[str, Any]:
        return {"brightness": round(float(frames.rgb.mean()), 3)}

    tk.analyzer(slow)
    tk.tagger(early)
    workspace = tmp_path_factory.mktemp("undisturbed")
    try:
        run = tk.analyze(films, analyzer="signals", workspace=workspace, progress=False)
    finally:
        tk.unregister(slow)
        tk.unregister(early)
    return rows(run)


Submit = Callable[..., tk.RunHandle]


@pytest.fixture
def submit(nodes: Nodes, workspace: Path) -> Iterator[Submit]:
    """Starts a run on the cluster, which holds no workers any more after the test."""
    runs: list[tk.RunHandle] = []

    def start(sources: Any, **settings: Any) -> tk.RunHandle:
        settings.setdefault("workspace", workspace)
        settings.setdefault("analyzer", "signals")
        options = {"address": nodes.address, "ship": "nothing", "scans_max": 2, "analyzers_max": 1}
        options |= settings.pop("ray", {})
        runs.append(tk.submit(sources, engine="ray", ray=options, **settings))
        return runs[-1]

    yield start
    for run in runs:
        run.cancel()  # as after a failed assertion
    for run in runs:
        run.wait(60)
