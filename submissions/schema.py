"""The ledger's tables, and how a file written by an earlier version becomes one of today's."""

from __future__ import annotations

import sqlite3

FIRST = """
CREATE TABLE runs (
    competition TEXT NOT NULL, run TEXT NOT NULL, metric TEXT NOT NULL, higher_is_better INTEGER NOT NULL,
    score REAL, score_se REAL, baseline REAL, seed_sd REAL, folds TEXT NOT NULL, "commit" TEXT NOT NULL,
    note TEXT NOT NULL, date TEXT NOT NULL,
    PRIMARY KEY (competition, run)
);
CREATE TABLE fold_scores (
    competition TEXT NOT NULL, run TEXT NOT NULL, fold INTEGER NOT NULL, score REAL,
    PRIMARY KEY (competition, run, fold)
);
CREATE TABLE submissions (
    number INTEGER PRIMARY KEY, competition TEXT NOT NULL, run TEXT NOT NULL, file TEXT NOT NULL,
    digest TEXT NOT NULL, message TEXT NOT NULL, ref TEXT NOT NULL, status TEXT NOT NULL, date TEXT NOT NULL,
    public REAL, private REAL
);
CREATE UNIQUE INDEX one_row_per_ref ON submissions (competition, ref) WHERE ref != '';
"""
QUICK_PASSES = """
ALTER TABLE runs ADD COLUMN toy INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN "limit" INTEGER NOT NULL DEFAULT 0;
"""
BOARDS = """
CREATE TABLE boards (
    competition TEXT NOT NULL, board TEXT NOT NULL, place INTEGER NOT NULL, team TEXT NOT NULL, score REAL NOT NULL,
    date TEXT NOT NULL,
    PRIMARY KEY (competition, board, place)
);
"""
STEPS = (FIRST, QUICK_PASSES, BOARDS)  # the step at place n takes a file from version n to n + 1


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring a ledger to today's version, keeping its rows; a newer one is refused."""
    if version_of(connection, name) == len(STEPS):
        return
    connection.execute("BEGIN IMMEDIATE")
    for step in STEPS[version_of(connection, name) :]:  # asked again: another process may have been first
        for statement in step.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
    connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection, name: str) -> int:
    """The version that a ledger says it has; 0 for a file just made."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(STEPS):
        raise ValueError(
            f"{name}: expected a ledger of version {len(STEPS)} at most, got {version}; "
            "it was written by a newer podium: update this one, or name another ledger"
        )
    return version
