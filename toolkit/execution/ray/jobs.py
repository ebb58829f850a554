"""Work handed to a cluster to do alone, through Ray's job API: submit, look, read, stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.config import Settings
from toolkit.errors import ClusterError, choices
from toolkit.execution.ray import machine
from toolkit.execution.ray.connect import need_ray
from toolkit.execution.ray.job_api import asking, client_of, url_of
from toolkit.execution.ray.named import JOB
from toolkit.execution.ray.shipping import runtime_env
from toolkit.execution.ray.tokens import token_file
from toolkit.hooks.manager import PluginManager
from toolkit.records import new_id
from toolkit.sources import anchored

__all__ = ["Job", "Jobs", "jobs"]

ENDED = frozenset({"FAILED", "STOPPED", "SUCCEEDED"})
_STOP_S = 40.0
_LOOK_S = 0.5
_LITTER = shutil.ignore_patterns(".*", "__pycache__", "node_modules")


@dataclass(frozen=True)
class Job:
    """A job as its cluster tells of it. Times are in seconds since 1970."""

    id: str
    status: str
    command: str
    message: str
    began_s: float | None
    ended_s: float | None

    @classmethod
    def of(cls, told: Any) -> Job:
        """From what Ray tells."""
        began, ended = (ms / 1000 if ms else None for ms in (told.start_time, told.end_time))
        status = str(told.status.value)
        message = told.message or ""
        return cls(told.submission_id, status, told.entrypoint, message, began, ended)


class Jobs:
    """The jobs of one cluster.

    Args:
        address: Its job API, as ``http://host:port``.
        client: Ray's client of it.
        own: Whether it is a cluster of this machine, with our environment and files.
    """

    def __init__(self, address: str, client: Any, *, own: bool) -> None:
        self.address = address
        self.own = own
        self._client = client

    def submit(
        self,
        words: Sequence[str],
        settings: Settings,
        plugins: PluginManager,
        *,
        config: Path | None = None,
        folder: Path | None = None,
        environment: Sequence[str] = (),
    ) -> str:
        """Have the cluster run a script, or a command of the toolkit; returns the job's id.

        The config file and lists (``@list.txt``) go along. The first run of the job has the job's
        id without its first word.

        Args:
            words: A ``.py`` file and its arguments, or what follows ``toolkit``.
            settings: The settings.
            plugins: The plugins that they allow.
            config: The config file.
            folder: A folder to go along; its files are where the job starts.
            environment: Names of variables whose values go along. Who may use the cluster can
                read them.

        Raises:
            ClusterError: The cluster does not take it, or a file or variable is missing.
        """
        variables = self._variables(settings, environment)
        with tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:
            place, parts = Path(scratch, "job"), Path(scratch, "parts")
            parts.mkdir()
            if folder:
                if not folder.is_dir():
                    raise ClusterError(f"There is no folder {folder}.")
                shutil.copytree(folder, place, ignore=_LITTER)
            else:
                place.mkdir()
            if config:
                shutil.copy(config, place / "config.ini")
            command = self._command(words, place, carried=folder)
            env = {} if self.own else runtime_env(settings, plugins, parts)
            env |= {"working_dir": str(place), "env_vars": variables}
            with asking(self.address):
                return str(
                    self._client.submit_job(
                        entrypoint=command,
                        submission_id=f"{JOB}{new_id()}",
                        runtime_env=env,
                    )
                )

    def _variables(self, settings: Settings, names: Sequence[str]) -> dict[str, str]:
        # A stopped job hears Ctrl-C, has time to end its run, and what it says is seen at once.
        variables = {
            "PYTHONUNBUFFERED": "1",
            "RAY_JOB_STOP_SIGNAL": "SIGINT",
            "RAY_JOB_STOP_WAIT_TIME_S": "20",
            "TOOLKIT_EXECUTION__ENGINE": "ray",
        }
        if self.own:
            variables["TOOLKIT_PATHS__WORKSPACE"] = str(settings.workspace)
        elif not settings.paths.workspace.expanduser().is_absolute():
            # Where the job starts is a folder that Ray deletes after it.
            variables["TOOLKIT_PATHS__WORKSPACE"] = "~/toolkit-workspace"
        for name in names:
            if name not in os.environ:
                raise ClusterError(f"The environment has no variable {name}.")
            variables[name] = os.environ[name]
        return variables

    def _command(self, words: Sequence[str], place: Path, *, carried: Path | None) -> str:
        first, *rest = words
        script = first.endswith(".py")
        if script and not carried:
            if not Path(first).is_file():
                raise ClusterError(f"There is no script {first}.")
            shutil.copy(first, place / Path(first).name)
            first = Path(first).name
        said = [first] if script else ["-m", "toolkit.cli", first]
        for word in rest:
            file = Path(word[1:])
            if word.startswith("@") and not carried and file.is_file():
                shutil.copy(file, place / file.name)
                said.append(f"@{file.name}")
            elif self.own and not carried and _is_here(word):
                said.append(anchored(word))
            else:
                said.append(word)
        return shlex.join(["python", *said])

    def list(self) -> list[Job]:
        """All jobs, the latest first."""
        with asking(self.address):
            found = [Job.of(told) for told in self._client.list_jobs() if told.submission_id]
        return sorted(found, key=lambda job: job.began_s or 0.0, reverse=True)

    def find(self, name: str) -> Job:
        """One job, by its id or its run's, as much of it as is clear, or ``last``.

        Raises:
            ClusterError: There is none, or more than one.
        """
        known = self.list()
        matches = [job for job in known if job.id.removeprefix(JOB).startswith(name)]
        matches = [job for job in known if job.id.startswith(name)] or matches
        if name == "last":
            matches = known[:1]
        if len(matches) != 1:
            raise ClusterError(
                f"The cluster {self.address} has {'no' if not matches else 'more than one'} job "
                f"'{name}'.",
                hint=choices(name, [job.id for job in known]),
            )
        return matches[0]

    def logs(self, job: Job, *, follow: bool = False) -> Iterator[str]:
        """What a job has said, and with ``follow`` what it says until its end, in pieces."""
        with asking(self.address):
            if not follow:
                yield str(self._client.get_job_logs(job.id))
                return
            pieces = self._client.tail_job_logs(job.id)
            with asyncio.Runner() as runner, contextlib.suppress(StopAsyncIteration):
                while True:
                    yield str(runner.run(anext(pieces)))

    def wait(self, job: Job, seconds: float = float("inf")) -> Job:
        """The job when it has ended, or as it is after so many seconds."""
        until = time.monotonic() + seconds
        while job.status not in ENDED and time.monotonic() < until:
            time.sleep(_LOOK_S)
            with asking(self.address):
                job = Job.of(self._client.get_job_info(job.id))
        return job

    def stop(self, job: Job) -> Job:
        """Ask a job to stop as Ctrl-C does, and wait for it."""
        with asking(self.address):
            self._client.stop_job(job.id)
        return self.wait(job, _STOP_S)


@contextlib.contextmanager
def jobs(settings: Settings, address: str = "", *, start: bool = False) -> Iterator[Jobs]:
    """The jobs of a cluster.

    Args:
        settings: The settings.
        address: Its job API, ``host`` or ``http://host:port``; empty: RAY_API_SERVER_ADDRESS, else
            that of the cluster that the settings name.
        start: Whether a cluster of this machine is started where none is named and none runs.

    Raises:
        ClusterError: It cannot be reached, or refuses the token.
    """
    need_ray()
    own = machine.read_cluster(machine.folder_of(settings))
    given = address or os.environ.get("RAY_API_SERVER_ADDRESS", "")
    if not given and settings.ray.address:
        host = settings.ray.address.rpartition(":")[0]
        given = host or "127.0.0.1"
    if given:
        url = url_of(given)
        mine = own is not None and own.dashboard == url
        token = Path(own.token_file) if own and mine else token_file(settings)
        with client_of(url, token) as client:
            yield Jobs(url, client, own=mine)
    elif own and not start:
        with client_of(own.dashboard, Path(own.token_file)) as client:
            yield Jobs(own.dashboard, client, own=True)
    else:
        with (
            machine.cluster(settings, start=start) as own,  # which does not end in this block
            client_of(own.dashboard, Path(own.token_file)) as client,
        ):
            yield Jobs(own.dashboard, client, own=True)


def _is_here(word: str) -> bool:
    """Whether a word names files of this machine."""
    if word.startswith("-") or "://" in word:
        return False
    with contextlib.suppress(OSError, ValueError, NotImplementedError):
        return Path(word).exists() or any(Path().glob(word))
    return False
