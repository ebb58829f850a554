from __future__ import annotations

import socket
import threading
import time

import pytest

from toolkit.errors import DownloadError
from toolkit.net.guard import Guard, is_public
from toolkit.stages.component import Cancel


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_connection_that_is_not_accepted_ends() -> None:
    with socket.socket() as full:  # a queue of one that is full answers no more
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        place = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(place)
        cancel = Cancel()
        with pytest.raises(TimeoutError):
            Guard(True, "", 0.3, cancel).connect(place)
        threading.Timer(0.2, cancel.set).start()
        with pytest.raises(ConnectionAbortedError):
            Guard(True, "", 300, cancel).connect(place)
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x.mp4",
        "http://LOCALHOST./x.mp4",
        "http://intern.localhost/x.mp4",
        "http://127.0.0.1:8080/x.mp4",
        "http://[::1]/x.mp4",
        "http://user:word@10.0.0.1/x.mp4",
        "file:///etc/passwd",
        "gopher://example.org/x",
        "http:///x.mp4",
    ],
)
def test_what_is_refused_before_a_name_is_looked_up(url: str) -> None:
    with pytest.raises(DownloadError):
        Guard(False, "", 1.0, Cancel()).check(url)


def test_a_name_with_one_public_address_is_reached_there_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 127.0.0.1 stands for the public address, 127.0.0.2 for the private one beside it.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        places = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.2", "127.0.0.1")
        ]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: places)
        monkeypatch.setattr("toolkit.net.guard.is_public", lambda address: address == "127.0.0.1")
        with Guard(False, "", 5.0, Cancel()).connect(("both.example", port)) as connection:
            assert connection.getpeername()[0] == "127.0.0.1"


def test_a_transfer_without_progress_is_shut_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        guard = Guard(True, "", 0.2, Cancel())
        with guard.watching(), guard.connect(server.getsockname()) as connection:
            other, _ = server.accept()
            stop = threading.Event()

            def trickle() -> None:
                while not stop.is_set():
                    try:
                        other.send(b"x")
                    except OSError:
                        return
                    time.sleep(0.02)

            sender = threading.Thread(target=trickle)
            sender.start()
            while connection.recv(1):  # no read is silent for long, and yet it comes to an end
                pass
            stop.set()
            sender.join()
            other.close()
