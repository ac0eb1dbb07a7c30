"""Lightcone's programs, as a bench starts and reads them."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import time

from programs import ROOT, BenchError, Program, part_files, run, segment_files

LISTENS = re.compile(r"listen=(https?://127\.0\.0\.1:\d+)")
EVENTS = re.compile(r"([\d,]+) events?\b")


class Binaries:
    """The two programs: those of LIGHTCONE_BINARY and LIGHTCONE_BENCH, or built from here."""

    def __init__(self):
        given = (os.environ.get("LIGHTCONE_BINARY"), os.environ.get("LIGHTCONE_BENCH"))
        missing = [
            product for product, path in zip(("lightcone", "lightcone-bench"), given) if not path
        ]
        built = {}
        if missing:
            # What it says of its progress is for the person who waits.
            answer = subprocess.run(
                [ROOT / "Scripts/build-release", *missing],
                stdout=subprocess.PIPE, check=True, text=True)
            built = dict(zip(missing, answer.stdout.split()))
        self.lightcone = os.path.abspath(given[0] or built["lightcone"])
        self.bench = os.path.abspath(given[1] or built["lightcone-bench"])

    def generate(self, path, kind, events, processes, seed, service_size=None):
        """Writes a log, and returns what the generator says of it."""
        with open(path, "wb") as output:
            return run(
                [self.bench, "generate", "--kind", kind, "--events", events,
                 "--processes", processes, "--service-size", service_size or processes,
                 "--seed", seed, "--stats"], output=output).errors


def nobodys_address():
    """A port that answers nobody, kept from others until we end, and its URL."""
    kept = socket.socket()
    kept.bind(("127.0.0.1", 0))
    nobodys_address.kept = kept
    return f"http://127.0.0.1:{kept.getsockname()[1]}"


def make_authority(lightcone, data):
    """Has a collector's folder speak TLS, and take enrolled hosts alone."""
    subprocess.run(
        [lightcone, "collector", "init", "--data", data, "--name", "127.0.0.1"],
        stdout=subprocess.DEVNULL, check=True)


def enrol(lightcone, collector, folder, host="bench"):
    """Has the agent of a folder get its certificate."""
    token = subprocess.run(
        [lightcone, "enroll-token", "--data", collector.data, "--host", host],
        stdout=subprocess.PIPE, check=True)
    subprocess.run(
        [lightcone, "agent", "enroll", "--collector", collector.url, "--data", folder / "data",
         "--spool", folder / "spool"], input=token.stdout, stdout=subprocess.DEVNULL, check=True)


class Agent(Program):
    def __init__(self, lightcone, folder, collector, follow=(), spool=None, host="bench"):
        self.data = folder / "data"
        self.spool = spool or folder / "spool"
        arguments = [lightcone, "agent", "--host", host, "--collector", collector,
                     "--spool", self.spool, "--data", self.data]
        for text in follow:
            arguments += ["--follow", text]
        super().__init__(arguments, folder / "agent.log")
        self.socket = self.spool / "agent.sock"

    def wait_for_socket(self):
        for _ in range(3000):
            self.stat()
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.socket))
                return
            except OSError:
                time.sleep(0.01)
        raise BenchError(f"the agent does not listen:\n{self.log_tail()}")


class Collector(Program):
    def __init__(self, lightcone, folder, *more, data=None):
        self.data = data or folder / "collected"
        # Each start has a log of its own: the port is read from it.
        log = folder / f"collector-{len(list(folder.glob('collector-*')))}.log"
        super().__init__(
            [lightcone, "collector", "--data", self.data, "--listen", "127.0.0.1:0", *more], log)
        self.url = self.wait_for_log(LISTENS).group(1)

    def event_count(self):
        """How many events were acknowledged, by the catalogue: a question would be work for it."""
        database = sqlite3.connect(f"file:{self.data}/catalogue.sqlite?mode=ro", uri=True)
        count, = database.execute("SELECT ifnull(sum(events), 0) FROM process").fetchone()
        database.close()
        return count

    def catalogue_bytes(self):
        """Of the stopped collector: the catalogue without its log of changes."""
        path = self.data / "catalogue.sqlite"
        database = sqlite3.connect(path)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        database.close()
        return path.stat().st_size


def merged_events(lightcone, folder):
    """How many events the parts of an archive hold."""
    files = part_files(folder)
    answer = run([lightcone, "part", "verify", "--json", *files]).output if files else ""
    return sum(json.loads(line)["events"] for line in answer.splitlines())


def expect_events(lightcone, folder, expected):
    """Fails where the segments hold another number of events than there were."""
    files = segment_files(folder)
    answer = run([lightcone, "segment", "verify", *files]).output if files else ""
    lines = [EVENTS.findall(line.rpartition(":")[2]) for line in answer.splitlines()]
    found = sum(int(numbers[-1].replace(",", "")) for numbers in lines if numbers)
    if found != expected:
        raise BenchError(f"{folder}: {found} events are durable, expected {expected}")
