"""The tables of the history file, as the migrations that made them.

A migration is applied once, in the transaction that records its name, and never changed afterwards: a file that was written by any version
says by their names what it has.
"""

from __future__ import annotations

import sqlite3
import time

MIGRATIONS: list[tuple[str, str]] = [
    (
        "0001 executions, definitions, events, outputs, settings",
        """
        CREATE TABLE definitions(
            id INTEGER PRIMARY KEY, digest TEXT NOT NULL, dialect TEXT NOT NULL, document TEXT NOT NULL, UNIQUE(digest, dialect));
        CREATE TABLE executions(
            id INTEGER PRIMARY KEY, workflow TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
            started_us INTEGER NOT NULL, finished_us INTEGER, input TEXT NOT NULL, output TEXT, error TEXT, cause TEXT,
            failed_path TEXT, redrives INTEGER NOT NULL DEFAULT 0, backend TEXT NOT NULL, definition INTEGER NOT NULL,
            tags TEXT NOT NULL DEFAULT '{}', timeout_s REAL, owner TEXT, UNIQUE(workflow, name));
        CREATE INDEX executions_by_start ON executions(started_us);
        CREATE INDEX executions_running ON executions(status) WHERE status = 'RUNNING';
        CREATE TABLE events(execution INTEGER NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL, body BLOB NOT NULL);
        CREATE UNIQUE INDEX events_in_order ON events(execution, seq);
        CREATE TABLE outputs(
            execution INTEGER NOT NULL, frame INTEGER NOT NULL, token INTEGER NOT NULL, lines BLOB, metrics BLOB, traceback TEXT);
        CREATE INDEX outputs_by_execution ON outputs(execution);
        CREATE TABLE settings(name TEXT PRIMARY KEY, value BLOB NOT NULL);
        INSERT INTO settings VALUES('token_secret', randomblob(32));
        """,
    ),
    ("0002 summaries", "ALTER TABLE executions ADD COLUMN summary BLOB;"),
    (
        # Who drives an execution is asked with each transaction. The column stands behind the input, whose megabytes SQLite would read first.
        "0003 drivers by index",
        """
        DROP INDEX executions_running;
        CREATE INDEX executions_running ON executions(status, owner) WHERE status = 'RUNNING';
        """,
    ),
]


def create(db: sqlite3.Connection) -> None:
    """Make the tables in an empty database, within the transaction that is open."""
    db.execute(MADE)
    for name, script in MIGRATIONS:
        apply(db, name, script)


def apply(db: sqlite3.Connection, name: str, script: str) -> None:
    """Apply one migration, and record it."""
    for statement in script.split(";"):
        if statement.strip():
            db.execute(statement)
    db.execute("INSERT INTO migrations VALUES(?, ?)", (name, time.time_ns() // 1000))


def columns(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """The columns of each table, as SQLite describes them."""
    return {table: db.execute(f"PRAGMA table_info({table})").fetchall() for table in TABLES}


MADE = "CREATE TABLE IF NOT EXISTS migrations(name TEXT PRIMARY KEY, applied_us INTEGER NOT NULL)"

TABLES = ("settings", "definitions", "executions", "events", "outputs")
"""What holds data; the order in which a file is rebuilt."""

__all__ = ["MADE", "MIGRATIONS", "TABLES", "apply", "columns", "create"]
