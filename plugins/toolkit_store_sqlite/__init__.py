"""Store plugin: SQLite."""
