"""The words around a question: files that can be read, overridden one by one, and hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import ConfigError, choices
from toolkit.records import Ask, AskKind, digest

__all__ = ["NAMES", "PACKAGED", "Prompts"]

PACKAGED = Path(__file__).parent / "prompts"
NAMES = ("system", "frames", "describe", "sentiment")


@dataclass(frozen=True)
class Prompts:
    """The texts, without the line end at their end.

    Attributes:
        system: What the model is told to be.
        frames: Follows the frames; ``{times}`` stands for their times in seconds.
        describe: Asks for a description.
        sentiment: Asks for one of the three sentiments.
    """

    system: str
    frames: str
    describe: str
    sentiment: str

    @classmethod
    def read(cls, folder: Path | None) -> Prompts:
        """The packaged texts, each replaced by the file of its name in ``folder``.

        Raises:
            ConfigError: There is no such folder, a file in it has an unknown name, or one cannot
                be read.
        """
        if folder is not None:
            _check(folder)
        texts = {}
        for name in NAMES:
            file = PACKAGED / f"{name}.md"
            if folder is not None and (folder / file.name).exists():
                file = folder / file.name
            try:
                texts[name] = file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"The prompt {file} cannot be read: {error}.") from error
        return cls(**texts)

    def question(self, kind: AskKind, name: str) -> str:
        """The question that an ask of this kind and name puts to the model."""
        if kind == "question":
            return name.strip()
        return {"description": self.describe, "sentiment": self.sentiment}[kind]

    def ask(self, wanted: Ask) -> Ask:
        """The ask, its prompt being all text that the answer depends on."""
        parts = (self.system, self.frames, self.question(wanted.kind, wanted.name))
        return wanted.model_copy(update={"prompt": "\n".join(parts)})

    def conversation(
        self, times_s: Sequence[float], question: str
    ) -> list[dict[str, str | list[dict[str, str]]]]:
        """The chat about one scene, its video left as a placeholder."""
        times = ", ".join(f"{time:.1f}" for time in times_s)
        line = self.frames.replace("{times}", times)
        return [
            {"role": "system", "content": self.system},
            {
                "role": "user",
                "content": [{"type": "video"}, {"type": "text", "text": f"{line}\n{question}"}],
            },
        ]

    @property
    def shared_hash(self) -> str:
        """Names the texts that every ask has in common; an ask's own are in its prompt."""
        return digest("prompts", self.system, self.frames)


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigError(
            f"The folder of prompts {folder} does not exist.",
            hint=f"Make it with any of {', '.join(f'{name}.md' for name in NAMES)} in it.",
        )
    for file in sorted(folder.glob("*.md")):
        if file.stem not in NAMES:
            raise ConfigError(
                f"The folder of prompts has a file {file.name}, which is no prompt's name.",
                hint=choices(file.stem, NAMES),
            )
