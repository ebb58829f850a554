"""Results: a run's or a video's scenes, search, the list of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.output import clock, plain, print_json, table
from toolkit.cli.setup import Json, Setup, command
from toolkit.insight.naming import run_or_video

if TYPE_CHECKING:
    from toolkit.records import Answer, Evidence, Run, Synthesis
    from toolkit.stages.store import Store

__all__ = ["RunOrVideo", "add_to"]

RunOrVideo = Annotated[
    str,
    typer.Argument(
        metavar="RUN|VIDEO",
        help="A run (its id, the start of it, or 'last') or a video (its id, the start of it, its "
        "path or link).",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(
        app,
        "show",
        example="toolkit show last --evidence\ntoolkit show talks/intro.mp4 --json",
    )(show)
    command(app, "search", example="toolkit search red car at night\ntoolkit search '\"red car\"'")(
        search
    )
    command(app, "runs", example="toolkit runs --json")(runs)


def show(
    setup: Setup,
    name: RunOrVideo,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Also every answer with what it rests on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the scenes of a run, or those of a video from the latest run that had it."""
    from toolkit.cli.found import failures, found
    from toolkit.cli.report import show_failures, show_video, show_whole

    with setup.store() as store:
        run, video_id = run_or_video(store, name)
        videos = found(store, run, video_id)
        failed = [] if video_id else failures(store, run)
        if as_json:
            print_json(
                {
                    "run": run.id,
                    "status": run.standing,
                    "videos": [video.data(evidence=evidence) for video in videos],
                    "failures": [*failed],
                }
            )
            return
        typer.echo(f"Run {run.id}: {run.standing}, {run.started_at:%Y-%m-%d %H:%M} UTC\n")
        for video in videos:
            show_whole(video)
            show_video(video)
            if evidence:
                _show_evidence(store, run, video.video.id)
        if failed:
            show_failures(failed)


def _show_evidence(store: Store, run: Run, video_id: str) -> None:
    from toolkit.cli.found import found

    rows = [
        [
            one.scene.index,
            f"{answer.kind} {answer.name}".strip(),
            _told(answer),
            None if answer.confidence is None else f"{answer.confidence:.2f}",
            _by(answer),
            _looked_at(answer.evidence),
            _took(answer.evidence),
        ]
        for video in found(store, run, video_id)
        for one in video.scenes
        for answer in one.analysis.answers
    ]
    rows += [
        [one.scene.index, f"tag {tag.label}", tag.why, f"{tag.score:.2f}", tag.tagger, None, None]
        for video in found(store, run, video_id)
        for one in video.scenes
        for tag in one.tags
    ]
    rows.sort(key=lambda row: int(str(row[0])))
    whole = [
        [
            None,
            f"{one.kind} {one.name}".strip(),
            one.text,
            None,
            _by(one),
            f"what was said of all scenes, in {one.calls} requests",
            _took(one.evidence),
        ]
        for video in found(store, run, video_id)
        for one in video.syntheses
    ]
    head = ["#", "what", "answer", "sure", "by", "looked at", "took"]
    table(head, [*whole, *rows], right=(0, 3), wide=(2, 4, 5, 6))


def _told(answer: Answer) -> str:
    """The answer; of labels, their probabilities."""
    if answer.kind == "labels" and isinstance(answer.value, dict):
        return ", ".join(f"{label} {score:.2f}" for label, score in answer.value.items())
    return answer.text


def _by(answer: Answer | Synthesis) -> str:
    """Who answered: the plugin, the model in its revision, shortened, number format and device."""
    evidence = answer.evidence
    revision = evidence.revision.rpartition(":")[2][:12]
    model = "@".join(filter(None, (evidence.model, revision)))
    return " ".join(filter(None, (answer.plugin, model, evidence.dtype, evidence.device)))


def _looked_at(evidence: Evidence) -> str:
    """The frames' times and size."""
    times = ", ".join(clock(time_s) for time_s in evidence.frame_times_s)
    if evidence.frame_size is None:
        return times
    size = "x".join(map(str, evidence.frame_size))
    if evidence.reduced_from:
        size += f", for want of memory not {'x'.join(map(str, evidence.reduced_from))}"
    return f"{times} ({size})"


def _took(evidence: Evidence) -> str:
    """Tokens and their cost, how it ended, the prompt's hash, shortened, and seconds."""
    tokens = f"{evidence.tokens_in}+{evidence.tokens_out} tokens" if evidence.tokens_in else ""
    cost = f"cost {evidence.cost:.2g}" if evidence.cost else ""
    prompt = f"prompt {evidence.prompt_hash[:8]}" if evidence.prompt_hash else ""
    parts = (tokens, cost, evidence.finish_reason, prompt, f"{evidence.seconds:.2f} s")
    return ", ".join(filter(None, parts))


def search(
    setup: Setup,
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS...", help='All must be there; "in quotes" as a phrase.'),
    ],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most scenes.")] = 20,
    as_json: Json = False,
) -> None:
    """Search what was said about the scenes of all runs."""
    from toolkit.insight.search import search as find

    text = " ".join(words)
    with setup.store() as store:
        hits = find(store, text, limit).to_dicts()
    if as_json:
        print_json({"words": text, "hits": hits})
    elif hits:
        table(
            ["video", "#", "from", "to", "said"],
            [
                [h["title"], h["index"], _clock(h["start_s"]), _clock(h["end_s"]), h["snippet"]]
                for h in hits
            ],
            right=(1, 2, 3),
            wide=(4,),
        )
    else:
        typer.echo(f"No scene has: {plain(text)}")


def _clock(seconds: float | None) -> str | None:
    """A scene's time; what is said about a whole video has none."""
    return None if seconds is None else clock(seconds)


def runs(setup: Setup, as_json: Json = False) -> None:
    """List the runs, the latest first."""
    from toolkit.records import Run

    with setup.store() as store:
        rows = sorted(store.find(Run), key=lambda run: run.started_at, reverse=True)
    if as_json:
        print_json({"runs": [_run_data(row) for row in rows]})
        return
    table(
        ["run", "started", "status", "videos", "scenes", "failed", "sources"],
        [
            [
                row.id,
                f"{row.started_at:%m-%d %H:%M}Z",
                row.standing,
                row.counts.get("scan_done", 0),
                row.counts.get("tag_done", 0),
                row.counts.get("failures", 0),
                _shortened(row.sources),
            ]
            for row in rows
        ],
        right=(3, 4, 5),
        wide=(6,),
        whole=(0, 1, 2),
    )


def _run_data(row: Run) -> dict[str, Any]:
    data = row.model_dump(mode="json", exclude={"settings", "lineage", "status", "heartbeat_at"})
    return {"id": data.pop("id"), "status": row.standing, **data}


def _shortened(sources: tuple[str, ...]) -> str:
    first = next(iter(sources), "")
    more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    return f"{Path(first).name or first}{more}"
