"""What clients do with the API: start, follow, read, look, ask, correct."""

from __future__ import annotations

import io
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from api_server import Site, serving
from PIL import Image

import toolkit as tk
from toolkit.records import Source
from toolkit.stages.analysis import Analyzer
from toolkit.testing.server import serve
from toolkit.vault.keys import new_key


def events_of(text: str) -> list[tuple[str, dict[str, Any], int]]:
    found = []
    for part in text.split("\n\n"):
        lines = [line for line in part.split("\n") if not line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines if line)
        if fields:
            found.append((fields["event"], json.loads(fields["data"]), int(fields.get("id", 0))))
    return found


def test_a_run_is_started_followed_and_read(site: Site, films: Path) -> None:
    client = site.client("read", "run")
    started = client.post("/v1/runs", json={"sources": [str(films / "film.mp4")]})
    assert started.status_code == 202
    assert started.headers["location"] == f"/v1/runs/{started.json()['id']}"
    text = client.get(f"{started.headers['location']}/events").text
    events = events_of(text)
    kinds = [kind for kind, _, _ in events]
    assert kinds[-1] == "end"
    assert events[-1][1] == {"status": "done"}
    assert kinds.count("scene") == 3 or kinds.count("video") == 1  # it may have been done before
    told = [number for kind, _, number in events if kind not in ("progress", "end")]
    assert told == list(range(1, len(told) + 1))
    assert [data["share"] for kind, data, _ in events if kind == "progress"][-1] == 1.0
    rest = client.get(
        f"{started.headers['location']}/events", headers={"Last-Event-ID": str(told[-2])}
    )
    assert [number for _, _, number in events_of(rest.text) if number] == told[-1:]
    seen = client.get(started.headers["location"]).json()
    assert (seen["status"], seen["progress"]["stages"]["tag"]) == ("done", {"done": 3, "total": 3})
    (source,) = site.desk.store.find(Source, uri=str(films / "film.mp4"))
    assert source.requested_by == "tester"
    assert started.json()["id"] in [one["id"] for one in client.get("/v1/runs").json()["runs"]]


def test_results_are_the_runs_frames_as_json_and_as_arrow(site: Site, run: dict[str, Any]) -> None:
    client = site.client("read")
    handle = tk.attach(run["id"], workspace=site.desk.settings.workspace)
    for table in ("videos", "scenes", "tags", "answers", "sources", "failures", "reviews"):
        expected = getattr(handle, table)
        rows = client.get(f"/v1/runs/{run['id']}/tables/{table}").json()
        assert rows["total"] == expected.height
        assert len(rows["rows"]) == min(100, expected.height)
        arrow = client.get(f"/v1/runs/{run['id']}/tables/{table}", params={"format": "arrow"})
        assert arrow.headers["content-type"] == "application/vnd.apache.arrow.stream"
        frame = pl.read_ipc_stream(io.BytesIO(arrow.content))
        assert frame.equals(expected)
    part = client.get(
        f"/v1/runs/{run['id']}/tables/scenes", params={"offset": 1, "limit": 1}
    ).json()
    assert (part["total"], [row["index"] for row in part["rows"]]) == (3, [1])


