"""The Qwen2-VL analyzer on a real checkpoint: its answers, and what they rest on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolkit.errors import AnalysisError, CancelledError, ConfigError
from toolkit.hooks.specs import AnalyzerPlugin, Context
from toolkit.records import Answer, Ask, Frames
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.testing.analyzers import AnalyzerSuite, sample_frames
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make, toolkit_analyzers

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
COLOUR = Ask(kind="question", name="What colour is the shape?")


def build(base: Path, **options: Any) -> Analyzer:
    return make(
        Qwen2VLOptions(**{"model": str(TINY), "device": "cpu"} | options), Context(base, base)
    )


def answers(analyzer: Analyzer, *looks: Look) -> list[list[Answer]]:
    found = [list(replies) for replies in analyzer.analyze(looks, "f", Cancel())]
    assert all(isinstance(reply, Answer) for replies in found for reply in replies), found
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analyzer]:
    with build(tmp_path_factory.mktemp("base")) as analyzer:
        yield analyzer


@pytest.fixture
def analyzer(loaded: Analyzer) -> Analyzer:
    return loaded


@pytest.fixture
def asks(analyzer: Analyzer) -> Sequence[Ask]:
    return analyzer.asks([Ask(kind="description"), COLOUR, Ask(kind="sentiment")])


class TestSuite(AnalyzerSuite):
    @pytest.fixture
    def plugin(self) -> AnalyzerPlugin:
        return next(iter(toolkit_analyzers()))

    @pytest.fixture
    def options(self) -> Qwen2VLOptions:
        return Qwen2VLOptions(model=str(TINY), device="cpu")

    @pytest.fixture
    def analyzer(self, loaded: Analyzer) -> Analyzer:
        return loaded


def test_evidence_is_complete(analyzer: Analyzer, asks: Sequence[Ask]) -> None:
    frames = sample_frames(count=5)
    [[description, colour, sentiment]] = answers(analyzer, Look(frames, asks))
    for answer in (description, colour, sentiment):
        evidence = answer.evidence
        assert evidence.frame_times_s == tuple(frames.pts_s.tolist())
        assert evidence.frame_size == (112, 84)
        assert evidence.model == str(TINY)
        assert evidence.revision == analyzer.identity()["model"]
        assert evidence.dtype == "float32"
        assert evidence.device == "cpu"
        assert evidence.finish_reason == ("scored" if answer is sentiment else "stop")
        # Three pairs of frames, 4 x 3 visual tokens each, and the words.
        assert evidence.tokens_in > 36
        assert bool(evidence.tokens_out) == (answer is not sentiment)
        assert evidence.seconds > 0
    assert len({answer.evidence.prompt_hash for answer in (description, colour, sentiment)}) == 3
    assert description.evidence.tokens_out > colour.evidence.tokens_out


def test_a_cut_answer_says_so(tmp_path: Path) -> None:
    with build(tmp_path, max_description_tokens=3) as short:
        [[answer]] = answers(short, Look(sample_frames(), short.asks([Ask(kind="description")])))
    assert answer.evidence.finish_reason == "length"
    assert answer.evidence.tokens_out == 3


def test_pixel_bounds_and_number_format_are_followed(tmp_path: Path) -> None:
    with build(tmp_path, max_pixels=56 * 56, dtype="bfloat16") as small:
        [[answer]] = answers(small, Look(sample_frames(), small.asks([COLOUR])))
    assert answer.evidence.frame_size == (56, 28)
    assert answer.evidence.dtype == "bfloat16"


def test_a_changed_prompt_asks_again_what_it_concerns(tmp_path: Path, analyzer: Analyzer) -> None:
    wanted = [Ask(kind="description"), COLOUR, Ask(kind="sentiment")]
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "describe.md").write_text("Describe this video.\n")
    with build(tmp_path, prompts="prompts") as other:
        assert other.identity() == analyzer.identity()
        assert [
            a.key == b.key for a, b in zip(other.asks(wanted), analyzer.asks(wanted), strict=True)
        ] == [
            False,
            True,
            True,
        ]
    (tmp_path / "prompts" / "system.md").write_text("You are terse.")
    with build(tmp_path, prompts="prompts") as other:
        assert other.identity() != analyzer.identity()
        assert all(
            a.key != b.key for a, b in zip(other.asks(wanted), analyzer.asks(wanted), strict=True)
        )


def test_examples_are_part_of_the_prompt(
    tmp_path: Path, analyzer: Analyzer, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = [Ask(kind="description"), COLOUR, Ask(kind="sentiment")]
    text = "Example 1\nDescription: a red circle moves left"
    (tmp_path / "examples.md").write_text(f"{text}\n")
    frames = sample_frames()
    [plain] = answers(analyzer, Look(frames, analyzer.asks(wanted)))
    with build(tmp_path, examples="examples.md") as told, caplog.at_level("INFO"):
        assert told.identity() != analyzer.identity()
        asks = told.asks(wanted)
        [shown] = answers(told, Look(frames, asks))
    [added] = [int(n) for n in re.findall(r"add (\d+) tokens", caplog.text)]
    assert added > 10
    for before, after in zip(plain, shown, strict=True):
        assert before.ask != after.ask
        assert before.evidence.prompt_hash != after.evidence.prompt_hash
        assert after.evidence.tokens_in - before.evidence.tokens_in == added
    (tmp_path / "examples.md").write_text("Another\n")
    with build(tmp_path, examples="examples.md") as other:
        assert not {ask.key for ask in asks} & {ask.key for ask in other.asks(wanted)}
    with pytest.raises(ConfigError, match="cannot be read"):
        build(tmp_path, examples="gone.md")


@pytest.mark.parametrize(("file", "tells"), [("", "does not exist"), ("descibe.md", "describe")])
def test_a_wrong_folder_of_prompts_is_an_error(tmp_path: Path, file: str, tells: str) -> None:
    if file:
        (tmp_path / "prompts").mkdir()
        (tmp_path / "prompts" / file).write_text("Describe.")
    with pytest.raises(ConfigError, match=tells):
        build(tmp_path, prompts="prompts")


def test_identity_follows_the_content_of_a_folder_not_its_place(
    tmp_path: Path, analyzer: Analyzer
) -> None:
    copied = shutil.copytree(TINY, tmp_path / "copied")
    (copied / "README.md").write_text("notes")
    assert build(tmp_path, model="copied").identity() == analyzer.identity()
    with (copied / "model.safetensors").open("r+b") as weights:
        weights.seek(-4, 2)
        weights.write(b"\1\2\3\4")
    assert build(tmp_path, model="copied").identity() != analyzer.identity()


def test_keys_and_asks_need_no_torch(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from toolkit.hooks.specs import Context
from toolkit.records import Ask
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make
context = Context(Path.cwd(), Path.cwd())
analyzer = make(Qwen2VLOptions(), context)
analyzer.asks(
    [Ask(kind="description"), Ask(kind="question", name="How many?"), Ask(kind="sentiment")]
)
print(analyzer.identity()["model"])
make(Qwen2VLOptions(model=sys.argv[1]), context).identity()
heavy = {"torch", "torchvision", "transformers", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(TINY)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.strip() == "Qwen/Qwen2-VL-2B-Instruct@895c3a49bc3fa70a340399125c650a463535e71c"
    )


def test_closing_frees_the_model_and_a_later_look_loads_it_again(tmp_path: Path) -> None:
    with build(tmp_path) as analyzer:
        look = Look(sample_frames(), analyzer.asks([COLOUR]))
        [[before]] = answers(analyzer, look)
        analyzer.close()
        [[after]] = answers(analyzer, look)
    assert before.text == after.text


def test_frames_may_be_a_view_of_a_larger_array(analyzer: Analyzer, asks: Sequence[Ask]) -> None:
    frames = sample_frames()
    wide = np.concatenate([frames.rgb, frames.rgb], axis=2)[:, :, : frames.rgb.shape[2]]
    view = Frames(frames.scene, frames.sampler, frames.pts_s, wide)
    [given], [viewed] = answers(analyzer, Look(frames, asks)), answers(analyzer, Look(view, asks))
    assert [answer.text for answer in given] == [answer.text for answer in viewed]


def test_a_scene_that_the_model_cannot_take_fails_alone(
    analyzer: Analyzer, asks: Sequence[Ask]
) -> None:
    sliver = sample_frames(1, height=4, width=1600)
    looks = [Look(sample_frames(0), asks), Look(sliver, asks), Look(sample_frames(2), asks)]
    first, failed, last = analyzer.analyze(looks, "f", Cancel())
    assert all(isinstance(reply, Answer) for reply in [*first, *last])
    for reply, ask in zip(failed, asks, strict=True):
        assert not isinstance(reply, Answer)
        assert reply[0] == ask
        assert isinstance(reply[1], AnalysisError)
        assert reply[1].__cause__ is not None


def test_cancel_stops_between_two_words(analyzer: Analyzer, asks: Sequence[Ask]) -> None:
    class Soon(Cancel):
        checks = 0

        def check(self) -> None:
            self.checks += 1
            if self.checks > 4:
                self.set()
            super().check()

    cancel = Soon()
    with pytest.raises(CancelledError):
        list(analyzer.analyze([Look(sample_frames(), asks)], "f", cancel))
    assert cancel.checks == 5
    assert len(answers(analyzer, Look(sample_frames(), asks))[0]) == 3  # and it goes on after that
