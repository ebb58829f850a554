"""What a run is called that a submitted job makes: as the job, which is then found by either."""

from __future__ import annotations

import json
import os

from toolkit.records import Run, new_id
from toolkit.stages.store import Store

__all__ = ["IN_A_JOB", "JOB", "id_for"]

IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set by Ray where a submitted job runs."""
JOB = "toolkit-"
"""What the ids of our jobs begin with; a run's id follows."""


def id_for(store: Store) -> str:
    """The id of a new run: its job's, if the job has made none before."""
    about = json.loads(os.environ.get(IN_A_JOB) or "{}")
    job = str(about.get("metadata", {}).get("job_submission_id", ""))
    if job.startswith(JOB) and not store.count(Run, id=job.removeprefix(JOB)):
        return job.removeprefix(JOB)
    return new_id()
