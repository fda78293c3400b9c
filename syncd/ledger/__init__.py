"""The daemon's memory: one SQLite file, written by one process."""
