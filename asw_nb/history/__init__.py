"""The history of executions: the SQLite file, and the views that are folded from its events."""
