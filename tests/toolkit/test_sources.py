from __future__ import annotations

import os
from pathlib import Path

import pytest
from permissions import enforced

from toolkit.errors import SourceError
from toolkit.records import Source
from toolkit.sources import expand


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    folder = tmp_path / "talks"
    for name in ("b.mp4", "a.MKV", "notes.txt", "2024/c.webm", "2024/deep/d.mov"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def names(*given: str | os.PathLike[str]) -> list[str]:
    return [Path(source.uri).name for source in sources(*given)]


def sources(*given: str | os.PathLike[str]) -> list[Source]:
    found = list(expand(given))
    assert all(isinstance(source, Source) for source in found), found
    return [source for source in found if isinstance(source, Source)]


def failure(given: str | os.PathLike[str]) -> SourceError:
    [found] = list(expand([given]))
    assert isinstance(found, tuple)
    assert found[0]
    return found[1]


def link(given: str) -> str:
    [source] = sources(given)
    assert source.kind == "link"
    return source.uri


def test_a_file_is_absolute_whatever_its_name_and_stamped(
    talks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(talks)
    [source] = sources("notes.txt")
    facts = (talks / "notes.txt").stat()
    assert source.kind == "file"
    assert source.uri == str((talks / "notes.txt").resolve())
    assert source.stamp == f"{facts.st_size}-{facts.st_mtime_ns}"


def test_a_folder_gives_its_videos_at_every_depth(talks: Path) -> None:
    assert names(talks) == ["c.webm", "d.mov", "a.MKV", "b.mp4"]


def test_patterns(talks: Path) -> None:
    assert names(str(talks / "*.mp4")) == ["b.mp4"]
    assert names(str(talks / "**" / "*.[mw]*")) == ["c.webm", "d.mov", "b.mp4"]


def test_a_file_with_pattern_characters_in_its_name_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "talk [720p].mp4").write_bytes(b"x")
    assert names(tmp_path / "talk [720p].mp4") == ["talk [720p].mp4"]


def test_each_source_comes_once_in_the_order_named(talks: Path) -> None:
    (talks / "same.mp4").symlink_to(talks / "b.mp4")
    given: list[str | Path] = ["https://a.org/x", talks / "b.mp4", talks, "HTTPS://A.org:443/x#t=9"]
    found = [Path(s.uri).name for s in sources(*given)]
    assert found == ["x", "b.mp4", "c.webm", "d.mov", "a.MKV"]


def test_one_word_need_not_be_in_a_list(talks: Path) -> None:
    assert len(list(expand(str(talks)))) == 4


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/A?b=C#t=10", "https://example.org/A?b=C"),
        ("http://example.org:8080/a", "http://example.org:8080/a"),
        ("https://example.org/a/./b/../c/", "https://example.org/a/c/"),
        ("https://example.org/a%2Fb c", "https://example.org/a%2Fb%20c"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://[::1]:80/a", "http://[::1]/a"),
        ("https://me:pw@Example.org/a", "https://me:pw@example.org/a"),
        ("S3://bucket/Key.mp4", "s3://bucket/Key.mp4"),
    ],
)
def test_links_that_mean_the_same_are_the_same(given: str, normal: str) -> None:
    assert link(given) == normal
    assert link(normal) == normal


def test_a_list_names_sources_a_line_relative_to_itself(talks: Path) -> None:
    (talks / "list.txt").write_text("# mine\n\nb.mp4\nhttps://a.org/x\n2024/*.webm\nnope.mp4\n")
    found = list(expand([f"@{talks / 'list.txt'}"]))
    assert [Path(s.uri).name for s in found if isinstance(s, Source)] == ["b.mp4", "x", "c.webm"]
    [failed] = [s for s in found if isinstance(s, tuple)]
    assert failed[0] == "nope.mp4"


def test_a_list_that_leads_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("@b.txt\n")
    (tmp_path / "b.txt").write_text("@a.txt\n")
    assert "itself" in failure(f"@{tmp_path / 'a.txt'}").message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nope.mp4", "There is no file"),
        ("*.nope", "No file fits"),
        ("@nope.txt", "There is no list"),
        ("https:///x.mp4", "names no host"),
        ("http://example.org:http/x", "cannot be read"),
        ("bad\0name.mp4", "There is no file"),
    ],
)
def test_what_leads_nowhere_is_a_failure_with_its_reason(
    given: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in failure(given).message


def test_a_misspelt_file_names_the_nearest(talks: Path) -> None:
    (talks / "keynote.mp4").write_bytes(b"x")
    assert "keynote.mp4" in str(failure(talks / "keynot.mp4").hint)


def test_an_empty_folder_is_a_failure(tmp_path: Path) -> None:
    assert "no video" in failure(tmp_path).message


def test_a_folder_that_cannot_be_read_does_not_hide_the_others(talks: Path) -> None:
    (talks / "2024").chmod(0)
    try:
        with enforced():
            found = list(expand([talks]))
    finally:
        (talks / "2024").chmod(0o755)
    assert [Path(s.uri).name for s in found if isinstance(s, Source)] == ["a.MKV", "b.mp4"]
    [(word, error)] = [s for s in found if isinstance(s, tuple)]
    assert word == str(talks / "2024")
    assert "Permission denied" in error.message


def test_a_link_to_itself_is_a_failure(tmp_path: Path) -> None:
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    assert "no file" in failure(loop).message


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "not a regular file" in failure(tmp_path / "pipe.mp4").message


def test_failures_do_not_stop_the_rest(talks: Path) -> None:
    found = list(expand(["nope.mp4", talks / "b.mp4", "*.nope"]))
    assert [isinstance(s, Source) for s in found] == [False, True, False]
