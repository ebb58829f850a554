"""A real JupyterLab on loopback, and a notebook in it as a person in a browser has it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
PATIENCE_S = 120.0
_TOKEN = "a-token-of-this-test"
_SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension:plugin": {"autosave": False},
    # Otherwise cells out of sight are not in the page, and cannot be found in it.
    "notebook-extension:tracker": {"windowingMode": "none"},
}


class JupyterLab:
    """A server with a home, settings and runtime folder of its own.

    Args:
        base: Its folder; notebooks lie under ``root`` in it.
        env: More environment for the server and its kernels.
    """

    def __init__(self, base: Path, env: dict[str, str] | None = None) -> None:
        self.root = base / "root"
        self._log = base / "lab.log"
        folders = {
            "HOME": "home",
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        for name in ("root", *folders.values()):
            (base / name).mkdir(parents=True, exist_ok=True)
        for plugin, settings in _SETTINGS.items():
            package, name = f"@jupyterlab/{plugin}".split(":")
            file = base / "settings" / package / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings), encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={_TOKEN}", f"--ServerApp.root_dir={self.root}"),
            *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
            "--LabApp.news_url=",
        ]
        own = {variable: str(base / name) for variable, name in folders.items()}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **own, **(env or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError):
                self.ask("status")
                return
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{self._log.read_text()[-3000:]}")

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the server's API says."""
        headers = {"Authorization": f"token {_TOKEN}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            body = reply.read()
        return json.loads(body) if body else None

    def link(self, name: str) -> str:
        """The address of a notebook, alone on its page."""
        return f"{self.url}/doc/tree/{name}?token={_TOKEN}&reset"

    def write(self, name: str, cells: Iterable[str]) -> Path:
        """A notebook with these code cells, under the server's root."""
        make: Any = nbformat.v4
        book = make.new_notebook(cells=[make.new_code_cell(cell) for cell in cells])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        file = self.root / name
        write: Any = nbformat.write
        write(book, file)
        return file

    def end_kernels(self) -> None:
        """Ends every kernel."""
        for session in self.ask("sessions"):
            with suppress(OSError):
                self.ask(f"sessions/{session['id']}", "DELETE")

    def close(self) -> None:
        """Ends the server and all that it started."""
        if self._process.poll() is None:
            with suppress(OSError):
                self.end_kernels()
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


class Notebook:
    """A notebook in a page of a browser.

    Args:
        lab: The server.
        page: The browser's page.
        name: The notebook's path under the server's root.
    """

    def __init__(self, lab: JupyterLab, page: Page, name: str) -> None:
        self._lab = lab
        self.page = page
        self.name = name
        self.console: list[str] = []
        page.on("console", lambda said: self.console.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))

    def open(self) -> Notebook:
        """Load the page, or load it again, and wait for the kernel."""
        self.page.goto(self._lab.link(self.name))
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        self.page.evaluate("async () => { await jupyterapp.started; await jupyterapp.restored; }")
        self._cells.first.wait_for()
        self.wait()
        return self

    @property
    def _cells(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")

    def output(self, cell: int) -> Locator:
        """Where a code cell shows what it made."""
        return self._cells.nth(cell).locator(".jp-Cell-outputArea")

    def errors(self) -> list[str]:
        """What cells show in red."""
        shown = '[data-mime-type="application/vnd.jupyter.{}"]'
        both = f"{shown.format('error')}, {shown.format('stderr')}"
        return self.page.locator(both).all_inner_texts()

    def command(self, name: str) -> None:
        """Carry out a command of JupyterLab."""
        self.page.evaluate("name => jupyterapp.commands.execute(name).then(() => null)", name)

    def run_all(self) -> None:
        """Run every cell, and wait for the end."""
        self.command("notebook:run-all-cells")
        self.wait()

    def run(self, cell: int, *, wait: bool = True) -> None:
        """Run a code cell; without ``wait`` come back at once."""
        self.page.evaluate(
            """cell => {
                const book = jupyterapp.shell.currentWidget.content;
                const codes = book.widgets.filter(one => one.model.type === 'code');
                book.activeCellIndex = book.widgets.indexOf(codes[cell]);
                book.deselectAll();
                jupyterapp.commands.execute('notebook:run-cell');
            }""",
            cell,
        )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Wait until the kernel is idle and no cell waits."""
        self.page.wait_for_function(
            """() => {
                const session = jupyterapp.shell.currentWidget?.sessionContext?.session;
                const prompts = [...document.querySelectorAll('.jp-InputPrompt')];
                return session?.kernel?.status === 'idle'
                    && !prompts.some(one => one.textContent.includes('[*]'));
            }""",
            timeout=1000 * PATIENCE_S,
        )

    def restart(self) -> None:
        """Start the kernel anew: what it knew is gone."""
        self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        self.wait()

    def save(self) -> None:
        """Write the notebook with its outputs to its file."""
        self.command("docmanager:save")
