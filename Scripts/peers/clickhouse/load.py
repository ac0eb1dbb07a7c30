"""load.py FOLDER [FILE]: loads lines of JSON into a MergeTree table of ClickHouse in process.

Prints rows and bytes as JSON. Without a file it only makes the table: what starting takes.
"""

import json
import sys

from chdb import session

COLUMNS = """
    process LowCardinality(String), kind LowCardinality(String), time DateTime64(6),
    level LowCardinality(String), name LowCardinality(String), text String,
    attributes Map(LowCardinality(String), String), seq UInt64, cause String
"""


def main(folder, file=None):
    database = session.Session(folder)
    database.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
    database.query(
        f"CREATE TABLE bench.events ({COLUMNS}) ENGINE = MergeTree ORDER BY (process, seq)")
    if file:
        structure = " ".join(COLUMNS.split())
        database.query(
            f"INSERT INTO bench.events SELECT * FROM file('{file}', JSONEachRow, '{structure}') "
            "SETTINGS date_time_input_format = 'best_effort'")
    answer = database.query(
        "SELECT sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts "
        "WHERE database = 'bench' AND active", "JSONEachRow")
    row = json.loads(str(answer))
    print(json.dumps({"rows": int(row["rows"]), "bytes": int(row["bytes"])}))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
