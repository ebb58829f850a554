"""Tagger plugin: rules that people write in a TOML file. docs/rules.md explains the format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from toolkit.hooks.specs import Context, TaggerPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_tag_rules.tagger import RulesTagger

__all__ = ["RulesOptions"]


class RulesOptions(Options):
    """Tags by the rules of a file."""

    # Not where the rules are but what they say changes the tags, see RulesTagger.identity.
    neutral: ClassVar[frozenset[str]] = frozenset({"file"})

    file: str = Field(
        "", description="The rule file (TOML); empty: the rules that come with the toolkit."
    )


def make(options: RulesOptions, context: Context) -> RulesTagger:
    """The tagger."""
    from toolkit_tag_rules.tagger import RulesTagger

    return RulesTagger(options, context)


@hookimpl
def toolkit_taggers() -> Iterable[TaggerPlugin]:
    """Bring the rules tagger."""
    yield TaggerPlugin(
        name="rules",
        options=RulesOptions,
        factory=make,
        version="1",
        summary="tags by rules from a TOML file: words, regular expressions, comparisons",
        extra="rules",
    )
