"""What every analyzer that can write from text must do, as tests.

    class TestMineWrites(WriterSuite):
        @pytest.fixture
        def writer(self):
            with make(MyOptions(model="a small one"), Context(Path(), Path())) as writer:
                yield writer

Needs pytest.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolkit.errors import CancelledError
from toolkit.records import SynthesisKind
from toolkit.stages.component import Cancel
from toolkit.stages.writing import NOTES, Prompt, Writer

__all__ = ["WriterSuite"]

KINDS: tuple[SynthesisKind, ...] = ("summary", "chapters", "question")
LINES = [
    f"[{i}] 0:{i:02}-0:{i + 1:02} A red square, “no. {i}”, moves to the left.\n" for i in range(9)
]


class WriterSuite:
    """Tests of the contract in :mod:`toolkit.stages.writing`, for one writer."""

    @pytest.fixture
    def writer(self) -> Writer:
        """The writer under test; a subclass must give it."""
        raise NotImplementedError("give the writer under test as the fixture 'writer'")

    @pytest.fixture
    def prompts(self, writer: Writer) -> list[Prompt]:
        """A prompt of every kind, with more notes from one to the next."""
        wordings = [writer.wording(kind, "What moves?") for kind in KINDS]
        return [
            replace(one, user=one.user.replace(NOTES, "".join(LINES[: 3 * i + 1])))
            for i, one in enumerate(wordings)
        ]

    def test_its_words_leave_a_place_for_the_notes(self, writer: Writer) -> None:
        wordings = {kind: writer.wording(kind, "What moves?") for kind in KINDS}
        assert all(NOTES in one.user for one in wordings.values())
        assert "What moves?" in wordings["question"].user
        assert wordings == {kind: writer.wording(kind, "What moves?") for kind in KINDS}
        assert len(set(wordings.values())) == len(KINDS)

    def test_a_text_counts_at_least_as_much_alone_as_in_company(self, writer: Writer) -> None:
        alone = writer.count(LINES, Cancel())
        [together] = writer.count(["".join(LINES)], Cancel())
        assert 0 < together <= sum(alone)
        assert writer.count(LINES[:1], Cancel()) == alone[:1]
        assert writer.count([], Cancel()) == []

    def test_it_writes_a_text_for_each_prompt_in_order(
        self, writer: Writer, prompts: list[Prompt]
    ) -> None:
        together = writer.write(prompts, 24, Cancel())
        alone = [writer.write([prompt], 24, Cancel())[0] for prompt in prompts]
        assert [one.text for one in together] == [one.text for one in alone]
        assert writer.write([], 24, Cancel()) == []

    def test_what_it_read_and_wrote_is_counted_and_within_limits(
        self, writer: Writer, prompts: list[Prompt]
    ) -> None:
        for prompt, written in zip(prompts, writer.write(prompts, 24, Cancel()), strict=True):
            evidence = written.evidence
            assert evidence.tokens_in > 0
            assert (
                evidence.tokens_in
                <= sum(writer.count([prompt.system, prompt.user], Cancel())) + writer.overhead
            )
            assert 0 < evidence.tokens_out <= 24
            assert evidence.model
            assert evidence.finish_reason
            assert evidence.seconds >= 0

    def test_a_cancelled_run_gets_no_texts(self, writer: Writer, prompts: list[Prompt]) -> None:
        cancel = Cancel()
        cancel.set()
        with pytest.raises(CancelledError):
            writer.write(prompts, 24, cancel)
