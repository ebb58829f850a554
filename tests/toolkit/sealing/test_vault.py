"""Keys, sealed files, and plain copies that do not stay."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from toolkit.config.privacy import Privacy
from toolkit.errors import EncryptionError
from toolkit.sealing.keys import keys_of
from toolkit.vault import files, scratch
from toolkit.vault.keys import Vault, new_key

DATA = random.Random(1).randbytes(300_000)


@pytest.fixture
def vault() -> Vault:
    return Vault.of([new_key()])


def test_a_sealed_file_comes_back_and_is_an_age_file(vault: Vault, tmp_path: Path) -> None:
    import pyrage

    plain, sealed = tmp_path / "plain", tmp_path / "film.mp4.age"
    plain.write_bytes(DATA)
    files.seal_file(plain, sealed, vault)
    assert DATA[:64] not in sealed.read_bytes()
    assert files.read(sealed) == DATA
    assert files.read(plain) == DATA
    assert pyrage.decrypt(sealed.read_bytes(), vault.identities) == DATA
    assert sealed.stat().st_mode & 0o777 == 0o600
    with files.opened(sealed) as path:
        assert path.name == "film.mp4"
        assert path.read_bytes() == DATA
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()
    with files.opened(plain) as path:
        assert path == plain


@pytest.mark.parametrize("spoilt", [DATA[:1000], b"", b"age-encryption.org/v1\nnonsense"])
def test_a_file_that_was_changed_does_not_open(vault: Vault, tmp_path: Path, spoilt: bytes) -> None:
    sealed = tmp_path / "film.mp4.age"
    files.write(DATA, sealed, vault)
    whole = bytearray(sealed.read_bytes())
    if not spoilt:
        whole[-5] ^= 1
    elif spoilt.startswith(b"age"):
        whole[:] = spoilt
    else:
        del whole[100_000:]
    sealed.write_bytes(whole)
    with pytest.raises(EncryptionError, match="changed or cut off"):
        files.read(sealed)


def test_a_file_of_another_key_is_refused_by_name(tmp_path: Path) -> None:
    sealed = tmp_path / "film.mp4.age"
    files.write(DATA, sealed, Vault([new_key()]))  # this process is not told of the key
    Vault.of([new_key()])
    with pytest.raises(EncryptionError, match="another key"), files.opened(sealed):
        pass


def test_those_who_read_at_once_share_a_copy(vault: Vault, tmp_path: Path) -> None:
    sealed = tmp_path / "film.mp4.age"
    files.write(DATA, sealed, vault)
    together, seen = threading.Barrier(4), []

    def work() -> None:
        with files.opened(sealed) as path:
            together.wait(30)
            seen.append((path, path.read_bytes() == DATA))
            together.wait(30)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    assert seen[0][1]
    assert not seen[0][0].exists()


def test_what_a_killed_process_left_is_gone_with_the_next(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        "from toolkit.vault import scratch\n"
        "with scratch.folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'film.mp4').write_bytes(b'plain')\n"
        "    print(folder, flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    left = Path(child.stdout.readline().strip())
    assert scratch.sweep(tmp_path) == 0  # it lives
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert (left / "film.mp4").exists()
    with scratch.folder(tmp_path) as mine:
        assert not left.exists()
        assert list(mine.parent.parent.rglob("*.mp4")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of Unix")
def test_a_scratch_folder_that_others_may_look_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"video-analysis-toolkit-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"video-analysis-toolkit-{os.getuid()}").chmod(0o777)
    with pytest.raises(EncryptionError, match="this user's alone"), scratch.folder(tmp_path):
        pass


def test_without_room_for_a_copy_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no device that is always full")
    vault = Vault.of([new_key()])
    sealed = tmp_path / "film.mp4.age"
    files.write(DATA, sealed, vault)
    opened = Path.open

    def onto_full(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        return opened(full if mode == "wb" else path, mode, *more, **options)

    monkeypatch.setattr(Path, "open", onto_full)
    with pytest.raises(EncryptionError, match="no room") as caught, files.opened(sealed):
        pass
    assert "scratch" in str(caught.value.hint)


def test_a_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path, key = tmp_path / "key", new_key()
    path.write_text(f"# old and new\n{key}\n{new_key()}\n")
    path.chmod(0o644)
    with pytest.raises(EncryptionError, match="Others than its owner"):
        keys_of(Privacy(key_file=str(path)), tmp_path)
    path.chmod(0o600)
    assert keys_of(Privacy(key_file="key"), tmp_path)[0] == key
    with pytest.raises(EncryptionError, match="cannot be read"):
        keys_of(Privacy(key_file="none"), tmp_path)


def test_the_keyring_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend

    class Memory(KeyringBackend):
        priority = 1
        kept: dict[tuple[str, str], str] = {}  # noqa: RUF012

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.kept[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(Memory())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(EncryptionError, match="has no key"):
            keys_of(Privacy(keyring="archive"), tmp_path)
        key = new_key()
        keyring.set_password("video-analysis-toolkit", "archive", key)
        assert keys_of(Privacy(keyring="archive"), tmp_path) == [key]
    finally:
        keyring.set_keyring(before)


def test_age_itself_opens_a_file(tmp_path: Path) -> None:
    key = new_key()
    sealed, keys = tmp_path / "film.mp4.age", tmp_path / "key"
    files.write(DATA, sealed, Vault([key]))
    keys.write_text(key)
    found = subprocess.run(["age", "-d", "-i", keys, sealed], capture_output=True, check=True)
    assert found.stdout == DATA
