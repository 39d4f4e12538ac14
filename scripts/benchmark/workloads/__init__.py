"""Each module measures one thing that people do, on one place at a time."""

from . import big_file, database, foreign_file, large_file, neighbours, random_data, start, tree

# Name on the command line → module. A module has run(place, data, record), where record(row, value) keeps a figure of this round, and may have
# TARGETS (whom it is for), ROUNDS (at most so many), and CACHED = False (mounted with the kernel's caches of names and attributes off).
ALL = {
    "start": start,
    "big-file": big_file,
    "tree": tree,
    "database": database,
    "neighbours": neighbours,
    "round-trip": start.RoundTrip,
    "foreign-file": foreign_file,
    "random-data": random_data,
    "large-file": large_file,
}
