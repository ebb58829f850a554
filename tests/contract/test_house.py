"""The rules of the house: what stands in two places agrees, and the package stays light."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import toolkit

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").glob("toolkit_*"))
HEAVY = PYPROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]
SOURCES = sorted(
    path
    for folder in ("toolkit", "plugins")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".js", ".css"}
)
CORE = [path for path in SOURCES if path.is_relative_to(ROOT / "toolkit") and path.suffix == ".py"]
LINES_OF_A_FILE = 300
# Extras that bring what is no plugin,
FEATURES = {
    "encryption",
    "faces",
    "gcs",
    "gpu",
    "keyring",
    "notebook",
    "otio",
    "ray",
    "redaction",
    "s3",
    "serve",
    "testing",
    "tune",
    "vllm",
}
APART = {"faces", "vllm"}  # and those that cannot be installed together with all the others


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def short_name(package: str) -> str:
    """`pyav` of `toolkit_decode_pyav`."""
    return package.split("_", 2)[2]


def contract(identifier: str) -> dict[str, Any]:
    contracts: list[dict[str, Any]] = PYPROJECT["tool"]["importlinter"]["contracts"]
    return next(found for found in contracts if found["id"] == identifier)


def test_the_wheel_holds_every_plugin() -> None:
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == ["toolkit", *(f"plugins/{name}" for name in PLUGINS)]


def test_every_plugin_has_an_entry_point() -> None:
    expected = {name.removeprefix("toolkit_"): name for name in PLUGINS}
    assert PROJECT["entry-points"]["toolkit"] == expected


def test_every_plugin_has_an_extra() -> None:
    extras = set(PROJECT["optional-dependencies"]) - {"all", "dev"}
    assert extras == {short_name(name) for name in PLUGINS} | FEATURES
    listed = ",".join(sorted(extras - APART))
    assert PROJECT["optional-dependencies"]["all"] == [f"{PROJECT['name']}[{listed}]"]


def test_the_import_contracts_cover_every_plugin() -> None:
    assert PYPROJECT["tool"]["importlinter"]["root_packages"] == ["toolkit", *PLUGINS]
    assert contract("core-knows-no-plugin")["forbidden_modules"] == PLUGINS
    assert contract("plugins-apart")["modules"] == PLUGINS
    assert contract("plugins-use-what-all-may-use")["source_modules"] == PLUGINS


def test_plugins_may_use_records_errors_contracts_and_hooks() -> None:
    public = {"errors", "hooks", "hooks.specs", "net", "records", "stages", "tomls"}
    modules = {
        ".".join(path.relative_to(ROOT / "toolkit").with_suffix("").parts).removesuffix(".__init__")
        for folder in ("toolkit", "toolkit/hooks")
        for path in [*(ROOT / folder).glob("*.py"), *(ROOT / folder).glob("*/__init__.py")]
    }
    private = sorted(f"toolkit.{name}" for name in modules - public - {"__init__"})
    assert contract("plugins-use-what-all-may-use")["forbidden_modules"] == private


def test_the_installed_package_is_this_one() -> None:
    # A changed pyproject.toml needs `make install`: entry points are read from the installation.
    assert toolkit.__version__ == PROJECT["version"]
    installed = importlib.metadata.entry_points(group="toolkit")
    ours = {point.name: point.value for point in installed if point.value in PLUGINS}
    assert ours == PROJECT["entry-points"]["toolkit"]


def test_public_names_are_sorted_and_lead_somewhere() -> None:
    assert list(toolkit.__all__) == sorted(set(toolkit.__all__))
    for name in toolkit.__all__:
        assert getattr(toolkit, name) is not None, name
    assert set(toolkit.__all__) <= set(dir(toolkit))


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="anlyze"):
        getattr(toolkit, "anlyze")  # noqa: B009 - the checker knows that it is not there


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_can_be_read_at_one_sitting(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_OF_A_FILE, f"{lines} lines: part it where its matters part"


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_names_no_plugin(path: Path) -> None:
    # Import contracts see imports; this sees names in strings as well.
    named = re.findall("|".join(rf"\b{name}\b" for name in PLUGINS), path.read_text("utf-8"))
    assert not named


def modules_after(code: str, folder: Path) -> set[str]:
    """The top-level modules that a fresh interpreter holds after running `code`."""
    report = "import json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"
    script = f"{code}\n{report}"
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1])
    return {name.partition(".")[0] for name in loaded}


COMMAND = """
import sys
from toolkit.cli import main
sys.argv[1:] = {arguments!r}
try:
    main()
except SystemExit as end:
    if end.code:
        raise
"""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import toolkit", id="import toolkit"),
        pytest.param(
            "import toolkit\nfor name in toolkit.__all__: getattr(toolkit, name)",
            id="every public name",
        ),
        pytest.param(COMMAND.format(arguments=["--help"]), id="toolkit --help"),
        pytest.param(COMMAND.format(arguments=["plugins"]), id="toolkit plugins"),
        *(pytest.param(f"import {name}", id=f"import {name}") for name in PLUGINS),
    ],
)
def test_nothing_heavy_is_loaded(code: str, tmp_path: Path) -> None:
    assert not modules_after(code, tmp_path) & set(HEAVY)


def test_lists_in_pyproject_are_sorted() -> None:
    lists = [
        HEAVY,
        list(PROJECT["entry-points"]["toolkit"]),
        PROJECT["dependencies"],
        *(needs for name, needs in PROJECT["optional-dependencies"].items() if name != "dev"),
    ]
    for entries in lists:
        assert all(a.lower() <= b.lower() for a, b in pairwise(entries)), entries
