"""toolkit serve: tokens, the server in a process of its own, what it refuses to do."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

Command = Callable[..., Any]


def test_a_token_is_shown_once_listed_without_its_word_and_revoked(
    toolkit: Command, workspace: Path
) -> None:
    here = ("--workspace", workspace)
    made = toolkit("serve", "token", "new", "--scope", "read,review", "--name", "Ada", *here)
    word = made.out.strip()
    assert re.fullmatch(r"tk_[0-9a-f]{8}_[\w-]{43}", word)
    listed = toolkit("serve", "token", "list", "--json", *here)
    (token,) = listed.data["tokens"]
    assert (token["name"], token["scopes"], token["stands"]) == ("Ada", ["read", "review"], True)
    assert word not in listed.out
    assert word.encode() not in (workspace / "serve-tokens.json").read_bytes()
    assert toolkit("serve", "token", "revoke", token["id"], *here).code == 0
    assert "revoked" in toolkit("serve", "token", "list", *here).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("token", "new", "--scope", "reed"), "Did you mean 'read'?"),
        (("token", "new", "--scope", ","), "A token needs a scope."),
        (("token", "new", "--scope", "read", "--expires", "0"), "cannot hold for 0 days"),
        (("token", "revoke", "nobody"), "There is no token 'nobody'."),
        (("--host", "0.0.0.0"), "tokens would be sent to 0.0.0.0 in clear"),
        (("--engine", "rey"), "Did you mean 'ray'?"),
    ],
)
def test_mistakes_are_told(
    toolkit: Command, workspace: Path, words: tuple[str, ...], said: str
) -> None:
    ended = toolkit("serve", *words, "--workspace", workspace)
    assert ended.code == 2
    assert said in ended.err


def test_a_port_that_is_taken_is_told(toolkit: Command, workspace: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = toolkit("serve", "--port", port, "--workspace", workspace)
    assert ended.code == 2
    assert f"127.0.0.1:{port} cannot be listened on" in ended.err


@pytest.mark.slow
def test_it_serves_until_it_is_told_to_stop(toolkit: Command, workspace: Path) -> None:
    here = ("--workspace", str(workspace))
    word = toolkit("serve", "token", "new", "--scope", "read", *here).out.strip()
    command = [sys.executable, "-m", "toolkit.cli", "serve", "--port", "0", *here]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        line = process.stderr.readline()
        found = re.search(r"is at (http://127\.0\.0\.1:\d+)/", line)
        assert found, line
        reply = httpx.get(
            f"{found[1]}/v1/runs", headers={"Authorization": f"Bearer {word}"}, timeout=60
        )
        assert reply.json() == {"total": 0, "runs": []}
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.communicate()
    assert not list((workspace / "serve-clips").iterdir())


def test_clips_that_a_crashed_server_left_are_wiped(workspace: Path) -> None:
    from toolkit.config import Settings
    from toolkit.isolation.readers import Readers
    from toolkit.serving.clips import ClipShelf

    left = workspace / "serve-clips" / "0123"
    left.mkdir(parents=True)
    (left / "x.mp4").write_bytes(b"x")
    living = ClipShelf(workspace, Readers(Settings()))
    other = ClipShelf(workspace, Readers(Settings()))
    assert not left.exists()
    assert len([path for path in (workspace / "serve-clips").iterdir() if path.is_dir()]) == 2
    other.close()
    living.close()
    assert not list((workspace / "serve-clips").iterdir())
