"""ask.py DATABASE STATEMENT: prints the rows that a statement gives, with DuckDB in process."""

import sys

import duckdb

database, statement = sys.argv[1:]
for row in duckdb.connect(database).execute(statement).fetchall():
    print(*row)
