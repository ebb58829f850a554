"""The scene browser with many scenes, in a real JupyterLab in a real Chromium.

Scenes with a description, an answer and two tags each, and as many pictures, in a store of SQLite.
Measured: the kernel's time to open the browser, what the cell's output and the widget's first state
take as JSON (limit: 300 kB), the time from the page's render call to its first paint and to the
first rows with text (limit: one second to the first paint), until all scenes are there, and the
page's JavaScript heap, after garbage collection, before and after scrolling through everything.

    python benchmarks/bench_browser.py --scenes 10000
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import CDPSession, Page, sync_playwright

from toolkit.hooks.specs import Context
from toolkit.records import Answer, Ask, Lineage, Run, RunSource, Scene, Source, Tag, Video
from toolkit_store_sqlite import SQLiteOptions, make

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from lab import CHROMIUM, FLAGS, JupyterLab, Notebook

ASKS = (Ask(kind="description"), Ask(kind="question", name="What is seen?"))
WORDS = ["red", "car", "night", "two", "people", "walking", "a", "street", "in", "rain", "slowly",
         "dog", "beach", "indoor"]  # fmt: skip
LIMIT_BYTES, LIMIT_S = 300_000, 1.0
WATCH = """() => {
    window.marks = {};
    const look = () => {
        const mark = name => { window.marks[name] ??= performance.now(); };
        const browser = document.querySelector('.tk-browser');
        if (browser) requestAnimationFrame(() => mark('frame'));
        if (browser?.querySelector('.tk-what')) requestAnimationFrame(() => mark('rows'));
        const count = browser?.querySelector('.tk-count')?.textContent;
        if (count?.endsWith('scenes')) mark('all');
    };
    new MutationObserver(look).observe(
        document.body, {childList: true, subtree: true, characterData: true});
    window.marks.asked = performance.now();
}"""


def fill(folder: Path, count: int) -> Run:
    """A finished run with so many scenes of one video."""
    film = Video(id="long", path=str(folder / "long.mp4"), size_bytes=1, container="mp4",
                 duration_s=4.0 * count, width=640, height=360, codec="h264")  # fmt: skip
    source = Source.of(film.path, "file", video_id=film.id)
    asks = tuple(("analyzer", ask.key) for ask in ASKS)
    run = Run(status="done", lineage=Lineage(detector="cuts", asks=asks, generations=("tags",)))
    rng = np.random.default_rng(1)
    pictures = []
    for number in range(64):
        data = io.BytesIO()
        small = Image.fromarray(rng.integers(0, 255, (9, 16, 3), dtype=np.uint8))
        small.resize((320, 180)).save(data, "JPEG", quality=80)
        pictures.append(folder / f"{number}.jpg")
        pictures[-1].write_bytes(data.getvalue())
    with make(SQLiteOptions(), Context(folder, folder)) as store:
        store.save([film, source, run, RunSource.of(run.id, source, video_id=film.id)])
        for start in range(0, count, 1000):
            records = []
            for index in range(start, min(count, start + 1000)):
                picture = str(pictures[index % len(pictures)])
                scene = Scene.of(film.id, "cuts", index, start_s=4.0 * index,
                                 end_s=4.0 * index + 4, thumbnail=picture)  # fmt: skip
                text = " ".join(WORDS[(index * k) % len(WORDS)] for k in range(1, 25))
                said = [Answer.of(scene, "analyzer", "sample", ask, text=text) for ask in ASKS]
                labels = dict.fromkeys((WORDS[index % 7], WORDS[7 + index % 7]))
                tags = [
                    Tag(one, score=0.8, why="seen").placed(scene, "sample", "tags")
                    for one in labels
                ]
                records += [scene, *said, *tags]
            store.save(records)
    return run


def heap(session: CDPSession) -> float:
    """The page's JavaScript heap in MB, after garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def scroll(page: Page, passes: int) -> float:
    """Scroll through everything; the longest pause between two frames, in ms."""
    longest: float = page.evaluate(
        """async passes => {
            const list = document.querySelector('.tk-list');
            let last = performance.now(), longest = 0;
            for (let pass = 0; pass < passes; pass++) {
                for (let top = 0; top < list.scrollHeight; top += 2000) {
                    list.scrollTop = top;
                    await new Promise(requestAnimationFrame);
                    const now = performance.now();
                    longest = Math.max(longest, now - last);
                    last = now;
                }
            }
            return longest;
        }""",
        passes,
    )
    return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--passes", type=int, default=3, help="scrolls through all scenes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        run = fill(folder, given.scenes)
        lab = JupyterLab(folder / "lab")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            page = chromium.new_page(viewport={"width": 1400, "height": 1000})
            measure(lab, page, folder, run, given)
        finally:
            chromium.close()
            lab.close()


def measure(lab: JupyterLab, page: Page, folder: Path, run: Run, given: argparse.Namespace) -> None:
    first = f"""import toolkit as tk, toolkit.widgets.view
run = tk.attach({run.id!r}, workspace={str(folder)!r})"""
    second = """import json, time
begin = time.perf_counter()
browser = run.browse()
data, _ = browser._repr_mimebundle_()
state = json.dumps(browser.get_state(), default=str)
print(time.perf_counter() - begin, len(state) + len(json.dumps(data)))"""
    lab.write("bench.ipynb", [first, second, "browser"])
    book = Notebook(lab, page, "bench.ipynb").open()
    book.run(0)
    book.run(1)
    opened_s, size = map(float, book.output(1).inner_text().split())
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    empty = heap(session)
    page.evaluate(WATCH)
    book.run(2)
    page.wait_for_function("() => window.marks.all")
    marks = page.evaluate("() => window.marks")
    since = {key: (at - marks["asked"]) / 1000 for key, at in marks.items()}
    time.sleep(1)
    before = heap(session)
    heaps = []
    longest = 0.0
    for _ in range(given.passes):
        longest = max(longest, scroll(page, 1))
        time.sleep(1)
        heaps.append(heap(session))
    begin = time.perf_counter()
    page.locator(".tk-filter").fill("tag:street rain")
    page.wait_for_function(
        "all => !document.querySelector('.tk-count').textContent.startsWith(all)",
        arg=f"{given.scenes} of",
    )
    filtered_ms = 1000 * (time.perf_counter() - begin)
    size_share, paint_share = size / LIMIT_BYTES, since["frame"] / LIMIT_S
    after = ", ".join(f"{one:.1f}" for one in heaps)
    print(f"{given.scenes} scenes")
    print(f"opened in the kernel     {opened_s:8.2f} s")
    print(f"first message            {size / 1000:8.1f} kB  {size_share:.2f} of the limit")
    print(f"run cell to first paint  {since['frame']:8.2f} s   {paint_share:.2f} of the limit")
    print(f"first rows with text     {since['rows']:8.2f} s")
    print(f"all scenes there         {since['all']:8.2f} s")
    print(f"filtered                 {filtered_ms:8.0f} ms")
    print(f"longest frame, scrolling {longest:8.0f} ms")
    print(f"heap of the page         {empty:8.1f} MB, with all scenes {before:.1f} MB")
    print(f"after scrolls through all  {after} MB  {heaps[-1] / heaps[0]:.2f} of the first")


if __name__ == "__main__":
    main()