def test_a_scene_is_seen_by_token_and_by_link(
    site: Site, run: dict[str, Any], scenes: list[dict[str, Any]], films: Path
) -> None:
    client, nobody = site.client("read"), site.client()
    base = f"/v1/runs/{run['id']}/scenes/{scenes[1]['scene_id']}"
    video = f"/v1/videos/{scenes[1]['video_id']}/file"
    picture = client.get(f"{base}/thumbnail")
    assert Image.open(io.BytesIO(picture.content)).size == (160, 120)
    clip = client.get(f"{base}/clip")
    assert (clip.status_code, clip.headers["content-type"]) == (200, "video/mp4")
    whole = (films / "film.mp4").read_bytes()
    assert client.get(video).content == whole
    reply = client.post("/v1/links", json={"paths": [f"{base}/thumbnail", f"{base}/clip", video]})
    links = [link["url"] for link in reply.json()["links"]]
    assert nobody.get(links[0]).content == picture.content
    assert nobody.get(links[1]).content == clip.content
    part = nobody.get(links[2], headers={"Range": "bytes=1000-1999"})
    assert part.status_code == 206
    assert part.content == whole[1000:2000]
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole)}"
    assert nobody.get(links[2], headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_what_people_say_wins_and_is_found(
    site: Site, run: dict[str, Any], scenes: list[dict[str, Any]]
) -> None:
    word = site.word("read", "review", name="Ada")
    client = site.client(word=word)
    reviews = f"/v1/runs/{run['id']}/reviews"
    said = {"subject": scenes[0]["scene_id"], "action": "add", "name": "harbour"}
    made = client.post(reviews, json=said)
    assert (made.status_code, made.json()["reviewer"]) == (201, "Ada")
    text = {"target": "description", "action": "add", "value": "A lighthouse stands by the sea."}
    assert client.post(reviews, json={**said, "name": "", **text}).status_code == 201
    row = client.get(f"/v1/runs/{run['id']}/tables/scenes").json()["rows"][0]
    assert "harbour" in row["tags"]
    assert row["description"] == text["value"]
    hits = client.get("/v1/search", params={"q": "lighthouse"}).json()["rows"]
    assert scenes[0]["scene_id"] in [hit["scene_id"] for hit in hits]
    wrong = client.post(reviews, json={**said, "name": "", "target": "sentiment", "value": "happy"})
    assert wrong.status_code == 422
    assert "none of" in wrong.json()["detail"]


class Oracle(Analyzer):
    """Says yes."""

    kinds = frozenset({"question"})
    go = threading.Event()

    def asks(self, wanted: Any) -> Any:
        return [ask for ask in wanted if ask.kind == "question"]

    def analyze(self, looks: Any, fingerprint: str, cancel: Any) -> Any:
        for look in looks:
            assert self.go.wait(60)
            yield [
                tk.Answer.of(look.frames.scene, fingerprint, "Oracle", ask, text="yes", value=True)
                for ask in look.asks
            ]


def test_questions_are_asked_of_a_scene_and_of_all(films: Path, workspace: Path) -> None:
    tk.analyzer(Oracle)
    Oracle.go.set()
    settings: dict[str, dict[str, Any]] = {
        "serve": {"roots": (str(films),)},
        "analysis": {"plugin": ("Oracle",)},
    }
    with serving(workspace, **settings) as site:
        run = site.analyzed(films / "film.mp4")
        client = site.client("read", "run")
        base = f"/v1/runs/{run['id']}"
        scene = client.get(f"{base}/tables/scenes").json()["rows"][1]["scene_id"]
        asked = {"question": "Is it red? [yes/no]"}
        reply = client.post(f"{base}/scenes/{scene}/questions", json=asked)
        assert [answer["value"] for answer in reply.json()] == [True]
        values = [row["Is it red?"] for row in client.get(f"{base}/tables/scenes").json()["rows"]]
        assert values == [None, True, None]
        more = client.post(f"{base}/questions", json={"questions": ["Is it night? [yes/no]"]})
        assert more.status_code == 202
        assert site.ended(client, more.json()["id"])["status"] == "done"
        rows = client.get(f"/v1/runs/{more.json()['id']}/tables/scenes").json()["rows"]
        assert [row["Is it night?"] for row in rows] == [True, True, True]


def test_a_run_is_stopped_and_no_more_begin_than_may(films: Path, workspace: Path) -> None:
    tk.analyzer(Oracle)
    Oracle.go.clear()
    settings: dict[str, dict[str, Any]] = {
        "serve": {"roots": (str(films),), "max_runs": 1},
        "analysis": {"plugin": ("Oracle",), "questions": "Is it red? [yes/no]"},
    }
    with serving(workspace, **settings) as site:
        client = site.client("read", "run")
        wanted = {"sources": [str(films / "film.mp4")]}
        run_id = client.post("/v1/runs", json=wanted).json()["id"]
        over = client.post("/v1/runs", json=wanted)
        assert (over.status_code, over.headers["retry-after"]) == (429, "10")
        asked = client.post(f"/v1/runs/{run_id}/questions", json={"questions": ["Why?"]})
        assert asked.status_code in (409, 429)
        assert client.post(f"/v1/runs/{run_id}/cancel").status_code == 202
        Oracle.go.set()
        assert site.ended(client, run_id)["status"] == "cancelled"


def test_a_run_of_another_process_is_followed_by_its_row(film: Path, workspace: Path) -> None:
    run = tk.submit(film, analyzer="signals", workspace=workspace, detach=True)
    with serving(workspace) as site:
        text = site.client("read").get(f"/v1/runs/{run.id}/events").text
        assert events_of(text)[-1][:2] == ("end", {"status": "done"})


def test_what_is_erased_is_gone_from_the_server_too(films: Path, workspace: Path) -> None:
    with serving(workspace, serve={"roots": (str(films),)}) as site:
        run = site.analyzed(films / "film.mp4")
        client = site.client("read", "run")
        scene = client.get(f"/v1/runs/{run['id']}/tables/scenes").json()["rows"][0]
        clip = f"/v1/runs/{run['id']}/scenes/{scene['scene_id']}/clip"
        assert client.get(clip).status_code == 200
        assert list(workspace.glob("serve-clips/*/*.mp4"))
        assert not tk.forget(scene["video_id"], yes=True, workspace=workspace).left
        assert not list(workspace.glob("serve-clips/*/*.mp4"))
        assert client.get(clip).status_code == 404
        assert client.get(f"/v1/videos/{scene['video_id']}").status_code == 404


def test_what_is_sealed_is_sent_plain_and_stays_sealed(
    film: Path, tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web = tmp_path / "web"
    web.mkdir()
    shutil.copy(film, web / "film.mp4")
    with (
        serve(web) as server,
        serving(
            workspace,
            privacy={"encrypt": True, "key": new_key()},
            download={"allow_private_hosts": True},
        ) as site,
    ):
        run = site.analyzed(server.url("film.mp4"))
        client = site.client("read")
        scene = client.get(f"/v1/runs/{run['id']}/tables/scenes").json()["rows"][0]
        video = f"/v1/videos/{scene['video_id']}/file"
        assert client.get(video).content == film.read_bytes()
        part = client.get(video, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, film.read_bytes()[10:20])
        base = f"/v1/runs/{run['id']}/scenes/{scene['scene_id']}"
        assert client.get(f"{base}/thumbnail").content.startswith(b"\xff\xd8\xff")
        assert client.get(f"{base}/clip").content[4:8] == b"ftyp"
        kept = [path for path in workspace.rglob("*") if path.is_file()]
        assert any("serve-clips" in path.parts for path in kept)
        for path in kept:
            assert b"ftypisom" not in path.read_bytes(), path


@pytest.mark.parametrize("path", ["/v1/health", "/", "/static/page.js"])
def test_what_is_open_to_all(site: Site, path: str) -> None:
    assert site.client().get(path).status_code == 200


def test_metrics_are_prometheus_text(site: Site, run: dict[str, Any]) -> None:
    reply = site.client("read").get("/v1/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE toolkit_" in reply.text


def test_tokens_are_listed_and_revoked_by_an_admin(site: Site) -> None:
    admin, word = site.client("admin"), site.word("read")
    other = site.client(word=word)
    mine = other.get("/v1/me").json()
    assert mine["scopes"] == ["read"]
    listed = admin.get("/v1/tokens").json()
    assert mine["id"] in [one["id"] for one in listed]
    assert "sha256" not in json.dumps(listed)
    assert admin.delete(f"/v1/tokens/{mine['id']}").status_code == 200
    assert other.get("/v1/me").status_code == 401
    assert admin.delete("/v1/tokens/nobody").status_code == 404
