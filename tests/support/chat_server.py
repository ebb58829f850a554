"""A web server on loopback that speaks the OpenAI protocol, and can misbehave the ways servers do.

    with chat_server() as server:
        server.url                          # where its API begins
        server.script = ["status/500"]      # what goes wrong with the next requests, one each
        server.asked                        # the chats it was sent

Its model sees: the description tells how many frames there were, their size and mean colour. All
else it makes up from the frames and the question, the same every time. What goes wrong:

    status/429       this status; status/429/0.5 adds "Retry-After: 0.5"
    quota            429, for the account is empty
    redirect/URL     307 to the URL
    cut              half an answer, then the connection ends
    drop             no answer, the connection ends
    hang             no answer until the client leaves
    trickle          an answer byte by byte, without an end
    html             a web page
    junk             JSON that is broken
    empty            JSON without an answer
    says/TEXT        this text is the answer
    refuses/TEXT     the model refuses, in these words
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["Asked", "ChatServer", "chat_server"]


@dataclass(frozen=True)
class Asked:
    """A chat that was sent: its body, its headers (names in lower case), and when it came."""

    body: dict[str, Any]
    headers: dict[str, str]
    at_s: float

    @property
    def words(self) -> str:
        """The text of the last message."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else str(content[-1]["text"])

    @property
    def shows_nothing(self) -> bool:
        """Whether what it shows are the two grey frames of an empty input."""
        return "taken at 0.0, 1.0 seconds" in str(self.body["messages"][1])

    @property
    def shared(self) -> str:
        """All that comes before the question, as JSON: what a server can keep."""
        system, user = self.body["messages"][:2]
        line = self.words.split("\n", maxsplit=1)[0]
        return json.dumps([system, user["content"][:-1], line])


