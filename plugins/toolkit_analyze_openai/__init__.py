"""Analyzer plugin: a vision-language model behind an OpenAI-compatible server."""

from __future__ import annotations

import importlib.util
import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from toolkit.errors import MissingExtraError
from toolkit.hooks.specs import AnalyzerPlugin, Context, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_analyze_openai.analyzer import OpenAIAnalyzer

__all__ = ["OpenAIOptions", "is_loopback", "make", "toolkit_analyzers"]

NAME = EXTRA = "openai"
REQUIRES = ("openai",)


class OpenAIOptions(Options):
    """A model behind an OpenAI-compatible server: vLLM, SGLang, Ollama, or hosted."""

    # Which machine answers, how fast and for how much says nothing about the answers; the prompts
    # do, see OpenAIAnalyzer.identity.
    neutral: ClassVar[frozenset[str]] = frozenset(
        {
            "url",
            "api_key",
            "check_model",
            "prompts",
            "examples",
            "style",
            "concurrency",
            "requests_per_minute",
            "tokens_per_minute",
            "timeout_s",
            "retries",
            "backoff_s",
            "price_in",
            "price_out",
        }
    )

    url: str = Field(
        "http://localhost:8000/v1",
        description="Where the server's API begins; on most servers it ends in /v1.",
    )
    model: str = Field(
        "Qwen/Qwen2-VL-2B-Instruct", min_length=1, description="The model, as the server names it."
    )
    api_key: SecretStr | None = Field(
        None, description="The key, where the server asks for one, as ${NAME}."
    )
    check_model: bool = Field(
        True, description="Refuse a model that is not in the server's own list."
    )
    frames: Literal["images", "video"] = Field(
        "images",
        description="How frames are sent: as images, which all servers take, or as one video of "
        "JPEGs, which vLLM takes.",
    )
    jpeg_quality: int = Field(
        90, ge=1, le=100, description="Quality of the frames' JPEGs; less is less to send."
    )
    max_description_tokens: int = Field(
        128, ge=1, le=4096, description="A description is cut after this many tokens."
    )
    max_answer_tokens: int = Field(
        64, ge=1, le=4096, description="The answer to a question is cut after this many tokens."
    )
    max_json_tokens: int = Field(
        256, ge=1, le=4096, description="An answer in JSON is cut after this many tokens."
    )
    abstain_below: float = Field(
        0.55,
        ge=0,
        le=1,
        description="An answer with a type that the model is less sure of becomes 'not visible'; "
        "0: none does.",
    )
    style: Literal["short", "detailed", "accessibility", "search"] = Field(
        "short", description="How scenes are described."
    )
    prompts: str = Field(
        "",
        description="A folder of prompts, such as system.md or describe.md, that replace the "
        "packaged ones of their names.",
    )
    examples: str = Field(
        "",
        description="A file of what people said of other scenes, which stands before the frames "
        "of every scene; toolkit review examples writes one. Empty: none.",
    )
    concurrency: int = Field(8, ge=1, le=256, description="Requests at once.")
    requests_per_minute: float = Field(
        0.0, ge=0, description="Most requests a minute; 0: as many as the server takes."
    )
    tokens_per_minute: float = Field(
        0.0, ge=0, description="Most tokens a minute, in and out; 0: as many as the server takes."
    )
    timeout_s: float = Field(
        120.0, gt=0, le=3600, description="Longest wait for one answer in seconds."
    )
    retries: int = Field(
        4, ge=0, le=20, description="Tries of a request after the first, where a retry can help."
    )
    backoff_s: float = Field(
        1.0,
        ge=0,
        le=60,
        description="Pause before the first retry in seconds; doubled each time, with chance, "
        "unless the server says how long.",
    )
    price_in: float = Field(
        0.0, ge=0, description="Price of a million tokens in, for the cost in an answer's evidence."
    )
    price_out: float = Field(0.0, ge=0, description="Price of a million tokens out.")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("an address such as http://localhost:8000/v1 is needed")
        if parts.username or parts.password:
            raise ValueError("a login has no place in the address; set api_key")
        return url


def is_loopback(url: str) -> bool:
    """Whether a server is on this machine, so that frames that are sent to it stay here.

    Only the name ``localhost`` and loopback addresses count. Other names are not looked up:
    where they lead can change, and what is private must not depend on it.
    """
    host = (urlsplit(url).hostname or "").removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make(options: OpenAIOptions, context: Context) -> OpenAIAnalyzer:
    """The analyzer; the server is first asked when there is something to look at.

    Raises:
        MissingExtraError: The client library is not installed.
        ConfigError: The folder of prompts, or the file of examples, cannot be used.
    """
    for module in REQUIRES:  # found, not imported, which would take a second
        if importlib.util.find_spec(module) is None:
            missing = ModuleNotFoundError(f"No module named '{module}'", name=module)
            raise MissingExtraError(NAME, EXTRA, cause=missing) from missing
    from toolkit_analyze_openai.analyzer import OpenAIAnalyzer

    return OpenAIAnalyzer(options, context.base)


@hookimpl
def toolkit_analyzers() -> Iterable[AnalyzerPlugin]:
    """Bring the analyzer ``openai``."""
    yield AnalyzerPlugin(
        name=NAME,
        options=OpenAIOptions,
        factory=make,
        summary="descriptions, answers, sentiment and labels from any OpenAI-compatible server",
        extra=EXTRA,
        requires=REQUIRES,
    )
