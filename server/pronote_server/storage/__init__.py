"""The base: one SQLite file per school year."""
