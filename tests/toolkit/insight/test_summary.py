from __future__ import annotations

from html.parser import HTMLParser

from toolkit.insight.summary import TagShare, summarize
from toolkit.records import Run, Scene, Tag
from toolkit.stages.store import Store


class Tags(HTMLParser):
    """Which elements and attributes a page has, and that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_sums_up_this_run_alone(store: Store, run: Run) -> None:
    summary = summarize(store, run)
    assert (summary.videos, summary.sources, summary.scenes) == (2, 4, 5)
    assert summary.duration_s == 20 + 30  # video b does not say: the end of its last scene
    assert summary.mean_scene_s == 10
    assert summary.sentiments == {"positive": 2, "negative": 2}
    assert summary.tags == (
        TagShare("car", 4, 0.8),
        TagShare("day", 2, 0.4),
        TagShare("night", 2, 0.4),
    )
    assert summary.failures == {"DecodeError": 1}
    assert (summary.reused, summary.passed) == (6, 8)


def test_it_is_readable_as_text(store: Store, run: Run) -> None:
    text = repr(summarize(store, run))
    assert "videos      2 of 4 sources" in text
    assert "duration    0:00:50" in text
    assert "reused      6 of 8 scenes" in text
    assert "car    4 scenes, 80%" in text
    assert "DecodeError  1" in text


def test_its_page_survives_untrusted_notebooks(store: Store, run: Run) -> None:
    page = Tags(summarize(store, run)._repr_html_())
    assert page.open == []
    assert page.names == {"div", "table", "tr", "th", "td"}
    assert page.attributes == {"class", "style", "colspan"}
    assert "4 scenes, 80%" in page.text


def test_labels_cannot_write_the_page(store: Store, run: Run) -> None:
    scene = store.find(Scene, video_id="a", detector="detector")[0]
    store.save([Tag("<script>alert(1)</script>$5").placed(scene, "rules", "rules-2")])
    page = Tags(summarize(store, run)._repr_html_())
    assert "script" not in page.names
    assert "<script>alert(1)</script>$5" in page.text


def test_a_run_without_results(store: Store) -> None:
    summary = summarize(store, Run(id="nothing", status="failed"))
    assert summary.mean_scene_s == 0
    assert "failed" in repr(summary)
    assert "reused" not in repr(summary)
    assert Tags(summary._repr_html_()).open == []
