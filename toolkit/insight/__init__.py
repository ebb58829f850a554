"""What people look at: a run's results as Polars frames, a summary, search."""
