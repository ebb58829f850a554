"""A writer whose words are known, on top of the analyzer that counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

from counting import Counting

from toolkit.records import Evidence, SynthesisKind
from toolkit.stages.component import Cancel
from toolkit.stages.writing import Prompt, Writer, Written

SCENE = re.compile(r"scene ?\d+")
NOTE = re.compile(r"^\[(\d+)\] (\S+) (.*)$", re.MULTILINE)


def cites_all(notes: Sequence[tuple[str, ...]], kind: str) -> str:
    """A sentence, or a chapter, for the first note and one for the last."""
    first, last = (SCENE.findall(text) for _, _, text in (notes[0], notes[-1]))
    if kind == "chapters":
        return f"1: From {first[0]}\n{len(notes)}: From {last[-1]}"
    return f"It begins with {first[0]} [1]. It ends with {last[-1]} [{len(notes)}]."


class Writing(Counting, Writer):
    """Counts words as tokens, keeps every prompt, and says what ``says`` makes of the notes."""

    overhead = 3
    prompts: ClassVar[list[Prompt]] = []
    says: ClassVar[Callable[[Sequence[tuple[str, ...]], str], str]] = staticmethod(cites_all)
    words: ClassVar[str] = "Write about these"

    def wording(self, kind: SynthesisKind, name: str) -> Prompt:
        return Prompt("system words", f"{kind} {name} {self.words}:\n{{notes}}\nNow.")

    def count(self, texts: Sequence[str], cancel: Cancel) -> list[int]:
        return [len(text.split()) for text in texts]

    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> list[Written]:
        found = []
        for prompt in prompts:
            cancel.check()
            Writing.prompts.append(prompt)
            text = Writing.says(NOTE.findall(prompt.user), prompt.user.split()[0])
            cut = " ".join(text.split(" ")[:limit])
            size = sum(self.count([prompt.system, prompt.user], cancel)) + self.overhead
            evidence = Evidence(
                model="words", tokens_in=size, tokens_out=len(cut.split()), finish_reason="stop"
            )
            found.append(Written(cut, evidence))
        return found
