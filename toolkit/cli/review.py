"""A person's word on results: accept, reject, edit, add, withdraw; lists and files of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.output import clock, plain, print_json, table
from toolkit.cli.results import RunOrVideo
from toolkit.cli.setup import Json, Setup, command
from toolkit.cli.tune import examples_, next_
from toolkit.errors import ConfigError, StoreError
from toolkit.insight.naming import run_called, run_or_video

if TYPE_CHECKING:
    from toolkit.records import Review, Run
    from toolkit.stages.store import Store

__all__ = ["add_to"]

SceneName = Annotated[
    str,
    typer.Argument(
        metavar="SCENE",
        help="A scene's number in the video, its id or the start of it; 'video' for the whole.",
    ),
]
Reviewer = Annotated[
    str | None,
    typer.Option("--reviewer", metavar="NAME", help="Who says so; otherwise who is logged in."),
]
_SAID = {
    "accept": "Say that a result is right. It stays, whatever machines find later.",
    "reject": "Say that a result is wrong. It is gone, and stays gone.",
    "edit": "Say what is right instead. Search finds that, and no longer what it replaces.",
    "add": "Say what no machine found.",
    "withdraw": "Take back your own word.",
}
_EXAMPLES = {
    "accept": "toolkit review accept talk.mp4 3 --tag car\n"
    "toolkit review accept last 3 --description",
    "reject": "toolkit review reject talk.mp4 3 --tag night\n"
    "toolkit review reject talk.mp4 3 --boundary --value 12.5",
    "edit": "toolkit review edit talk.mp4 3 --description --value 'A red tram'\n"
    "toolkit review edit talk.mp4 3 --answer 'Is it raining?' --value yes\n"
    "toolkit review edit talk.mp4 3 --boundary --value 12.5:13",
    "add": "toolkit review add talk.mp4 3 --tag sunset --reviewer Zoe",
    "withdraw": "toolkit review withdraw talk.mp4 3 --tag car",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="review",
        help="Correct results: a person's word wins over every machine result, also later ones.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for action, example in _EXAMPLES.items():
        command(group, action, example=example)(_saying(action))
    command(
        group, "list", example="toolkit review list last\ntoolkit review list talk.mp4 --disputed"
    )(list_)
    command(group, "examples", example="toolkit review examples last examples.md --most 6")(
        examples_
    )
    command(
        group, "next", example="toolkit review next last\ntoolkit review next talk.mp4 --limit 50"
    )(next_)
    command(group, "agreement", example="toolkit review agreement last")(agreement)
    command(
        group,
        "import",
        example="toolkit review import reviews.csv\ntoolkit review import reviews.csv --run last",
    )(import_)
    app.add_typer(group)


def _saying(action: str) -> Callable[..., None]:
    """The command that makes reviews with this action."""

    def say(
        setup: Setup,
        name: RunOrVideo,
        scene: SceneName,
        tag: Annotated[str | None, typer.Option("--tag", metavar="LABEL", help="This tag.")] = None,
        description: Annotated[
            bool, typer.Option("--description", help="The description.")
        ] = False,
        answer: Annotated[
            str | None,
            typer.Option("--answer", metavar="QUESTION", help="The answer to this question."),
        ] = None,
        sentiment: Annotated[bool, typer.Option("--sentiment", help="The sentiment.")] = False,
        boundary: Annotated[
            bool, typer.Option("--boundary", help="Where scenes meet, at --value seconds.")
        ] = False,
        value: Annotated[
            str | None,
            typer.Option(
                "--value",
                metavar="TEXT",
                help="The new text, value or label; of a boundary its time in seconds, to move it "
                "from:to.",
            ),
        ] = None,
        reviewer: Reviewer = None,
        as_json: Json = False,
    ) -> None:
        from toolkit.exchange.reviews import value_of
        from toolkit.insight.reviewing import review_of

        chosen = {
            "tag": tag is not None,
            "description": description,
            "answer": answer is not None,
            "sentiment": sentiment,
            "boundary": boundary,
        }
        targets = [target for target, is_chosen in chosen.items() if is_chosen]
        if len(targets) != 1:
            raise ConfigError(
                "A review is about one thing.",
                hint="Name one of --tag, --description, --answer, --sentiment and --boundary.",
            )
        data: dict[str, Any] = {"target": targets[0], "action": action, "reviewer": reviewer}
        data["name"] = tag or answer or ""
        if value is not None:
            data["value"] = value_of(value, targets[0], typed=False)
        with setup.store() as store:
            run, id_ = _subject(store, name, scene)
            review = review_of(store, run, id_, **data)
            store.save([review])
        if as_json:
            print_json({"review": review.model_dump(mode="json")})
        else:
            typer.echo(plain(_line(review)))

    say.__doc__ = _SAID[action]
    return say


def _line(review: Review) -> str:
    what = f"{review.target} {review.name}".strip()
    place = f"{clock(review.start_s)} to {clock(review.end_s)}"
    return f"{review.reviewer}: {review.action} {what} ({place})"


def _subject(store: Store, name: str, scene: str) -> tuple[Run, str]:
    """The run, and the id of the scene or video that is meant.

    Raises:
        StoreError: There is none, or several.
    """
    from toolkit.insight import results

    run, video_id = run_or_video(store, name)
    videos = [one for one in results.videos_of(store, run) if video_id in (None, one.id)]
    is_index = scene.isdecimal() and len(scene) < 8
    if (is_index or scene == "video") and len(videos) != 1:
        raise StoreError(
            f"The run {run.id} has {len(videos)} videos.", hint="Name the video, or a scene's id."
        )
    if scene == "video":
        return run, videos[0].id
    scenes = results.scenes_of(store, run, videos)
    if is_index:
        fits = [one.id for one in scenes if one.index == int(scene)]
    else:
        every = [one.id for one in scenes]
        fits = [id_ for id_ in every if id_ == scene]
        fits = fits or [id_ for id_ in every if len(scene) >= 4 and id_.startswith(scene)]
    if len(fits) != 1:
        raise StoreError(
            f"There are {len(fits)} scenes '{scene}'." if fits else f"There is no scene '{scene}'.",
            hint=f"See: toolkit show {name} --json",
        )
    return run, fits[0]


def list_(
    setup: Setup,
    name: RunOrVideo,
    disputed: Annotated[
        bool, typer.Option("--disputed", help="Only where reviewers say different things.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the reviews of a run's videos, or of one video, the oldest first."""
    from toolkit.insight.agreement import reviews

    with setup.store() as store:
        run, video_id = run_or_video(store, name)
        rows = [
            row
            for row in reviews(store, run).to_dicts()
            if video_id in (None, row["video_id"]) and (row["conflict"] or not disputed)
        ]
    if as_json:
        print_json({"reviews": [{**row, "at": row["at"].isoformat()} for row in rows]})
        return
    if not rows:
        typer.echo("There are no reviews.")
        return
    table(
        ["video", "#", "from", "what", "review", "value", "by", "at", ""],
        [
            [
                row["title"],
                row["index"],
                None if row["start_s"] is None else clock(row["start_s"]),
                f"{row['target']} {row['name']}".strip(),
                row["action"],
                row["value"],
                row["reviewer"],
                f"{row['at']:%Y-%m-%d %H:%M}Z",
                "disputed" if row["conflict"] else "" if row["counts"] else "superseded",
            ]
            for row in rows
        ],
        right=(1, 2),
        wide=(3, 5),
    )


