"""A plugin in a cell, in JupyterLab: refused, written anew, tried, run; and a question by magic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab import Notebook

MODEL = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"


def test_a_tagger_is_refused_mended_tried_and_run(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    book = notebook(
        f"""import toolkit as tk
%load_ext toolkit
SETTINGS = dict(
    workspace={str(tmp_path)!r}, analyzer="qwen2vl", sampling={{"max_pixels": 12544}},
    analysis={{"qwen2vl": {{"model": {str(MODEL)!r}, "device": "cpu"}}}}, progress=False,
)
run = tk.analyze({str(film)!r}, **SETTINGS)""",
        """@tk.tagger
def round_things(analysis):
    yield tk.Tag("round")""",
        """@tk.tagger
def round_things(scene, analysis):
    if "circle" in analysis.description:
        yield tk.Tag("<b>round</b>", why="a circle is mentioned")""",
        "tk.try_on(run.scenes[0], round_things)",
        f"run = tk.analyze({str(film)!r}, **SETTINGS); run.tags.select('index', 'label')",
        "%%ask --as run\nHow many shapes are there? [number]\nWhat colour is the shape?",
        "%toolkit show {run.id} --workspace " + str(tmp_path),
    )
    book.run(0)
    book.run(1)
    (error,) = book.errors()
    assert "Write def round_things(scene, analysis)" in error
    assert "checks.py" not in error  # the cell's own line and the message, nothing of the inside
    for cell in (2, 3, 4, 5, 6):
        book.run(cell)
    assert book.errors() == [error]
    assert "a circle is mentioned" in book.output(3).inner_text()
    assert "<b>round</b>" in book.output(4).inner_text()
    answers = book.output(5).inner_text()
    assert "How many shapes are there?" in answers
    assert all(colour in answers for colour in ("red", "blue", "green"))
    assert "How many shapes are there? 2" in " ".join(book.output(6).inner_text().split())
