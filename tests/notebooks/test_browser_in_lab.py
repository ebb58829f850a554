"""The scene browser in JupyterLab: looked through, filtered and corrected with the keyboard."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from lab import JupyterLab, Notebook
from playwright.sync_api import Locator, expect

MARKED = "<b>bold</b> $5"
_ANALYZE = """import toolkit as tk
from toolkit.stages.analysis import Analyzer

@tk.analyzer
class told(Analyzer):
    kinds = frozenset({{"description", "question"}})

    def asks(self, wanted):
        return list(wanted)

    def analyze(self, looks, fingerprint, cancel):
        for look in looks:
            scene = look.frames.scene
            text = f"Scene <i>{{scene.index}}</i> & more"
            evidence = tk.Evidence(model="a-model", frame_times_s=(scene.start_s,))
            yield [tk.Answer.of(scene, fingerprint, "told", ask, text=text, confidence=0.7,
                                evidence=evidence) for ask in look.asks]

@tk.tagger
def marked(scene, analysis):
    yield tk.Tag({marked!r}, score=0.4, why="<u>why</u>")
    if scene.index == 1:
        yield tk.Tag("second", score=0.9)

run = tk.analyze({film!r}, analyzer="told", tags={{"plugin": "marked"}}, ask="Who?",
                 progress=False, workspace={workspace!r})"""
_AGAIN = """import toolkit as tk
tk.browse({film!r}, workspace={workspace!r})"""


def cells(film: Path, folder: Path) -> tuple[str, str]:
    named = {"film": str(film), "workspace": str(folder / "workspace"), "marked": MARKED}
    return _ANALYZE.format(**named), _AGAIN.format(**named)


def opened(book: Notebook, cell: int) -> Locator:
    """The browser below a cell, with its scenes there and the list in focus."""
    browser = book.output(cell).locator(".tk-browser")
    expect(browser.locator(".tk-count")).to_have_text("3 of 3 scenes")
    expect(browser.locator(".tk-what").first).to_be_visible()
    browser.locator("[role=grid]").focus()
    return browser


def here(browser: Locator) -> Locator:
    return browser.locator(".tk-row.tk-here .tk-when")


def test_scenes_are_looked_through_with_the_keyboard(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    assert not book.errors()
    browser = opened(book, 1)
    press = book.page.keyboard.press
    expect(browser.locator(".tk-row")).to_have_count(3)
    press("End")
    expect(here(browser)).to_have_text(re.compile("^2  00:04.0"))
    press("ArrowUp")
    expect(browser.locator(".tk-title")).to_have_text("Scene 1, 00:02.0 to 00:04.0")
    press("/")
    book.page.keyboard.type("tag:sec")
    expect(browser.locator(".tk-count")).to_have_text("1 of 3 scenes")
    press("Escape")
    expect(browser.locator(".tk-count")).to_have_text("3 of 3 scenes")
    press("Escape")
    press("?")
    expect(browser.get_by_role("dialog", name="Keys")).to_be_visible()
    press("Escape")
    expect(browser.get_by_role("dialog", name="Keys")).to_be_hidden()
    assert len(book.output(0).all_inner_texts()) == 1  # no key reached the notebook: x cuts a cell
    thumbnail = browser.locator(".tk-row img").first
    assert thumbnail.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_a_scene_plays_from_its_start_and_ends_with_it(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    browser = opened(book, 1)
    book.page.keyboard.press("ArrowDown")
    book.page.keyboard.press("Enter")
    video = browser.locator("video")
    book.page.wait_for_function(
        "video => video.paused && video.currentTime > 1.9", arg=video.element_handle()
    )
    assert video.evaluate("video => video.src").startswith("blob:")  # not under the server's root
    shown = browser.locator(".tk-clock").inner_text()
    assert "00:04" in shown.partition("/")[0] or "00:03.9" in shown


def test_a_file_that_jupyter_serves_is_played_as_a_whole(
    notebook: Callable[..., Notebook], lab: JupyterLab, film: Path, tmp_path: Path
) -> None:
    own = lab.root / "own film #1.mp4"
    own.write_bytes(film.read_bytes())
    book = notebook(*cells(own, tmp_path))
    book.run_all()
    browser = opened(book, 1)
    book.page.keyboard.press("End")
    book.page.keyboard.press("Enter")
    video = browser.locator("video")
    book.page.wait_for_function("video => video.currentTime > 4", arg=video.element_handle())
    assert "/files/own%20film%20%231.mp4" in str(video.evaluate("video => video.src"))


def test_markup_is_shown_as_text(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    titled = tmp_path / "<img src=x onerror=alert(1)>.mp4"
    titled.write_bytes(film.read_bytes())
    book = notebook(*cells(titled, tmp_path))
    book.run_all()
    browser = opened(book, 1)
    expect(browser.locator(".tk-chip").first).to_have_text(MARKED)
    expect(browser.locator(".tk-what").first).to_have_text("Scene <i>0</i> & more")
    assert "<u>why</u>" in browser.locator(".tk-detail").inner_text()
    assert browser.locator("b, i, u, img[src=x]").count() == 0


def test_evidence_and_clips(notebook: Callable[..., Notebook], film: Path, tmp_path: Path) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    browser = opened(book, 1)
    press = book.page.keyboard.press
    press("v")
    expect(browser.locator(".tk-proof")).to_contain_text("a-model")
    press("Space")
    press("ArrowDown")
    press("Space")
    browser.get_by_label("Folder for clips").fill(str(tmp_path / "clips"))
    browser.locator("[role=grid]").focus()
    press("c")
    expect(browser.locator(".tk-note")).to_contain_text("2 clips in")
    assert len(list((tmp_path / "clips").iterdir())) == 2


def test_dark_theme(notebook: Callable[..., Notebook], film: Path, tmp_path: Path) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    browser = opened(book, 1)

    def brightness() -> int:
        colour = browser.evaluate("one => getComputedStyle(one).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    light = brightness()
    book.page.evaluate(
        """() => jupyterapp.commands.execute(
            'apputils:change-theme', {theme: 'JupyterLab Dark'}).then(() => null)"""
    )
    book.page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    browser.scroll_into_view_if_needed()
    try:
        assert brightness() < light / 2
        browser.screenshot(path=Path(__file__).parents[2] / ".screenshots" / "browser-dark.png")
    finally:
        book.page.evaluate(
            """() => jupyterapp.commands.execute(
                'apputils:change-theme', {theme: 'JupyterLab Light'}).then(() => null)"""
        )
        book.page.wait_for_function("() => document.body.dataset.jpThemeLight === 'true'")


def test_a_saved_notebook_reads_without_a_kernel(
    notebook: Callable[..., Notebook], lab: JupyterLab, film: Path, tmp_path: Path
) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    opened(book, 1)
    book.save()
    book.page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")
    saved = json.loads((lab.root / book.name).read_text(encoding="utf-8"))
    assert "widgets" not in saved["metadata"]
    (shown,) = [one["data"] for one in saved["cells"][1]["outputs"]]
    assert "SceneBrowser(3 scenes" in "".join(shown["text/plain"])
    assert "Scene &lt;i&gt;0&lt;/i&gt; &amp; more" in "".join(shown["text/html"])
    book.restart()
    book.open()
    book.run(1)  # the run is in the store, not in the kernel that is gone
    opened(book, 1)


def test_corrections_outlive_the_page_and_the_kernel(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    browser = opened(book, 1)
    press, write = book.page.keyboard.press, book.page.keyboard.type
    press("t")
    write("red circle")
    press("Enter")
    expect(browser.locator(".tk-note")).to_have_text("tag red circle: add, saved")
    press("Escape")
    press("Home")
    rejected = browser.locator(f".tk-item[data-name='{MARKED}']")
    rejected.click()
    press("x")
    expect(browser.locator(".tk-note")).to_have_text(f"tag {MARKED}: reject, saved")
    browser.locator(".tk-item[data-target=description]").click()
    press("e")
    book.page.keyboard.press("Control+A")
    write("A red <b>circle</b>")
    press("Enter")
    expect(browser.locator(".tk-note")).to_have_text("description : edit, saved")
    expect(browser.locator(".tk-what").first).to_have_text("A red <b>circle</b>")
    press("ArrowDown")
    press("a")
    expect(browser.locator(".tk-item.tk-accept")).to_have_count(1)
    press("u")
    expect(browser.locator(".tk-item.tk-accept")).to_have_count(0)

    book.restart()
    book.open()
    book.run(1)
    browser = opened(book, 1)
    expect(browser.locator(".tk-what").first).to_have_text("A red <b>circle</b>")
    chips = browser.locator(".tk-row").first.locator(".tk-chip")
    expect(chips.and_(browser.locator(".tk-add"))).to_have_text("red circle")
    expect(chips.and_(browser.locator(".tk-reject"))).to_have_text(MARKED)
    press("/")
    write("is:reviewed circle")
    expect(browser.locator(".tk-count")).to_have_text("1 of 3 scenes")


def test_the_review_queue_shows_what_is_in_doubt_first(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    browser = opened(book, 1)
    first = browser.locator(".tk-row .tk-what").first
    expect(first).to_contain_text("0")
    press = book.page.keyboard.press
    press("x")  # the least sure thing in scene 0, and so the others come before it
    expect(browser.locator(".tk-note")).to_contain_text("saved")
    press("q")
    expect(browser.locator(".tk-bar [aria-pressed=true]")).to_have_count(1)
    expect(first).to_contain_text("1")
    press("q")
    expect(first).to_contain_text("0")


def test_boundaries_are_split_and_merged(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    browser = opened(book, 1)
    press = book.page.keyboard.press
    press("s")
    expect(browser.locator(".tk-note")).to_have_text("Play to the place in the scene first.")
    for _ in range(5):
        press(".")
    expect(browser.locator(".tk-clock")).to_contain_text("00:00.2")
    press("s")
    expect(browser.locator(".tk-count")).to_have_text("4 of 4 scenes")
    browser.locator("[role=grid]").focus()
    press("m")
    expect(browser.locator(".tk-count")).to_have_text("3 of 3 scenes")


def test_a_scene_is_asked_about_and_keeps_the_answer(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    book = notebook(*cells(film, tmp_path))
    book.run_all()
    browser = opened(book, 1)
    press, write = book.page.keyboard.press, book.page.keyboard.type
    press("ArrowDown")
    press("o")
    write("Is it <b>? [maybe]")
    press("Enter")
    expect(browser.locator(".tk-note.tk-bad")).to_contain_text("'[maybe]' is no type of an answer")
    expect(browser.get_by_label("Ask about this scene")).to_have_value("Is it <b>? [maybe]")
    press("Control+A")
    write("What is <b>it</b>?")
    press("Enter")
    note = browser.locator(".tk-note")
    expect(note).to_have_text("What is <b>it</b>? Scene <i>1</i> & more 70 %")
    expect(browser.locator(".tk-item.tk-here")).to_contain_text("What is <b>it</b>?")
    press("Escape")
    press("v")
    expect(browser.locator(".tk-proof")).to_contain_text("What is <b>it</b>?")

    book.restart()
    book.open()
    book.run(1)
    browser = opened(book, 1)
    answer = browser.locator(".tk-item[data-name='What is <b>it</b>?']")
    expect(answer).to_have_count(0)  # the first scene was not asked
    press("ArrowDown")
    expect(answer).to_contain_text("Scene <i>1</i> & more 70 %")
