"""SQLite: small transactions, each durable."""

import os
import sqlite3
import time


def run(place, data, record):
    path = os.path.join(place.root, "database")
    place.barrier()
    record("sqlite", place.call(_transactions, path, data.size.transactions))
    place.cold()
    place.call(_require_whole, path, data.size.transactions)


def _transactions(path, count):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE entries(number INTEGER PRIMARY KEY, words TEXT)")
    start = time.perf_counter()
    for number in range(count):
        connection.execute("BEGIN")
        connection.execute("INSERT INTO entries VALUES (?, ?)", (number, f"entry {number} " * 20))
        connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return seconds


def _require_whole(path, count):
    connection = sqlite3.connect(path)
    if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        raise AssertionError("the database is damaged")
    if connection.execute("SELECT COUNT(*), SUM(number) FROM entries").fetchone() != (count, count * (count - 1) // 2):
        raise AssertionError("transactions are missing")
    connection.close()
