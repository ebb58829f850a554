"""Where a pipeline runs, and the handle on a run."""
