"""What to tell a person who lacks a model."""

from __future__ import annotations

from toolkit_analyze_qwen2vl.catalogue import CATALOGUE, DEFAULT

__all__ = ["first_line", "size_of", "ways_out"]


def ways_out(model: str = "", revision: str = "") -> str:
    """What they can do: fetch it, name another, or do without."""
    if model not in CATALOGUE and not revision:
        model, revision = DEFAULT, CATALOGUE[DEFAULT].commit
    command = f"toolkit models pull {model}"
    if revision and revision != getattr(CATALOGUE.get(model), "commit", "main"):
        command += f" --revision {revision}"
    return (
        f"Fetch the model where there is a network, with `{command}` ({size_of(model)}); or set "
        "model in [analysis] to a folder that holds one; or do without: --analyzer signals needs "
        "no model."
    )


def size_of(model: str) -> str:
    """About what is fetched, in words."""
    known = CATALOGUE.get(model)
    return f"about {known.gigabytes} GB" if known else "several GB"


def first_line(error: Exception) -> str:
    """An error's text, short."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
