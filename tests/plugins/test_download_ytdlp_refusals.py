from __future__ import annotations

import email.message

import pytest

from toolkit.errors import DownloadError
from toolkit_download_ytdlp.causes import explain


@pytest.mark.parametrize(
    ("words", "said", "retriable"),
    [
        ("ERROR: [youtube] abc: Private video. Sign in if you have access", "private", False),
        ("ERROR: [x] abc: This video is DRM protected", "DRM", False),
        ("ERROR: [x] a: This video is not available in your country", "country", False),
        ("ERROR: [youtube] abc: Video unavailable. This video has been removed", "removed", False),
        ("ERROR: [x] a: Requested format is not available. Use --list-formats", "format", False),
        ("ERROR: [x] a: No video formats found!; please report this issue on", "no video", False),
        ("ERROR: \r[download] Got error: 10 bytes read, 5 more expected", "connection", True),
        ("ERROR: [x] abc: Something odd; please report this issue on", "Something odd", False),
    ],
)
def test_what_yt_dlp_says_is_told_apart(words: str, said: str, retriable: bool) -> None:
    import yt_dlp  # type: ignore[import-untyped]

    original = yt_dlp.utils.DownloadError(words)
    error = explain(original, "https://example.org/x")
    assert said in error.message
    assert error.retriable is retriable
    assert error.__cause__ is original
    assert "report this" not in str(error)


def test_every_error_of_yt_dlp_becomes_ours() -> None:
    import yt_dlp.networking.exceptions as networking  # type: ignore[import-untyped]
    from yt_dlp import utils

    made: list[BaseException] = [
        utils.ExtractorError("x"),
        utils.UnsupportedError("https://example.org/x"),
        utils.GeoRestrictedError("x"),
        utils.RegexNotFoundError("x"),
        utils.UserNotLive(),
        utils.SameFileError("x"),
        utils.PostProcessingError("x"),
        utils.UnavailableVideoError("x"),
        utils.ContentTooShortError(1, 2),
        utils.ReExtractInfo("x"),
        utils.ThrottledDownload(),
        networking.TransportError("x"),
        networking.IncompleteRead(1, 2),
        networking.CertificateVerifyError("x"),
        networking.ProxyError("x"),
        networking.NoSupportingHandlers([], []),
        OSError(28, "No space left on device"),
        KeyError("an extractor's own mistake"),
    ]
    for original in made:
        error = explain(original, "https://example.org/x")
        assert isinstance(error, DownloadError)
        assert error.__cause__ is original
    retriable = {type(e).__name__ for e in made if explain(e, "").retriable}
    assert retriable >= {"ContentTooShortError", "TransportError", "IncompleteRead", "OSError"}
    assert retriable.isdisjoint({"UnsupportedError", "GeoRestrictedError", "KeyError"})


def test_a_server_that_asks_for_long_patience_is_left_for_later() -> None:
    class BusyError(Exception):
        status = 429

        class response:  # noqa: N801
            headers = email.message.Message()

    BusyError.response.headers["Retry-After"] = "3600"
    error = explain(BusyError(), "https://example.org/x")
    assert error.retriable
    assert error.context["retry_after_s"] == 3600
