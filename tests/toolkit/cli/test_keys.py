"""toolkit keys: made, changed, used; and a workspace that follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolkit.cli.app import app
from toolkit.vault.keys import Vault


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.output


def test_a_workspace_gets_a_key_and_later_another(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.ini"
    key = tmp_path / "toolkit.key"
    config.write_text("[analysis]\nplugin = signals\n")
    run("analyze", str(film))  # plain, at first
    assert "key_file" in run("keys", "new", str(key))
    assert "There is a file" in run("keys", "new", str(key), code=2)
    config.write_text(
        "[analysis]\nplugin = signals\n[privacy]\nencrypt = yes\nkey_file = toolkit.key\n"
        "[logging]\nfile = log\nlevel = info\n"
    )
    assert "were sealed" in run("keys", "seal")
    thumbnails = list((tmp_path / "toolkit-workspace" / "thumbnails").rglob("*.jpg*"))
    assert len(thumbnails) == 3
    assert all(path.name.endswith(".jpg.age") for path in thumbnails)
    run("analyze", str(film))
    shown = run("show", "last", "--json")
    assert str(thumbnails[0].name) in shown

    first = run("keys", "show-recipient").strip()
    run("keys", "rotate")
    assert run("keys", "show-recipient").strip() != first
    assert "0 rows and 0 files" not in run("keys", "seal")
    assert "0 rows and 0 files" in run("keys", "seal")
    newest, old = [line for line in key.read_text().splitlines() if line.startswith("AGE-")]
    key.write_text(newest)
    assert run("show", "last", "--json") == shown
    assert "keys" in run("keys", "show-recipient", "--json")

    picture = tmp_path / "picture.jpg"
    run("keys", "open", str(thumbnails[0]), "--to", str(picture))
    assert picture.read_bytes()[:3] == b"\xff\xd8\xff"
    assert picture.stat().st_mode & 0o777 == 0o600
    key.write_text(old)
    assert "another key" in run("show", "last", code=2)
    assert Vault([old]).recipient == first
