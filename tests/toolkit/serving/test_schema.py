"""schemathesis against the API's own OpenAPI: no 5xx, no answer that it does not tell of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from api_server import Site, serving

CONFIG = """
[generation]
deterministic = true
max-examples = 6
database = "none"

# What fits the schema may still be refused: a link inside, a question without words.
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]

[parameters]
"""


@pytest.mark.slow
def test_the_api_does_what_its_openapi_says(film: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    shutil.copy(film, films / "film.mp4")
    options = {"roots": (str(films),), "requests_per_s": 1e6, "burst": 10**6, "max_runs": 1000}
    with serving(tmp_path / "w", serve=options, download={"http": {"retries": 0}}) as site:
        run = site.analyzed(films / "film.mp4")
        scene = site.client("read").get(f"/v1/runs/{run['id']}/tables/scenes").json()["rows"][0]
        spare = site.desk.tokens.new("spare", ["read"], 1)[1]
        known = {
            "token_id": spare.id,
            "run_id": run["id"],
            "scene_id": scene["scene_id"],
            "video_id": scene["video_id"],
        }
        text = examined(site, tmp_path, known)
    count = re.search(r"(\d+) generated", text)
    assert count, text
    assert int(count[1]) > 300
    print(text)


def examined(site: Site, folder: Path, known: dict[str, str]) -> str:
    lines = [f'{name} = "{value}"\n' for name, value in known.items()]
    (folder / "schemathesis.toml").write_text(CONFIG + "".join(lines))
    command: list[Any] = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", folder / "schemathesis.toml"),
        *(
            "run",
            f"{site.url}/v1/openapi.json",
            "-H",
            f"Authorization: Bearer {site.word('admin')}",
        ),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--seed", "1"),
        *("--request-timeout", "30", "--continue-on-failure", "--no-color"),
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "120"}, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-3000:]
    return done.stdout
