"""The words around a question: files that can be read, overridden one by one, and hashed.

They lie in ``toolkit/prompts``. All analyzers that put questions to a language model take them from
there, so that what one answers can stand beside what another does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import ConfigError, choices
from toolkit.records import Ask, SynthesisKind, digest
from toolkit.stages.writing import Prompt

__all__ = ["PACKAGED", "STYLES", "Prompts"]

PACKAGED = Path(__file__).parents[1] / "prompts"
STYLES = {
    "short": "describe",
    "detailed": "describe_detailed",
    "accessibility": "describe_accessibility",
    "search": "describe_search",
}
"""A description's style -> the file that asks for it."""
HOLES = {
    "system": (),
    "frames": (),
    **dict.fromkeys(STYLES.values(), ()),
    "sentiment": (),
    "yes_no": ("question",),
    "number": ("question",),
    "one_of": ("question", "choices"),
    "many_of": ("question", "choice"),
    "label": ("label",),
    "tags": (),
    "json": ("question",),
    "writer": (),
    "summary": ("notes",),
    "chapters": ("notes",),
    "answer": ("notes", "question"),
}
"""The files, each with what must be left to fill in."""
_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Prompts:
    """The texts by name, without the line end at their end.

    ``system`` is what the model is told to be; ``frames`` follows the frames, ``{times}`` being
    their times in seconds; ``describe…``, ``sentiment`` and ``tags`` are questions; ``writer`` is
    what the model is told to be where it writes about a whole video, of which ``summary``,
    ``chapters`` and ``answer`` ask; the others are the words around a question of their type.
    ``examples`` stand before the frames of every scene.
    """

    texts: Mapping[str, str]
    style: str = "short"
    examples: str = ""

    @classmethod
    def read(
        cls, folder: Path | None, style: str = "short", examples: Path | None = None
    ) -> Prompts:
        """The packaged texts, each replaced by the file of its name in ``folder``.

        Args:
            folder: A folder of prompts.
            style: How scenes are described.
            examples: A file of what people said of other scenes, see docs/tuning.md.

        Raises:
            ConfigError: There is no such folder, a file in it has an unknown name, lacks a hole
                that has to be filled, or cannot be read.
        """
        if folder is not None:
            _check(folder)
        texts = {}
        for name, holes in HOLES.items():
            file = PACKAGED / f"{name}.md"
            if folder is not None and (folder / file.name).exists():
                file = folder / file.name
            texts[name] = _text(file)
            for hole in holes:
                if f"{{{hole}}}" not in texts[name]:
                    raise ConfigError(f"The prompt {file} must have {{{hole}}} somewhere.")
        return cls(texts, style, "" if examples is None else _text(examples).strip())

    @property
    def system(self) -> str:
        """What the model is told to be, and the examples."""
        return "\n\n".join(filter(None, (self.texts["system"], self.examples)))

    def ask(self, wanted: Ask) -> Ask:
        """The ask, its prompt being all text that the answer depends on."""
        parts = (self.system, self.texts["frames"], self._question(wanted))
        return wanted.model_copy(update={"prompt": "\n".join(parts)})

    def questions(self, ask: Ask) -> list[str]:
        """What an ask puts to the model: one question, or one for each choice or label."""
        if ask.kind == "labels":
            return [_filled(self.texts["label"], label=label) for label in ask.type.choices]
        if ask.kind == "question" and ask.type.kind == "many_of":
            text, words = self.texts["many_of"], ask.name.strip()
            return [_filled(text, question=words, choice=choice) for choice in ask.type.choices]
        return [self._question(ask)]

    def wording(self, kind: SynthesisKind, name: str) -> Prompt:
        """The words around the notes about a video's scenes."""
        asked = self.texts["answer" if kind == "question" else kind]
        return Prompt(self.texts["writer"], _filled(asked, question=name.strip()))

    def _question(self, ask: Ask) -> str:
        """The question in its words, with a hole left for each choice or label."""
        if ask.kind == "description":
            return self.texts[STYLES[self.style]]
        if ask.kind == "labels":
            return self.texts["label"]
        if ask.kind in ("sentiment", "tags"):
            return self.texts[ask.kind]
        form = ask.type
        words = {"question": ask.name.strip(), "choices": ", ".join(form.choices)}
        if form.kind == "json":
            words["schema"] = json.dumps(form.json_schema)
        return _filled(self.texts.get(form.kind, "{question}"), **words)

    def line(self, times_s: Sequence[float]) -> str:
        """What follows the frames, with their times in seconds."""
        times = ", ".join(f"{time:.1f}" for time in times_s)
        return self.texts["frames"].replace("{times}", times)

    def conversation(
        self, times_s: Sequence[float], question: str
    ) -> list[dict[str, str | list[dict[str, str]]]]:
        """The chat about one scene, its video left as a placeholder."""
        text = f"{self.line(times_s)}\n{question}"
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": text}]},
        ]

    @property
    def shared_hash(self) -> str:
        """Names the texts that every ask has in common; an ask's own are in its prompt."""
        return digest("prompts", self.system, self.texts["frames"])


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The prompt {file} cannot be read: {error}.") from error


def _filled(text: str, **words: str) -> str:
    """The text, its holes filled in one go: what fills one may itself have braces."""
    return _HOLE.sub(lambda hole: words.get(hole[1], hole[0]), text)


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigError(
            f"The folder of prompts {folder} does not exist.",
            hint=f"Make it with any of {', '.join(f'{name}.md' for name in HOLES)} in it.",
        )
    for file in sorted(folder.glob("*.md")):
        if file.stem not in HOLES:
            raise ConfigError(
                f"The folder of prompts has a file {file.name}, which is no prompt's name.",
                hint=choices(file.stem, HOLES),
            )
