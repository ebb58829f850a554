"""Runs a suite of :mod:`toolkit.testing.installed` in this process and writes what came of it.

``python -m toolkit.testing.checking`` reads a target as JSON from its input, and writes one JSON
document to the file that it is told: a process of its own, for a plugin is someone else's code.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from toolkit.testing import installed
from toolkit.testing.installed import SUITES, Target

__all__ = ["main"]


class Report:
    """Collects how each test ended."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for the set-up, the call and the end of each test."""
        name = report.nodeid.rpartition("::")[2]
        test = self.tests.setdefault(
            name, {"test": name, "outcome": "passed", "why": "", "details": "", "seconds": 0.0}
        )
        test["seconds"] += report.duration
        if report.skipped and isinstance(report.longrepr, tuple):
            test |= {"outcome": "skipped", "why": report.longrepr[2].removeprefix("Skipped: ")}
        elif report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = crash.message if crash else str(report.longrepr)
            test |= {"outcome": "failed", "why": why, "details": report.longreprtext}


def main() -> None:
    """Run the suite, and write the outcome of each test to the file that the request names."""
    request = json.load(sys.stdin)
    target = Target(**request["target"])
    report = Report()
    file = f"{installed.__file__}::{SUITES[target.stage]}"
    folder = Path(request["folder"])
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    code = pytest.main(
        [file, "-q", "-c", str(folder / "pytest.ini"), f"--rootdir={folder}",
         f"--basetemp={folder / 'tests'}", "-p", "no:cacheprovider", "--no-header"],
        plugins=[target, report],
    )  # fmt: skip
    found = {"code": int(code), "tests": list(report.tests.values())}
    (folder / "report.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
