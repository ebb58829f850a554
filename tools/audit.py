"""Known weaknesses of the packages that are installed, by pip-audit; each is explained or mended.

    python tools/audit.py             asks PyPI's advisory database
    python tools/audit.py --require   ends with code 2 where it cannot be reached: for CI

pip-audit says "No known vulnerabilities found" also where it could look nothing up: this does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

EXPLAINED: dict[str, str] = {}
"""Advisory -> why it does no harm here, or what keeps us from the version that mends it."""
UNKNOWN, UNREACHABLE = 1, 2


def asked() -> dict[str, Any]:
    """What pip-audit says of this environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ["-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off"]
        done = subprocess.run(
            [sys.executable, *command, "--output", str(report)],
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            print(done.stderr.strip().splitlines()[-1] if done.stderr else "pip-audit said nothing")
            return {"dependencies": []}
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


def judge(report: dict[str, Any], *, require: bool) -> int:
    """Say what was found, and the exit code for it."""
    packages = report["dependencies"]
    audited = [one for one in packages if "skip_reason" not in one]
    own = {"video-analysis-toolkit"}
    skipped = sorted({one["name"] for one in packages if "skip_reason" in one} - own)
    unknown = 0
    for one in audited:
        for found in one["vulns"]:
            names = [found["id"], *found.get("aliases", [])]
            why = next((EXPLAINED[name] for name in names if name in EXPLAINED), "")
            unknown += not why
            mended = ", ".join(found["fix_versions"]) or "no version"
            print(f"{one['name']} {one['version']}: {' '.join(names)} (mended in {mended})")
            print(f"    {why or 'NOT EXPLAINED: raise the version, or say why it does no harm.'}")
    print(f"{len(audited)} packages audited, {len(skipped)} could not be, {unknown} open findings.")
    if audited and skipped:
        print(f"Not audited: {', '.join(skipped)}")
    if unknown:
        return UNKNOWN
    if not audited:
        print("NOTHING WAS AUDITED: the advisory database cannot be reached from here.")
        return UNREACHABLE if require else 0
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require", action="store_true", help="fail where nothing can be asked")
    parser.add_argument("--report", type=Path, help="a report of pip-audit instead of a new one")
    given = parser.parse_args()
    report = json.loads(given.report.read_text(encoding="utf-8")) if given.report else asked()
    sys.exit(judge(report, require=given.require))


if __name__ == "__main__":
    main()
