"""Whether what stands below a decorator can be a plugin, told at once and not in the run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from toolkit.errors import PluginError
from toolkit.stages.analysis import Analyzer
from toolkit.stages.component import Component, Options
from toolkit.stages.decode import Decoder
from toolkit.stages.download import Downloader
from toolkit.stages.embedding import Embedder
from toolkit.stages.scenes import SceneDetector
from toolkit.stages.storage import Storage
from toolkit.stages.store import Store
from toolkit.stages.tags import Tagger

__all__ = ["CONTRACTS", "check"]

CONTRACTS: dict[str, type[Component]] = {
    "analyzer": Analyzer,
    "decoder": Decoder,
    "downloader": Downloader,
    "embedder": Embedder,
    "scene_detector": SceneDetector,
    "storage": Storage,
    "store": Store,
    "tagger": Tagger,
}
"""What a class below each decorator has to be."""

_FUNCTIONS = {
    "analyzer": (("frames",), "return a dict: return {'green': 0.3}"),
    "embedder": (("texts",), "return a row of numbers a text: return model.encode(texts)"),
    "tagger": (("scene", "analysis"), "yield tags: yield tk.Tag('sport', score=0.9, why='...')"),
}
"""What a function below a decorator is called with, and what it has to give."""


def check(decorator: str, target: Any) -> None:
    """See that a class or function can be what the decorator makes of it.

    Args:
        decorator: The decorator's name, such as ``tagger``.
        target: What stands below it.

    Raises:
        PluginError: It cannot; the hint says what to write.
    """
    if inspect.isclass(target):
        _check_class(CONTRACTS[decorator], target)
    elif inspect.isfunction(target):
        _check_function(decorator, target)
    else:
        what = "a function or a class" if decorator in _FUNCTIONS else "a class"
        raise PluginError(
            f"@tk.{decorator} stands above {what}, and was given {_short(target)}.",
            hint=f"Write @tk.{decorator} without parentheses, in the line above the definition.",
        )


def _check_function(decorator: str, function: Callable[..., Any]) -> None:
    name = function.__name__
    if decorator not in _FUNCTIONS:
        raise PluginError(
            f"'{name}' is a function, and {_article(decorator)} has to be a class.",
            hint=_as_class(CONTRACTS[decorator]),
        )
    given, gives = _FUNCTIONS[decorator]
    right = f"def {name}({', '.join(given)})"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(
            f"'{name}' is asynchronous, and plugins are called from threads.",
            hint=f"Write it without async: {right}.",
        )
    if decorator == "analyzer" and inspect.isgeneratorfunction(function):
        raise PluginError(f"The analyzer '{name}' yields.", hint=f"Let it {gives}.")
    parameters = list(inspect.signature(function).parameters)
    more = [("video",)] if decorator == "tagger" else []
    fits = any(_fits(function, given + third) for third in [(), *more])
    if not fits or parameters[: len(given)] == [*reversed(given)] != [*given]:
        also = " or, for the metadata, a third argument 'video'" if more else ""
        raise PluginError(
            f"The {decorator} '{name}' takes ({', '.join(parameters)}), "
            f"and is called with ({', '.join(given)}).",
            hint=f"Write {right}{also}, and {gives}.",
        )


def _check_class(contract: type[Component], target: type) -> None:
    name = target.__name__
    if not issubclass(target, contract):
        other = next((d for d, c in CONTRACTS.items() if issubclass(target, c)), None)
        raise PluginError(
            f"The class '{name}' is no {contract.__name__}.",
            hint=f"It is {_article(other)}: write @tk.{other}." if other else _as_class(contract),
        )
    _check_making(target)
    for method in dir(contract):
        wanted = getattr(contract, method)
        if method.startswith("_") or not inspect.isfunction(wanted):
            continue
        own = getattr(target, method)
        if getattr(own, "__isabstractmethod__", False):
            raise PluginError(
                f"The class '{name}' lacks the method '{method}'.",
                hint=f"Write: def {method}({', '.join(_written(wanted))}).",
            )
        if inspect.isfunction(own) and own is not wanted and not _called_alike(own, wanted):
            raise PluginError(
                f"{name}.{method} takes ({', '.join(_written(own))}).",
                hint=f"It is called with ({', '.join(_written(wanted))}).",
            )


def _check_making(target: type) -> None:
    """See that the class can be made: with its options, or without arguments."""
    name = target.__name__
    options = getattr(target, "Options", None)
    if options is None:
        if not _fits(target, ()):
            raise PluginError(
                f"The class '{name}' cannot be made without arguments.",
                hint="What can be set belongs in a nested class: class Options(tk.Options).",
            )
        return
    if not (inspect.isclass(options) and issubclass(options, Options)):
        raise PluginError(
            f"{name}.Options is no tk.Options.", hint="Write: class Options(tk.Options)."
        )
    bare = [key for key, field in options.model_fields.items() if field.is_required()]
    if bare:
        raise PluginError(
            f"{name}.Options has no default for {', '.join(bare)}.",
            hint="Every option needs one, such as: seconds: float = 10.0.",
        )
    if not _fits(target, ("options",)):
        raise PluginError(
            f"The class '{name}' does not take its options.",
            hint="Write: def __init__(self, options).",
        )


def _fits(function: Callable[..., Any], given: tuple[str, ...]) -> bool:
    try:
        inspect.signature(function).bind(*given)
    except TypeError:
        return False
    return True


def _called_alike(own: Callable[..., Any], wanted: Callable[..., Any]) -> bool:
    """Whether a method takes all that the contract's takes."""
    parameters = inspect.signature(wanted).parameters.values()
    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    named = {one.name: None for one in parameters if one.kind in by_name}
    places = [one.name for one in parameters if one.kind not in by_name]
    try:
        inspect.signature(own).bind(*places, **named)
    except TypeError:
        return False
    return True


def _written(method: Callable[..., Any]) -> list[str]:
    """The parameters as people write them, without types."""
    return [
        str(p.replace(annotation=p.empty)) for p in inspect.signature(method).parameters.values()
    ]


def _as_class(contract: type[Component]) -> str:
    here = f"from {contract.__module__} import {contract.__name__}"
    return f"Write class NAME({contract.__name__}), after {here}."


def _article(decorator: str | None) -> str:
    words = str(decorator).replace("_", " ")
    return f"a{'n' if words[0] in 'aeiou' else ''} {words}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
