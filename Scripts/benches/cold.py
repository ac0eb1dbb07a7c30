"""What questions to an archive cost: a whole process each, its files in the page cache."""

import re
import subprocess

import peers
from archives import SEED, Archive, took
from lightcone import Binaries
from programs import BenchError, Unavailable, run, say
from report import Figure, Question

PROCESSES = 16
FEW_EVENTS = 100_000  # from which on growth is measured
PATTERN = "19425"
RARE = re.compile(rb"\b[0-9a-f]{8}\b")
NAMES = ("start", "order", "past", "cut", "future", "show", "path", "timeline", "view", "text",
         "word", "export", "executions", "processes", "gaps", "defects", "growth")


class Cold:
    def __init__(self, options, work, remarks):
        self.options = options
        self.work = work
        self.remarks = remarks
        self.events = options.events
        self.only = options.only or NAMES
        self.binaries = Binaries()
        wanted = {peers.IGraph: "past", peers.DuckDB: ("show", "text"), peers.Grep: "text"}
        self.peers = peers.available(
            [kind for kind, names in wanted.items() if any(name in names for name in self.only)],
            remarks)
        self.questions = {
            "start": Question("process start: lightcone --version"),
            "order": Question("order A B", 30, 40),
            "past": Question("past X --count", 30, 40),
            "igraph": Question("  igraph: subcomponent(X, mode=in), with loading"),
            "cut": Question("cut X", 30, 40),
            "future": Question("future X --count", 60, 48),
            "show": Question("show X", 60, 48),
            "duckdb-show": Question("  DuckDB: the row by process and number"),
            "path": Question("path A B, a few messages apart", 300, 96),
            "timeline": Question("timeline --limit 20", 100),
            "view": Question("view P --at X --limit 20", 100),
            "text": Question(f"timeline '{{ text =~ \"{PATTERN}\" }}'", None, 128, ratio_goal=1.5),
            "grep": Question(f"  zstdcat | grep -c -E {PATTERN}, bare texts"),
            "duckdb-text": Question(f"  DuckDB: count of text like %{PATTERN}%"),
            "word": Question("timeline '{ \"word\" }', a rare one", 500, 96),
            "export": Question("export --format ndjson", None, 128),
            "executions": Question("executions", 30),
            "processes": Question("processes", 30),
            "gaps": Question("gaps", 30),
            "defects": Question("defects", 30),
        }
        self.exported = Figure("export --format ndjson", "events/CPU s", goal=0.4e6)
        less = {"is_less_better": True}
        self.growth = Figure(
            f"order, {self.events:,} events to {FEW_EVENTS:,}", "times", goal=1.5, **less)
        self.order_of_few = Question("order")
        self.stored = (
            Figure("stored: parts", "bytes/event", goal=14, **less),
            Figure("stored: order files", "bytes/event", **less))

    def figures(self):
        questions = [
            question for question in self.questions.values()
            if question.wall.ours or question.missing]
        return questions + [
            figure for figure in (self.exported, self.growth, *self.stored) if figure.ours]

    def measure(self):
        self.make()
        for number in range(self.options.rounds):
            say(f"round {number + 1} of {self.options.rounds}")
            self.choose(number)
            for name in self.only:
                getattr(self, "do_" + name, self.do_question)(name)
        if self.order_of_few.wall.ours and self.questions["order"].wall.ours:
            self.growth.add(self.questions["order"].wall.median / self.order_of_few.wall.median)

    # MARK: - What is asked

    def make(self):
        say("making the input")
        log = self.work.path / "events.jsonl"
        self.binaries.generate(log, "jsonl-clocks", self.events, PROCESSES, SEED)
        self.archive = self.imported("archive", log, self.events)
        self.stored[0].add(self.archive.event_bytes)
        self.stored[1].add(self.archive.order_bytes)
        if "word" in self.only:
            self.choose_words(log)
        if "growth" in self.only:
            self.binaries.generate(log, "jsonl-clocks", FEW_EVENTS, PROCESSES, SEED)
            self.few = self.imported("few", log, FEW_EVENTS)
        log.unlink()
        self.load_peers()

    def imported(self, name, log, events):
        return Archive(self.binaries, self.work.folder(name), log, events, self.remarks)

    def choose_words(self, log):
        """A word for each round, from all over the log: a request's number, as good as unique."""
        size = log.stat().st_size
        self.words = []
        with open(log, "rb") as file:
            for number in range(self.options.rounds):
                file.seek(size * (number + 1) // (self.options.rounds + 1))
                file.readline()
                # A few hundred events, of which most name none.
                found = next(filter(None, (RARE.search(line) for line in file)), None)
                if found is None:
                    raise BenchError("the log has no rare words")
                self.words.append(found.group().decode())

    def load_peers(self):
        """From what the archive says itself, so that peers answer from the same rows."""
        loads = {"igraph": "json", "DuckDB": "ndjson", "grep": "ndjson"}
        output = self.work.path / "exported"
        for kind in sorted({loads[name] for name in self.peers}):
            say(f"exporting {kind} for {', '.join(n for n in self.peers if loads[n] == kind)}")
            with open(output, "wb") as file:
                done = self.archive.ask("export", "--format", kind, output=file)
            if kind == "json":
                self.remarks.append(took("export --format json, once", done))
            for name in [name for name in self.peers if loads[name] == kind]:
                rows = self.bare_texts(output) if name == "grep" else output
                try:
                    self.peers[name].load(self.work.path, rows)
                except (BenchError, Unavailable) as reason:
                    del self.peers[name]
                    self.remarks.append(f"not available: {name}: {reason}")
        output.unlink(missing_ok=True)

    def bare_texts(self, exported):
        texts = self.work.path / "texts"
        with open(exported, "rb") as lines, open(texts, "wb") as output:
            for line in lines:
                text = line.partition(b'"text":"')[2].partition(b'","')[0]
                output.write(text + b"\n")
        return texts

    def choose(self, number):
        """Other events each round, so that no block is the one that was read just before."""
        self.number = number
        share = (number + 1) / (self.options.rounds + 1)
        self.event, self.other = (self.archive.event(number + step, share) for step in (0, 1))
        self.process = self.event.rpartition(":")[0]
        process, last = next(
            item for item in self.archive.seen(self.event).items() if item[0] != self.process)
        # A few events before the last that it has seen: a few messages away.
        self.origin = f"{process}:{max(last - 40, 1)}"

    # MARK: - Questions

    def command(self, name):
        return {
            "order": ("order", self.event, self.other),
            "past": ("past", self.event, "--count"),
            "cut": ("cut", self.event),
            "future": ("future", self.event, "--count"),
            "show": ("show", self.event),
            "path": ("path", self.origin, self.event),
            "timeline": ("timeline", "--limit", 20),
            "view": ("view", self.process, "--at", self.event, "--limit", 20),
            "text": ("timeline", f'{{ text =~ "{PATTERN}" }}'),
        }.get(name, (name,))

    def do_question(self, name):
        done = self.archive.ask(*self.command(name))
        self.questions[name].add(done)
        return done

    def do_start(self, name):
        self.questions[name].add(run([self.binaries.lightcone, "--version"]))

    def do_past(self, name):
        found = self.do_question(name).output.split()[0]
        self.ask_peer("igraph", "igraph", found, lambda peer: peer.past(self.event))

    def do_show(self, name):
        self.do_question(name)
        process, _, sequence = self.event.rpartition(":")
        self.ask_peer("DuckDB", "duckdb-show", None, lambda peer: peer.ask(
            f"SELECT * FROM events WHERE process = '{process}' AND seq = {sequence}"))

    def do_text(self, name):
        done = self.do_question(name)
        found = str(len(done.output.splitlines()))
        self.ask_peer("DuckDB", "duckdb-text", found, lambda peer: peer.ask(
            f"SELECT count(*) FROM events WHERE text LIKE '%{PATTERN}%'"))
        grep = self.ask_peer("grep", "grep", found, lambda peer: peer.count(PATTERN))
        if grep:
            self.questions[name].wall.add_peer("grep", grep.seconds * 1e3)

    def ask_peer(self, name, line, expected, ask):
        if name not in self.peers:
            self.questions[line].missing = "not available"
            return None
        done = ask(self.peers[name])
        found = done.output.split()
        if expected is not None and found[:1] != [expected]:
            raise BenchError(f"{name} finds {found[:1]}, Lightcone {expected}")
        self.questions[line].add(done)
        return done

    def do_word(self, name):
        done = self.archive.ask("timeline", f'{{ "{self.words[self.number]}" }}')
        if not done.output:
            raise BenchError(f"no event has the word {self.words[self.number]}")
        self.questions[name].add(done)

    def do_export(self, name):
        done = self.archive.ask("export", "--format", "ndjson", output=subprocess.DEVNULL)
        self.questions[name].add(done)
        self.exported.add(self.events / done.cpu_seconds)

    def do_growth(self, _):
        share = (self.number + 1) / (self.options.rounds + 1)
        pair = [self.few.event(self.number + step, share) for step in (0, 1)]
        self.order_of_few.add(self.few.ask("order", *pair))
