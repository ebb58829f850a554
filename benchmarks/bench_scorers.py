"""Labels by the model's probabilities, by similarity, and by both: macro F1, and what it takes.

Films of coloured shapes are analysed by the tiny model, with its 20 facts as labels. Half of the
films are reviewed by what is true, and `tune` learns thresholds of similarities from that; F1 is
that of `evaluate` on the other half. Then tagging alone is timed on those descriptions: with
similarities beside probabilities alone.

    python benchmarks/bench_scorers.py --films 24
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import toolkit as tk
from toolkit.hooks.embedding import embeddings
from toolkit.hooks.manager import configure
from toolkit.records import Analysis
from toolkit.testing.clips import ATTRIBUTES, ClipTruth, FilmTruth, random_shots, write_film
from toolkit.testing.taggers import BARE_VIDEO, SCENE
from toolkit.testing.truths import write_truth
from toolkit.vocabulary import load_vocabulary
from toolkit_tag_labels import LabelsOptions
from toolkit_tag_labels.tagger import LabelsTagger

TINY = Path(__file__).parents[1] / "tests" / "models" / "tiny-qwen2vl"
SAMPLE = ClipTruth("red", "circle", "one", "left", "white", "day")
FACTS = [
    dataclasses.replace(SAMPLE, **{attribute: value}).statements()[attribute]
    for attribute, values in ATTRIBUTES.items()
    for value in values
]
Scorer = Literal["probability", "similarity", "both"]
SCORERS: tuple[Scorer, ...] = ("probability", "similarity", "both")
TIMED, BATCH = 1000, 64


class Half:
    """Some films, what is true of them, and runs over them."""

    def __init__(self, folder: Path, name: str, films: int, rng: random.Random) -> None:
        self.workspace, self.truth = folder / name, folder / f"{name}.jsonl"
        self.films: dict[str, FilmTruth] = {}
        for number in range(films):
            path = folder / f"{name}{number}.mp4"
            shots = random_shots(rng, 6)
            self.films[str(path)] = write_film(path, shots, rng=rng, height=240, width=320)
        write_truth(self.truth, self.films)

    def run(self, vocabulary: Path, scorer: Scorer) -> tk.RunHandle:
        return tk.analyze(
            [*self.films], workspace=self.workspace, progress=False,
            analysis={"plugin": "qwen2vl", "sentiment": False,
                      "qwen2vl": {"model": str(TINY), "device": "cpu"}},
            tags={"plugin": "labels", "vocabulary": str(vocabulary),
                  "labels": {"scorer": scorer}},
        )  # fmt: skip

    def macro_f1(self, vocabulary: Path, scorer: Scorer) -> float:
        found = self.run(vocabulary, scorer).evaluate(self.truth, resamples=0)
        return found.figures["macro_f1"].value or 0.0

    def review(self, run: tk.RunHandle) -> None:
        """Say of every scene which labels hold."""
        for row in run.scenes.to_dicts():
            middle = (row["start_s"] + row["end_s"]) / 2
            for scene in self.films[row["path"]].scenes:
                if scene.start_s <= middle < scene.end_s:
                    holds = set(scene.truth.statements().values())
                    for name in FACTS:
                        action: Any = "add" if name in holds else "reject"
                        run.review(row["scene_id"], action=action, name=name)


def write(path: Path, similarity: float) -> Path:
    lines = [f'[[label]]\nname = "{name}"\nsimilarity_threshold = {similarity}' for name in FACTS]
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return path


def seconds(vocabulary: Path, scorer: Scorer, analyses: list[Analysis]) -> float:
    """How long tagging takes, with its vectors made anew and the weights in memory."""
    settings, plugins, _ = configure(None, {})
    vectors = None if scorer == "probability" else embeddings(plugins, settings)
    if vectors:
        vectors.of(["read the weights"])
    with LabelsTagger(LabelsOptions(scorer=scorer), load_vocabulary(vocabulary), vectors) as tagger:
        start = time.perf_counter()
        for at in range(0, len(analyses), BATCH):
            part = analyses[at : at + BATCH]
            tagger.prepare(part)
            for one in part:
                list(tagger.tag(SCENE, one, BARE_VIDEO))
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--films", type=int, default=8, help="of six scenes each")
    films = parser.parse_args().films
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name), random.Random(3)
        known, other = (Half(folder, half, films // 2, rng) for half in ("known", "other"))
        plain = write(folder / "plain.toml", 0.3)
        first = other.run(plain, "both")
        print(f"{len(first.scenes)} scenes to measure by, {len(FACTS)} labels; macro F1")
        for scorer in SCORERS:
            print(f"  {scorer:12} thresholds 0.5 and 0.3  {other.macro_f1(plain, scorer):.3f}")
        high = write(folder / "high.toml", 0.4)
        print(f"  {'both':12} thresholds 0.5 and 0.4  {other.macro_f1(high, 'both'):.3f}")
        run = known.run(plain, "both")
        known.review(run)
        run.tune(plain, scorer="similarity", least=12, resamples=0).write()
        for scorer in ("similarity", "both"):
            print(f"  {scorer:12} tuned                   {other.macro_f1(plain, scorer):.3f}")
        texts = [text for text in first.scenes["description"].to_list() if text]
        scores = dict.fromkeys(FACTS, 0.5)
        analyses = [
            Analysis(scene_id=SCENE.id, description=f"{texts[i % len(texts)]} {i}", labels=scores)
            for i in range(TIMED)
        ]
        took = {
            scorer: min(seconds(plain, scorer, analyses) for _ in range(3)) for scorer in SCORERS
        }
        for scorer in SCORERS:
            ratio = took[scorer] / took["probability"]
            print(f"  {scorer:12} {took[scorer]:.2f} s per {TIMED} scenes, ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
