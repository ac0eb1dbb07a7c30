"""The other programs that do a part of what Lightcone does, run as their users run them."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

from programs import ROOT, BenchError, Program, Unavailable, run, say, settle

PEERS = ROOT / "Scripts/peers"
PYTHON = ROOT / ".build/bench/python"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Rsyslog:
    """rsyslog to rsyslog over TCP on loopback, each with a configuration of its own."""

    name = "rsyslog"

    def prepare(self):
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        self.program = shutil.which("rsyslogd", path=path)
        if not self.program:
            install(["Scripts/prepare", "rsyslog"])
            self.program = shutil.which("rsyslogd", path=path)
        if not self.program:
            raise Unavailable("there is no rsyslogd")
        answer = subprocess.run([self.program, "-v"], capture_output=True, text=True, check=False)
        self.version = answer.stdout.split(" (")[0].replace("  ", " ").strip()

    def start(self, work, kind, **values):
        folder = work / f"rsyslog-{kind}"
        folder.mkdir()
        text = (PEERS / f"rsyslog/{kind}.conf").read_text()
        for name, value in {"WORK": folder, **values}.items():
            text = text.replace(f"@{name}@", str(value))
        (folder / "rsyslog.conf").write_text(text)
        return Program(
            [self.program, "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid"],
            folder / "log")

    def measure(self, work, log, lines):
        """Lines per CPU second of the sender, and of the receiver."""
        port, output = free_port(), work / "received.log"
        receiver = self.start(work, "receiver", PORT=port, OUTPUT=output)
        wait_for_port(port, receiver)
        at_start = receiver.cpu_seconds()
        sender = self.start(work, "sender", PORT=port, INPUT=log)
        done = settle(
            [sender, receiver], lambda: output.stat().st_size if output.exists() else 0)
        for program in (sender, receiver):
            program.stop()
        with open(output, "rb") as file:
            found = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
        if found < lines:
            raise BenchError(f"rsyslog wrote {found} lines of {lines}: {sender.log_tail()}")
        return lines / done.cpu_seconds[0], lines / (done.cpu_seconds[1] - at_start)


class PythonPeer:
    """A peer in process, as PyPI has it, in a Python of its own below .build."""

    python = PYTHON / "bin/python"

    def prepare(self):
        if not self.has_module():
            say(f"installing {self.module} below .build")
            PYTHON.parent.mkdir(parents=True, exist_ok=True)
            install([sys.executable, "-m", "venv", PYTHON])
            install([self.python, "-m", "pip", "install", "-q", self.module])
        if not self.has_module():
            raise Unavailable(f"{self.module} cannot be loaded")
        program = f"import {self.module} as module; print({self.versions})"
        answer = subprocess.run([self.python, "-c", program], capture_output=True, text=True,
                                check=False)
        self.version = f"{self.module} {answer.stdout.strip()}"

    def has_module(self):
        if not self.python.exists():
            return False
        command = [self.python, "-c", self.probe]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


class ClickHouse(PythonPeer):
    name = "ClickHouse"
    module = "chdb"
    probe = "from chdb import session"
    versions = "f'{module.__version__}, ClickHouse {module.engine_version}'"

    def measure(self, work, log, rows):
        """Rows per CPU second, less what starting takes, and bytes per row."""
        program = PEERS / "clickhouse/load.py"
        started = run([self.python, "-B", program, work / "empty"])
        loaded = run([self.python, "-B", program, work / "loaded", log])
        answer = json.loads(loaded.output.strip().splitlines()[-1])
        if answer["rows"] != rows:
            raise BenchError(f"ClickHouse holds {answer['rows']} rows of {rows}")
        return (rows / max(loaded.cpu_seconds - started.cpu_seconds, 0.001),
                answer["bytes"] / rows)


class DuckDB(PythonPeer):
    name = "DuckDB"
    module = "duckdb"
    probe = "import duckdb"
    versions = "module.__version__"

    def load(self, folder, log):
        """Keeps the events of `export --format ndjson` as a table."""
        self.database = folder / "duck.db"
        columns = ("{process: 'VARCHAR', seq: 'UBIGINT', kind: 'VARCHAR', name: 'VARCHAR', "
                   "text: 'VARCHAR', level: 'VARCHAR', time: 'TIMESTAMP'}")
        self.ask("CREATE TABLE events AS SELECT * FROM "
                 f"read_json('{log}', format = 'newline_delimited', columns = {columns})")

    def ask(self, statement):
        return run([self.python, "-B", PEERS / "duckdb/ask.py", self.database, statement])


class IGraph(PythonPeer):
    name = "igraph"
    module = "igraph"
    probe = "import igraph"
    versions = "module.__version__"
    program = PEERS / "igraph/past.py"

    def load(self, folder, graph):
        """Keeps the edges of `export --format json` as pairs of numbers."""
        self.edges = folder / "edges"
        run([self.python, "-B", self.program, "edges", graph, self.edges])

    def past(self, event):
        return run([self.python, "-B", self.program, "past", self.edges, event])


class Grep:
    """grep behind zstdcat, on texts alone."""

    name = "grep"

    def prepare(self):
        if not shutil.which("zstdcat"):
            install(["Scripts/prepare", "zstd"])
        programs = [["zstd", "--version"], ["grep", "--version"]]
        self.version = ", ".join(
            subprocess.run(program, capture_output=True, text=True, check=False)
            .stdout.split("\n")[0].strip("* ") for program in programs)

    def load(self, folder, texts):
        self.texts = folder / "text.zst"
        run(["zstd", "-q", "-f", texts, "-o", self.texts])

    def count(self, pattern):
        return run(["sh", "-c", 'zstdcat "$1" | grep -c -E "$2"', "sh", self.texts, pattern],
                   codes=(0, 1))


def install(command):
    """Runs an installation. Where it fails, so does the peer, and not the bench."""
    answer = subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip().splitlines() or ["it says nothing"]
        raise Unavailable(f"{pathlib.Path(command[0]).name} failed: {said[-1]}")


def wait_for_port(port, program):
    for _ in range(3000):
        program.stat()
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            program.process.wait(0.01)
        except subprocess.TimeoutExpired:
            pass
    raise BenchError(f"{program.name} does not listen: {program.log_tail()}")


def available(kinds, remarks):
    """Those of the peers that can be had; what is said of the others goes into the remarks."""
    found = {}
    for kind in kinds:
        peer = kind()
        try:
            peer.prepare()
        except Unavailable as reason:
            remarks.append(f"not available: {peer.name}: {reason}")
            say(remarks[-1])
        else:
            remarks.append(f"peer: {peer.version}")
            found[peer.name] = peer
    return found