def agreement(setup: Setup, name: RunOrVideo, as_json: Json = False) -> None:
    """Show how far reviewers agree: conflicts, and Cohen's kappa."""
    from toolkit.insight.agreement import agreement as agreed

    with setup.store() as store:
        rows = agreed(store, run_or_video(store, name)[0]).to_dicts()
    if as_json:
        print_json({"agreement": rows})
        return
    if not rows:
        typer.echo("No two reviewers judged the same thing.")
        return
    table(
        ["reviewers", "of", "both judged", "conflicts", "agree", "kappa"],
        [
            [
                f"{row['reviewer_a']}, {row['reviewer_b']}",
                row["target"],
                row["items"],
                row["conflicts"],
                f"{row['agreement']:.0%}",
                None if row["kappa"] is None else f"{row['kappa']:.2f}",
            ]
            for row in rows
        ],
        right=(2, 3, 4, 5),
    )


def import_(
    setup: Setup,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A CSV with the columns of toolkit export RUN FILE.csv --what reviews, of which "
            "'action' alone must be there.",
        ),
    ],
    name: Annotated[
        str, typer.Option("--run", metavar="RUN", help="Whose scenes are meant.")
    ] = "last",
    reviewer: Reviewer = None,
    as_json: Json = False,
) -> None:
    """Import reviews from a CSV: all of them, or, where a line makes no sense, none."""
    from toolkit.exchange.reviews import read

    with setup.store() as store:
        reviews = read(store, run_called(store, name), file, reviewer=reviewer)
        store.save(reviews)
    if as_json:
        print_json({"reviews": [review.model_dump(mode="json") for review in reviews]})
    else:
        typer.echo(f"{len(reviews)} reviews imported.")