@dataclass
class ChatServer:
    """A running server.

    Attributes:
        models: What it lists; None: it has no list.
        key: The key it asks for; "" for none.
        logprobs: Whether it tells probabilities.
        schemas: What it does with a JSON schema: follow, ignore or refuse it.
        unknown: Fields of a request that it refuses, by name.
        script: What goes wrong with the next requests.
        always: What goes wrong with all requests after those.
    """

    models: tuple[str, ...] | None = ("tiny",)
    key: str = ""
    logprobs: bool = True
    schemas: str = "follow"
    unknown: tuple[str, ...] = ()
    script: list[str] = field(default_factory=list)
    always: str = ""
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    client_left: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def chat_server(
    *, port: int = 0, tls: ssl.SSLContext | None = None, **settings: Any
) -> Iterator[ChatServer]:
    """Serve on 127.0.0.1 for as long as the context lasts, at any free port unless one is given."""
    server = ChatServer(**settings)

    class Handler(_Handler):
        chat = server

    with _Listener(("127.0.0.1", port), Handler) as listener:
        if tls:
            listener.socket = tls.wrap_socket(listener.socket, server_side=True)
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.server_address[1]}/v1"
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            listener.shutdown()
            thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def do_GET(self) -> None:
        if self._is_refused():
            return
        if self.path != "/v1/models" or self.chat.models is None:
            self._json(404, {"error": {"message": "Not found"}})
            return
        data = [{"id": name, "object": "model"} for name in self.chat.models]
        self._json(200, {"object": "list", "data": data})

    def do_POST(self) -> None:
        chat = self.chat
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_refused():
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        with chat.lock:
            chat.asked.append(Asked(body, headers, time.monotonic()))
            fault = chat.script.pop(0) if chat.script else chat.always
            chat.at_once += 1
            chat.most_at_once = max(chat.most_at_once, chat.at_once)
        try:
            self._answer(body, fault)
        finally:
            with chat.lock:
                chat.at_once -= 1

    def _is_refused(self) -> bool:
        if self.chat.key and self.headers.get("Authorization") != f"Bearer {self.chat.key}":
            self._json(401, {"error": {"message": "Incorrect API key provided"}})
            return True
        return False

    def _answer(self, body: dict[str, Any], fault: str) -> None:
        kind, _, rest = fault.partition("/")
        if refused := [name for name in self.chat.unknown if name in body]:
            self._json(400, {"error": {"message": f"Unsupported parameter: '{refused[0]}'"}})
        elif "response_format" in body and self.chat.schemas == "refuse":
            self._json(422, {"detail": "Extra inputs are not permitted"})
        elif kind == "status":
            status, _, wait_s = rest.partition("/")
            headers = {"Retry-After": wait_s} if wait_s else {}
            self._json(int(status), {"error": {"message": "Not now"}}, headers)
        elif kind == "quota":
            error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
            self._json(429, {"error": error})
        elif kind == "redirect":
            self._json(307, {}, {"Location": rest})
        elif kind == "html":
            self._send(200, b"<html>Welcome</html>", "text/html")
        elif kind == "junk":
            self._send(200, b'{"choices": [{"mess', "application/json")
        elif kind == "empty":
            self._json(200, {})
        elif kind == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif kind in {"hang", "trickle"}:
            self._hang(trickle=kind == "trickle")
        else:
            text, chances = (rest, {}) if kind == "says" else _think(body, self.chat)
            answer = _completion(body, text, chances, self.chat)
            if kind == "refuses":
                answer["choices"][0]["message"] = {"content": None, "refusal": rest}
            data = json.dumps(answer).encode()
            self._send(200, data, "application/json", cut=kind == "cut")

    def _hang(self, *, trickle: bool) -> None:
        if trickle:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
        while not self.chat.closing.is_set():
            if trickle:
                with suppress(ConnectionError):
                    self.wfile.write(b" ")
            ready, _, _ = select.select([self.connection], [], [], 0.02)
            with suppress(ConnectionError):
                if not ready or self.connection.recv(1, socket.MSG_PEEK):
                    continue
            self.chat.client_left.set()
            break
        self.close_connection = True

    def _json(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(data).encode(), "application/json", headers)

    def _send(
        self,
        status: int,
        data: bytes,
        kind: str,
        headers: dict[str, str] | None = None,
        *,
        cut: bool = False,
    ) -> None:
        with suppress(ConnectionError):
            self.send_response(status)
            fixed = {"Content-Type": kind, "Content-Length": str(len(data))}
            for name, value in (fixed | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Tests read :attr:`ChatServer.asked` instead."""


def _think(body: dict[str, Any], chat: ChatServer) -> tuple[str, dict[str, float]]:
    """What the model says, and how probable it finds the words that it might begin with."""
    messages = body["messages"]
    shown = messages[1]["content"][:-1]
    words = messages[1]["content"][-1]["text"]
    seen = hashlib.sha256(json.dumps([shown, words]).encode()).digest()
    chance = 0.05 + 0.9 * seen[0] / 255
    if "Answer Yes or No" in words:
        return ("Yes" if chance > 0.5 else "No"), {"Yes": chance, " No": 1 - chance}
    if "sentiment" in words:
        options = ["positive", "neutral", "negative"]
    elif "one of: " in words:
        options = words.rpartition("one of: ")[2].rstrip(".").split(", ")
    elif "number" in words:
        return _formed(body, seen[0] % 10, chat), {}
    elif "JSON" in words:
        return _formed(body, {"colour": "red", "count": seen[0] % 10}, chat), {}
    else:
        return _worded(body, _description(shown), chat), {}
    at = seen[0] % len(options)
    rest = 0.3 / (len(options) - 1)
    return options[at], {word[:3]: 0.7 if word == options[at] else rest for word in options}


def _worded(body: dict[str, Any], text: str, chat: ChatServer) -> str:
    """A text, which a schema may keep short."""
    form = body.get("response_format")
    if form is None or chat.schemas != "follow":
        return text
    most: int = form["json_schema"]["schema"]["properties"]["answer"]["maxLength"]
    return json.dumps({"answer": text[:most].strip()})


def _formed(body: dict[str, Any], value: Any, chat: ChatServer) -> str:
    form = body.get("response_format")
    if form is None or chat.schemas != "follow":
        return f"I would say {value}." if isinstance(value, int) else f"```json\n{value}\n```"
    schema: dict[str, Any] = form["json_schema"]["schema"]
    if "answer" in schema["properties"]:
        return json.dumps({"answer": value})
    return json.dumps({key: value[key] for key in schema["properties"]})


def _description(shown: list[dict[str, Any]]) -> str:
    urls: list[str] = [part[part["type"]]["url"] for part in shown]
    data = [frame for url in urls for frame in url.partition(";base64,")[2].split(",")]
    frames = [Image.open(io.BytesIO(base64.b64decode(one))) for one in data]
    red, green, blue = np.mean([np.asarray(one).mean((0, 1)) for one in frames], 0).astype(int)
    width, height = frames[0].size
    return f"{len(frames)} frames of {width} x {height}, colour {red} {green} {blue}"


def _completion(
    body: dict[str, Any], text: str, chances: dict[str, float], chat: ChatServer
) -> dict[str, Any]:
    tokens = text.split(" ")
    most: int = body["max_tokens"] if "max_tokens" in body else body["max_completion_tokens"]
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": " ".join(tokens[:most])},
        "finish_reason": "length" if len(tokens) > most else "stop",
    }
    if chat.logprobs and body.get("logprobs"):
        told = [chances or {tokens[0]: 0.9}, *({token: 0.9} for token in tokens[1:most])]
        choice["logprobs"] = {
            "content": [
                {
                    "token": token,
                    "logprob": math.log(max(place.values())),
                    "top_logprobs": [
                        {"token": word, "logprob": math.log(chance)}
                        for word, chance in place.items()
                    ],
                }
                for token, place in zip(tokens, told, strict=False)
            ]
        }
    size = len(json.dumps(body["messages"])) // 100
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "system_fingerprint": "weights-1",
        "choices": [choice],
        "usage": {
            "prompt_tokens": size,
            "completion_tokens": len(tokens[:most]),
            "total_tokens": size + len(tokens[:most]),
        },
    }
