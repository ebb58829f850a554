"""Reviews of real runs: what outlives another model and another detector, from end to end."""

from __future__ import annotations

from pathlib import Path

from counting import Counting

import toolkit as tk
from toolkit.hooks import local
from toolkit.records import Answer, Ask
from toolkit.stages.analysis import Look


class Other(Counting):
    """Another model, which says other things of the same scenes."""

    def _answer(self, look: Look, ask: Ask, fingerprint: str) -> Answer:
        told = super()._answer(look, ask, fingerprint)
        return told.model_copy(update={"text": "A submarine"})


def test_a_corrected_description_outlives_another_model_and_detector(
    film: Path, workspace: Path
) -> None:
    tk.register(tk.AnalyzerPlugin(name="counting", factory=lambda options, context: Counting()))
    run = tk.analyze(film, workspace=workspace, progress=False, analyzer="counting")
    first, second, _ = run.scenes["scene_id"]
    run.review(first, target="description", action="edit", value="A red circle rolls")
    run.review(second, target="description", action="accept")
    for plugin in local.plugins():
        local.unregister(plugin)
    tk.register(tk.AnalyzerPlugin(name="other", factory=lambda options, context: Other()))
    again = tk.analyze(
        film, workspace=workspace, progress=False, analyzer="other", scenes={"plugin": "content"}
    )
    assert set(again.scenes["scene_id"]).isdisjoint(run.scenes["scene_id"])
    said = ["A red circle rolls", "description of scene 1", "A submarine"]
    assert again.scenes["description"].to_list() == said
    assert again.scenes["reviewed"].to_list() == [True, True, False]
    found = set(again.search("red circle")["scene_id"])
    assert found == {first, again.scenes["scene_id"][0]}
    assert again.search("submarine")["index"].to_list() == [2]
