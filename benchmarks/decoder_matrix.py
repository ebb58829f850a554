"""Prints which decoder reads which kind of file: what each suite of conformance tests found.

    python benchmarks/decoder_matrix.py

Each suite runs in a process of its own: decoders bring C libraries, and one that crashes or hangs
on a file is to say so in its column.
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

from toolkit.testing.decoder_cases import CASES

ROOT = Path(__file__).parents[1]
SUITES = {
    "pyav": "tests/plugins/test_decode_pyav.py::TestPyAV",
    "decord": "tests/plugins/test_decode_decord.py::TestDecord",
}
LABELS = {
    "test_every_frame_once_and_at_its_time": "frames",
    "test_any_frame_at_any_time": "random",
    "test_the_metadata_fit_the_frames": "metadata",
    "": "",
}
LIMIT_S = 300


def outcomes(suite: str, folder: Path) -> dict[str, str]:
    """The name of each test without its prefix -> yes, no, or the reason why not."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", suite]
    try:
        done = subprocess.run(
            [*command, f"--junit-xml={report}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"{suite} hangs")
    if not report.exists():
        sys.exit(f"{suite} crashed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest's own report
        skipped = case.find("skipped")
        failed = case.find("failure") is not None or case.find("error") is not None
        why = skipped.get("message", "") if skipped is not None else ""
        found[case.get("name", "")] = why.partition(": ")[2] if why else "NO" if failed else "yes"
    return found


def show(
    title: str,
    rows: list[str],
    tables: dict[str, dict[str, str]],
    columns: list[str],
    reasons: dict[str, int],
) -> None:
    """Print a row a case, and a column a decoder and test."""
    heads = [(decoder, column) for decoder in tables for column in columns]
    width = max(len(row) for row in rows) + 2
    cells = max(len(f"{d} {LABELS.get(c, c)}") for d, c in heads) + 2
    print(f"{title:{width}}" + "".join(f"{d + ' ' + LABELS.get(c, c):>{cells}}" for d, c in heads))
    for row in rows:
        line = ""
        for decoder, column in heads:
            told = tables[decoder].get(f"{column}[{row}]" if column else row, "-")
            if told not in {"yes", "NO", "-"}:
                told = f"({reasons.setdefault(told, len(reasons) + 1)})"
            line += f"{told:>{cells}}"
        print(f"{row.removeprefix('test_'):{width}}{line}")
    print()


def main() -> None:
    with TemporaryDirectory() as folder:
        tables = {name: outcomes(suite, Path(folder)) for name, suite in SUITES.items()}
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    others = [name for name in names if name.partition("[")[0] not in LABELS]
    reasons: dict[str, int] = {}
    show("file", list(CASES), tables, [name for name in LABELS if name], reasons)
    show("what else", others, tables, [""], reasons)
    for reason, number in reasons.items():
        print(f"({number}) {reason}")
    for decoder, table in tables.items():
        passed = sum(told == "yes" for told in table.values())
        print(f"{decoder}: {passed} of {len(table)}")
    if any("NO" in table.values() for table in tables.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
