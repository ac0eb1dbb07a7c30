"""What a collector takes to answer over HTTP: at rest, and while 50 agents upload.

Each question goes over one kept connection. While agents upload, three readers take an export of
everything at 1 kB/s.
"""

import socket
import statistics
import threading
import time

from archives import SEED, Archive
from lightcone import Agent, Binaries, Collector
from programs import BenchError, say
from report import Figure

MB = 1e6
PROCESSES = 16
QUESTIONS = 2_000  # of one round
PAIRS = 100
AGENTS = 50
LINES_A_TURN = 20  # of each agent, each 100 ms
TURN_SECONDS = 0.1
READERS = 3
READER_BYTES = 1_000  # a second
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.02  # between two questions while agents upload
NAMES = ("quiet", "busy")


class Serve:
    def __init__(self, options, work, remarks):
        self.options = options
        self.work = work
        self.remarks = remarks
        self.only = options.only or NAMES
        self.binaries = Binaries()
        less = {"is_less_better": True}
        self.quiet = Figure("order, warm", "ms", goal=0.3, **less)
        self.quiet_worst = Figure("order, warm, 99 of 100 within", "ms", **less)
        self.resident = Figure("resident after that", "MB", goal=200, **less)
        self.busy = Figure("order while 50 agents upload", "ms", **less)
        self.busy_worst = Figure("the same, 99 of 100 within", "ms", goal=50, **less)
        self.resident_busy = Figure("resident after that, with uploads", "MB", goal=200, **less)
        self.uploaded = Figure("uploaded meanwhile", "events/s", **{})

    def figures(self):
        return [figure for figure in (
            self.quiet, self.quiet_worst, self.resident, self.busy, self.busy_worst,
            self.resident_busy, self.uploaded) if figure.ours]

    def measure(self):
        log = self.work.path / "events.jsonl"
        say("making the input")
        self.binaries.generate(log, "jsonl-clocks", self.options.events, PROCESSES, SEED)
        self.archive = Archive(
            self.binaries, self.work.folder("archive"), log, self.options.events, self.remarks)
        log.unlink()
        self.paths = [
            "/v1/order?a={}&b={}".format(
                self.archive.event(number * 7, (number + 1) / (PAIRS + 1)),
                self.archive.event(number * 7 + 1, (number + 1) / (PAIRS + 1)))
            for number in range(PAIRS)]
        if "quiet" in self.only:
            self.rest()
        if "busy" in self.only:
            self.upload()

    def collector(self):
        return Collector(
            self.binaries.lightcone, self.work.path, data=self.archive.folder)

    def rest(self):
        collector = self.collector()
        asker = Asker(collector.url)
        for path in self.paths:
            asker.ask(path)
        for number in range(self.options.rounds):
            say(f"round {number + 1} of {self.options.rounds}")
            taken = [asker.ask(self.paths[step % PAIRS]) for step in range(QUESTIONS)]
            self.quiet.add(statistics.median(taken) * 1e3)
            self.quiet_worst.add(within(taken, 99) * 1e3)
        self.resident.add(collector.resident_bytes() / MB)
        collector.stop()

    def upload(self):
        say(f"{AGENTS} agents, {READERS} slow readers, {self.options.seconds} s")
        collector = self.collector()
        asker = Asker(collector.url)
        for path in self.paths:
            asker.ask(path)
        before = collector.event_count()
        crowd = Crowd(self.binaries, self.work, collector)
        readers = Readers(collector.url)
        began, taken, step = time.monotonic(), [], 0
        try:
            while time.monotonic() - began < self.options.seconds:
                taken.append(asker.ask(self.paths[step % PAIRS]))
                step += 1
                time.sleep(PAUSE_SECONDS)
            seconds = time.monotonic() - began
            self.busy.add(statistics.median(taken) * 1e3)
            self.busy_worst.add(within(taken, 99) * 1e3)
            self.resident_busy.add(collector.resident_bytes() / MB)
            self.uploaded.add((collector.event_count() - before) / seconds)
            self.remarks.append(
                f"busy: {len(taken)} questions, the slowest {max(taken) * 1e3:.0f} ms; the readers "
                f"got {readers.bytes} bytes in {seconds:.0f} s; the agents took "
                f"{crowd.cpu_seconds() / seconds:.2f} processors, the collector "
                f"{collector.cpu_seconds() / seconds:.2f}")
        finally:
            readers.stop()
            crowd.stop()
        collector.stop()


def within(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


def connect(url):
    connection = socket.create_connection(
        ("127.0.0.1", int(url.rpartition(":")[2])), timeout=PATIENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Asker:
    """One connection, which is kept; by hand, since a library would take longer than an answer."""

    def __init__(self, url):
        self.connection = connect(url)

    def ask(self, path):
        """Seconds until the whole answer is here."""
        began = time.perf_counter()
        self.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        answer = b""
        while not self.is_whole(answer):
            try:
                more = self.connection.recv(1 << 16)
            except TimeoutError:
                raise BenchError(f"{path}: no answer in {PATIENCE_SECONDS} s") from None
            if not more:
                raise BenchError(f"{path}: the connection was closed: {answer!r}")
            answer += more
        taken = time.perf_counter() - began
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise BenchError(f"{path}: {answer.decode(errors='replace')}")
        return taken

    @staticmethod
    def is_whole(answer):
        head, end, body = answer.partition(b"\r\n\r\n")
        if not end:
            return False
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return len(body) >= int(line.partition(b":")[2])
        return body.endswith(b"0\r\n\r\n")


class Readers:
    """Readers of an export of everything, a little each second."""

    def __init__(self, url):
        self.bytes = 0
        self.connections = []
        for _ in range(READERS):
            connection = connect(url)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"GET /v1/export?format=ndjson HTTP/1.1\r\nHost: bench\r\n\r\n")
            connection.setblocking(False)
            self.connections.append(connection)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.stopped.wait(1):
            for connection in self.connections:
                try:
                    self.bytes += len(connection.recv(READER_BYTES))
                except OSError:
                    continue

    def stop(self):
        self.stopped.set()
        self.thread.join()
        for connection in self.connections:
            connection.close()


class Crowd:
    """Agents on as many hosts, each of which follows a log that grows."""

    def __init__(self, binaries, work, collector):
        self.agents, self.logs = [], []
        lines = work.path / "lines.log"
        binaries.generate(lines, "text", 20_000, PROCESSES, SEED)
        self.lines = lines.read_bytes().splitlines(keepends=True)
        for number in range(AGENTS):
            folder = work.folder(f"agent-{number}")
            log = folder / "app.log"
            log.touch()
            self.logs.append(open(log, "ab", buffering=0))
            self.agents.append(Agent(
                binaries.lightcone, folder, collector.url, [f"text:{log}"],
                host=f"host-{number}"))
        for agent in self.agents:
            agent.wait_for_socket()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def write(self):
        turn = 0
        while not self.stopped.wait(TURN_SECONDS):
            start = turn * LINES_A_TURN % (len(self.lines) - LINES_A_TURN)
            text = b"".join(self.lines[start:start + LINES_A_TURN])
            for log in self.logs:
                log.write(text)
            turn += 1

    def cpu_seconds(self):
        return sum(agent.cpu_seconds() for agent in self.agents)

    def stop(self):
        self.stopped.set()
        self.thread.join()
        for agent in self.agents:
            agent.stop(seconds=20)
        for log in self.logs:
            log.close()
