"""A run's events as a stream, https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool

from toolkit.config.secrets import redact
from toolkit.execution.progress import Event
from toolkit.execution.run import RunHandle
from toolkit.serving.desk import Desk
from toolkit.serving.models import Moment
from toolkit.serving.tokens import Token

__all__ = ["stream"]

_TICK_S = 0.25
_FAR_TICK_S = 1.0  # of a run whose row has to be read for it
_PROGRESS_S = 1.0
_BEAT_S = 15.0  # proxies cut off what is silent
_LONGEST_S = 3600.0  # then the client comes again, with the number of the last event


async def stream(desk: Desk, run: RunHandle, token: Token, after: int) -> AsyncIterator[str]:
    """The events after so many, ``progress`` whenever it changed, and ``end`` at the end.

    Of a run that another process drives there is progress alone. The stream ends with the token.
    """
    tick_s = _FAR_TICK_S if run.row.engine == "local" and not run.heard()[1] else _TICK_S
    begun = beat = time.monotonic()
    shown, shown_at = "", 0.0
    async with desk.following.passed():
        while time.monotonic() - begun < _LONGEST_S:
            if await run_in_threadpool(desk.tokens.find, token.id) is None:
                return
            done = await run_in_threadpool(lambda: run.done)
            new, count = await run_in_threadpool(run.heard, after)
            for place, event in enumerate(new, count - len(new) + 1):
                yield _written(event.kind, _told(event), place)
            after = max(after, count)
            now = time.monotonic()
            if done or now - shown_at >= _PROGRESS_S:
                moment = Moment.of(await run_in_threadpool(lambda: run.progress))
                if (text := moment.model_dump_json(exclude={"eta_s", "elapsed_s"})) != shown:
                    shown, shown_at, beat = text, now, now
                    yield _written("progress", moment.model_dump(mode="json"))
            if done and not new:
                status = await run_in_threadpool(lambda: run.status)
                yield _written("end", {"status": status})
                return
            if now - beat >= _BEAT_S:
                beat = now
                yield ": still here\n\n"
            await asyncio.sleep(0 if new else tick_s)


def _told(event: Event) -> dict[str, Any]:
    return {
        name: redact(value) if isinstance(value, str) else value
        for name, value in dataclasses.asdict(event).items()
        if name != "kind"
    }


def _written(kind: str, data: dict[str, Any], number: int | None = None) -> str:
    lines = [f"event: {kind}", f"data: {json.dumps(data)}"]  # JSON has no line breaks of its own
    if number is not None:
        lines.insert(0, f"id: {number}")
    return "\n".join(lines) + "\n\n"
