from __future__ import annotations

import itertools
import threading
import time

import pytest

from toolkit.errors import CancelledError, DownloadError
from toolkit.net.options import WebOptions
from toolkit.net.pace import Bucket, Pace, pace_of
from toolkit.net.tries import persist
from toolkit.stages.component import Cancel


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now_s)

    def cancel(self) -> Cancel:
        clock = self

        class Waits(Cancel):
            def wait(self, seconds: float) -> bool:
                clock.now_s += seconds
                return False

        return Waits()


def test_a_bucket_gives_a_burst_and_then_a_steady_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    bucket = Bucket(rate=2, burst=3)
    assert [bucket.reserve(1) for _ in range(6)] == [0, 0, 0, 0.5, 1.0, 1.5]
    clock.now_s += 1.5  # those who wait have been served
    assert bucket.reserve(1) == 0.5
    clock.now_s += 3600
    assert [bucket.reserve(1) for _ in range(4)] == [0, 0, 0, 0.5]  # no more than the burst


def test_no_rate_is_no_limit() -> None:
    assert Bucket(rate=0, burst=1).reserve(10**9) == 0


def test_bytes_come_no_faster_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace, cancel = Pace(WebOptions(bytes_per_s=1000)), clock.cancel()
    for _ in range(100):
        pace.receive(100, cancel)
    assert clock.now_s - 100 == pytest.approx(9.0)  # the first second's worth came at once


def test_files_of_one_host_have_a_pause_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace, cancel = Pace(WebOptions(pause_s=5)), clock.cancel()
    starts = []
    for _ in range(3):
        with pace.place(cancel):
            starts.append(clock.now_s)
            clock.now_s += 1  # the file takes a second
    assert starts == [100, 106, 112]


def test_a_host_that_asks_for_patience_is_left_alone_by_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    pace, cancel = Pace(WebOptions()), clock.cancel()
    pace.hold(30)
    pace.request(cancel)
    assert clock.now_s == 130
    pace.hold(86_400)  # a day: whoever was told so gives up, and the others may ask in a minute
    pace.request(cancel)
    assert clock.now_s == 190


def test_no_more_files_of_a_host_at_once_than_are_allowed() -> None:
    pace = Pace(WebOptions(host_downloads=2))
    here: list[int] = []
    most = 0
    lock = threading.Lock()

    def fetch() -> None:
        nonlocal most
        with pace.place(Cancel()):
            with lock:
                here.append(1)
                most = max(most, len(here))
            time.sleep(0.02)
            with lock:
                here.pop()

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_who_waits_for_a_place_can_be_cancelled() -> None:
    pace, cancel = Pace(WebOptions(host_downloads=1)), Cancel()
    cancel.set()
    with pace.place(Cancel()), pytest.raises(CancelledError), pace.place(cancel):
        pass
    with pace.place(Cancel()):  # the place is free again
        pass


def test_downloaders_share_the_pace_of_a_host() -> None:
    options = WebOptions(requests_per_s=1)
    assert pace_of("example.org", options) is pace_of("EXAMPLE.org", WebOptions(requests_per_s=1))
    assert pace_of("example.org", options) is not pace_of("example.com", options)


def test_pauses_between_tries_grow_and_have_chance_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    times: list[float] = []

    def once() -> None:
        times.append(clock.now_s)
        raise DownloadError("Busy.", retriable=True)

    options = WebOptions(retries=5, backoff_s=1)
    with pytest.raises(DownloadError):
        persist(once, "x", options, Pace(options), clock.cancel())
    pauses = [later - before for before, later in itertools.pairwise(times)]
    assert len(pauses) == 5
    for pause, longest in zip(pauses, (1, 2, 4, 8, 16), strict=True):
        assert longest / 2 <= pause <= longest
    assert len({pause % 1 for pause in pauses}) > 1


def test_a_server_that_asks_for_an_hour_is_left_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    tries: list[float] = []

    def once() -> None:
        tries.append(clock.now_s)
        raise DownloadError("Busy.", retriable=True, retry_after_s=3600.0)

    options = WebOptions()
    with pytest.raises(DownloadError):
        persist(once, "x", options, Pace(options), clock.cancel())
    assert len(tries) == 1
