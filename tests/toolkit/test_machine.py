"""A container's CPU limit counts as much as the cores that there are."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.config.machine import allowed, cores
from toolkit.config.settings import Execution


def group(root: Path, name: str, limit: str) -> None:
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "cpu.max").write_text(limit, encoding="utf-8")


def own(root: Path, line: str) -> Path:
    path = root / "self-cgroup"
    path.write_text(f"1:cpu:/old\n{line}\n", encoding="utf-8")
    return path


def test_the_tightest_limit_around_counts(tmp_path: Path) -> None:
    group(tmp_path, "pod", "150000 100000\n")
    group(tmp_path, "pod/job", "max 100000\n")
    assert allowed(tmp_path, own(tmp_path, "0::/pod/job")) == 1.5


def test_a_container_sees_its_own_group_at_the_root(tmp_path: Path) -> None:
    group(tmp_path, "", "200000 100000\n")
    assert allowed(tmp_path, own(tmp_path, "0::/")) == 2.0


def test_the_limit_of_an_older_kernel(tmp_path: Path) -> None:
    controllers = tmp_path / "cpu,cpuacct"
    for place, quota in (("", "-1"), ("docker", "250000"), ("docker/job", "-1")):
        (controllers / place).mkdir(parents=True, exist_ok=True)
        (controllers / place / "cpu.cfs_quota_us").write_text(f"{quota}\n", encoding="utf-8")
        (controllers / place / "cpu.cfs_period_us").write_text("100000\n", encoding="utf-8")
    line = "4:cpu,cpuacct:/docker/job\n3:cpuset:/docker/job"
    assert allowed(tmp_path, own(tmp_path, line)) == 2.5


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_who_is_bound_to_one_core_has_one() -> None:
    """As `numactl`, `taskset` and container runtimes do it."""
    script = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from toolkit.config.machine import cores;"
        "from toolkit.config.settings import Execution;"
        "print(cores(), Execution().scans(100))"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert told.stdout.split() == [b"1", b"1"]


def test_no_limit(tmp_path: Path) -> None:
    assert allowed(tmp_path, own(tmp_path, "0::/pod")) == math.inf
    assert allowed(tmp_path, tmp_path / "no-such-file") == math.inf
    assert cores() >= 1


def test_no_more_scans_than_files() -> None:
    assert Execution().scans(0) == Execution().scans(1) == 1
    assert Execution().scans(100) == min(cores(), 4)
    assert Execution(scan_threads=7).scans(100) == 7
    assert Execution(scan_threads=7).scans(3) == 3
