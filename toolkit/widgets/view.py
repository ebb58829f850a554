"""The scene browser as a widget: answers what its page in the browser asks.

State that both sides share is a handful of numbers. All else goes by messages: the page asks with
a number, and the answer has the same number, and an error where it could not be done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from toolkit.errors import ToolkitError
from toolkit.execution import aside
from toolkit.widgets.catalogue import PAGE, Catalogue
from toolkit.widgets.still import still, summary

if TYPE_CHECKING:
    from toolkit.execution.run import RunHandle

__all__ = ["SceneBrowser"]

_HERE = Path(__file__).parent
_PARTS = ("parts", "shelf", "list", "player", "detail", "help", "toolbar")
_MOST_THUMBNAILS = 64
_Answer = tuple[dict[str, Any], list[bytes]]


def _script() -> str:
    """One module out of the parts, for a widget has no address to import others from."""
    files = [*(_HERE / f"browser_{part}.js" for part in _PARTS), _HERE / "browser.js"]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


class SceneBrowser(anywidget.AnyWidget):
    """Scenes to look at, to correct and to export, made by :meth:`toolkit.RunHandle.browse`.

    Args:
        run: The run, to export clips and save reviews with.
        catalogue: Its scenes.
        save: Saves a review; given the run, the scene's id and what is said.
        height: Of the widget, in CSS pixels.
    """

    _esm = _script()
    _css = (_HERE / "browser.css").read_text(encoding="utf-8")

    count = traitlets.Int(0).tag(sync=True)
    stamp = traitlets.Int(0).tag(sync=True)
    page_size = traitlets.Int(PAGE).tag(sync=True)
    height = traitlets.Int(600).tag(sync=True)

    def __init__(
        self,
        run: RunHandle,
        catalogue: Catalogue,
        *,
        save: Callable[..., object],
        height: int = 600,
    ) -> None:
        super().__init__(count=len(catalogue.scenes), height=height)
        self._run = run
        self._catalogue = catalogue
        self._save = save
        self.on_msg(self._hear)

    def reload(self) -> None:
        """Show what is there now: a run that goes on has more scenes than before."""
        self._catalogue.run = self._run.row
        self._catalogue.load()
        self.count = len(self._catalogue.scenes)
        self.stamp += 1

    def close(self) -> None:
        """Take it away, with the analyzer that it asked."""
        aside.free(self._run.id)
        super().close()

    def _hear(self, _: object, message: dict[str, Any], buffers: object) -> None:
        if message.get("kind") in ("ask", "queue"):
            # A model may take minutes, and so may many scenes: the kernel is free meanwhile.
            work = threading.Thread(
                target=self._reply, args=(message,), name="browser-ask", daemon=True
            )
            work.start()
        else:
            self._reply(message)

    def _reply(self, message: dict[str, Any]) -> None:
        answer: dict[str, Any] = {}
        sent: list[bytes] = []
        try:
            answer, sent = self._answer(message)
        except ToolkitError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - it would be lost in the kernel's log
            answer = {"error": f"{type(error).__name__}: {error}"}
        self.send({**answer, "seq": message.get("seq")}, buffers=sent)

    def _answer(self, message: dict[str, Any]) -> _Answer:
        scenes = self._catalogue
        match message["kind"]:
            case "films":
                return {"films": scenes.films()}, []
            case "page":
                return {"rows": scenes.page(message["page"])}, []
            case "queue":
                return {"order": scenes.queue()}, []
            case "thumbs":
                return {}, [scenes.thumbnail(id_) for id_ in message["ids"][:_MOST_THUMBNAILS]]
            case "clip":
                start_s, data = scenes.clip(message["id"])
                return {"start": start_s}, [data]
            case "evidence":
                return {"evidence": scenes.evidence(message["id"])}, []
            case "review":
                return self._review(message), []
            case "ask":
                return self._ask(message), []
            case "export":
                clips = self._run.clips(
                    message["folder"], message["ids"], exact=bool(message["exact"])
                )
                return {"paths": [str(made.path) for made in clips]}, []
            case "reload":
                self.reload()
                return {}, []
            case kind:
                raise ValueError(f"a scene browser does not answer '{kind}'")

    def _review(self, message: dict[str, Any]) -> dict[str, Any]:
        said = {key: message[key] for key in ("target", "action", "name", "value")}
        scene = self._catalogue.scene(message["id"])
        self._save(self._run, scene.id, **said)
        if said["target"] == "boundary":
            self.reload()  # a boundary changes which scenes there are
            return {}
        return {"row": self._catalogue.row(scene.id)}

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        scene = self._catalogue.scene(message["id"])
        answers = self._run.ask_scene(scene.id, message["question"])
        self._catalogue.run = self._run.row  # it has the answers, too
        said = [[one.name, one.text, one.confidence] for one in answers]
        return {"row": self._catalogue.row(scene.id), "answers": said}

    def __repr__(self) -> str:
        return f"SceneBrowser({summary(self._catalogue)})"

    def _repr_mimebundle_(self, **_: object) -> Any:
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        texts = {"text/plain": repr(self), "text/html": still(self._catalogue)}
        return {**data, **texts}, metadata
