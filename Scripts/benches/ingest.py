"""What taking events in costs: agent, collector and import as whole programs, beside peers."""

import json
import time

import peers
from lightcone import (
    Agent, Binaries, Collector, enrol, expect_events, make_authority, merged_events,
    nobodys_address)
from programs import (
    BenchError, Unavailable, part_bytes, part_files, run, say, segment_bytes, settle)
from report import Figure

MB = 1e6
SEED = 20260101
NAMES = ("agent-text", "agent-jsonl", "collector", "import", "import-large", "clocks", "both",
         "tls", "merging", "deflate", "rsyslog", "clickhouse")
AHEAD_BYTES = 256 << 20  # of a log that grows: what the agent has not read yet


class Ingest:
    def __init__(self, options, work, remarks):
        self.options = options
        self.work = work
        self.remarks = remarks
        self.events = options.events
        self.only = options.only or NAMES
        self.binaries = Binaries()
        self.peers = peers.available(
            [kind for kind in (peers.Rsyslog, peers.ClickHouse)
             if kind.name.lower() in self.only], remarks)
        rate = "events/CPU s"
        self.sender = Figure("agent, plain lines", rate, goal=0.5e6, ratio_goal=2)
        self.agent_jsonl = Figure("agent, JSON lines with causes", rate, goal=0.4e6)
        self.receiver = Figure("collector, checked and durable", rate, goal=0.8e6)
        self.imported = Figure("import, JSON lines with causes", rate, goal=0.35e6)
        self.both = Figure("agent and collector, both durable", "events/s of wall", goal=0.35e6)
        self.secured = Figure(
            "agent and collector over TLS, the host enrolled", "CPU µs/event", ratio_goal=1.1,
            is_less_better=True)
        self.sustained = Figure(
            f"the same with merging, for {options.seconds} s", "events/s of wall", goal=0.25e6)
        self.merging = Figure("merging", "µs of CPU/event", goal=3, is_less_better=True)
        self.memory_merging = Figure("collector that merges, peak memory", "MB",
                                     is_less_better=True)
        self.memory = Figure("import, peak memory", "MB", goal=128, is_less_better=True)
        self.memory_large = Figure(
            "import of 3 × the events, peak memory", "MB", goal=128, is_less_better=True)
        self.stored_text = Figure("stored, plain lines", "bytes/event", is_less_better=True)
        self.stored = Figure("stored, JSON lines", "bytes/event", is_less_better=True)
        self.limit = {
            level: Figure(f"plain lines beside deflate {level}", rate) for level in (1, 6)}
        self.clocks = []

    def figures(self):
        return [figure for figure in (
            self.sender, self.agent_jsonl, self.receiver, self.imported, self.both,
            self.secured, self.sustained, self.merging, self.memory_merging, self.memory,
            self.memory_large, *self.clocks, self.stored_text, self.stored, *self.limit.values(),
        ) if figure.ours or figure.theirs]

    def measure(self):
        self.generate()
        for number in range(1, self.options.rounds + 1):
            say(f"round {number} of {self.options.rounds}")
            for name in self.only:
                step = getattr(self, "do_" + name.replace("-", "_"), None)
                if step:
                    began = time.monotonic()
                    step()
                    say(f"  {name}: {time.monotonic() - began:.0f} s")
        for name in self.only:
            step = getattr(self, "once_" + name.replace("-", "_"), None)
            if step:
                say(name)
                step()

    def generate(self):
        self.text = self.work.path / "app.log"
        self.jsonl = self.work.path / "events.jsonl"
        say("making the input")
        stats = json.loads(self.binaries.generate(self.text, "text", self.events, 16, SEED))
        stats_jsonl = json.loads(self.binaries.generate(self.jsonl, "jsonl", self.events, 16, SEED))
        for name, made in (("plain lines", stats), ("JSON lines", stats_jsonl)):
            self.remarks.append(
                f"input: {made['events']} {name}, {made['bytes'] / made['events']:.0f} bytes each, "
                f"of which {made['drawnBytesPerEvent']} could not be foretold")

    def agent(self, kind, log, figure):
        """An agent that reaches no collector; returns its folder."""
        folder = self.work.folder("agent")
        agent = Agent(
            self.binaries.lightcone, folder, nobodys_address(), [f"{kind}:{log}"])
        done = settle([agent], lambda: segment_bytes(agent.data))
        agent.stop()
        expect_events(self.binaries.lightcone, agent.data, self.events)
        figure.add(self.events / done.cpu_seconds[0])
        return folder

    def do_agent_text(self):
        folder = self.agent("text", self.text, self.sender)
        self.stored_text.add(segment_bytes(folder / "data") / self.events)

    def do_agent_jsonl(self):
        self.spool = self.agent("jsonl", self.jsonl, self.agent_jsonl)

    def do_collector(self):
        """Takes what the agent before has kept."""
        if "agent-jsonl" not in self.only:
            self.spool = self.agent("jsonl", self.jsonl, self.agent_jsonl)
        collector = Collector(self.binaries.lightcone, self.work.folder("collector"))
        at_start = collector.cpu_seconds()
        agent = Agent(self.binaries.lightcone, self.spool, collector.url)
        done = settle([agent, collector], lambda: segment_bytes(collector.data))
        agent.stop()
        collector.stop()
        expect_events(self.binaries.lightcone, collector.data, self.events)
        self.receiver.add(self.events / (done.cpu_seconds[1] - at_start))

    def do_import(self):
        folder = self.work.folder("import")
        done = self.import_log(self.jsonl, folder, self.events)
        self.imported.add(self.events / done.cpu_seconds)
        self.memory.add(done.peak_bytes / MB)
        self.stored.add(part_bytes(folder) / self.events)

    def import_log(self, log, folder, events):
        done = run([self.binaries.lightcone, "import", "--into", folder, "--format", "jsonl",
                    "--json", log])
        found = json.loads(done.output)["executions"][0]["events"]
        if found != events:
            raise BenchError(f"import: {found} events of {events}")
        return done

    def once_import_large(self):
        log, events = self.work.path / "large.jsonl", 3 * self.events
        self.binaries.generate(log, "jsonl", events, 16, SEED)
        done = self.import_log(log, self.work.folder("import"), events)
        self.memory_large.add(done.peak_bytes / MB)
        log.unlink()

    def once_clocks(self):
        # Lines with 256 entries are ten times as long, so there are fewer.
        for processes, events in ((16, self.events), (256, max(self.events // 10, 1))):
            log = self.work.path / "clocks.jsonl"
            made = json.loads(
                self.binaries.generate(log, "jsonl-clocks", events, processes, SEED))
            folder = self.work.folder("import")
            self.import_log(log, folder, events)
            grown = made["grownEntries"] / events
            goal = 14 if processes == 16 else 13 + 1.5 * grown
            figure = Figure(
                f"stored, clocks of {processes} processes", "bytes/event", goal=round(goal, 1),
                is_less_better=True)
            figure.add(part_bytes(folder) / events)
            self.clocks.append(figure)
            self.remarks.append(
                f"input: {events} lines with clocks of {processes} processes: {grown:.2f} entries "
                f"grew an event; {made['drawnBytesPerEvent']} bytes each could not be foretold")
            log.unlink()

    def do_both(self):
        folder = self.work.folder("both")
        collector = Collector(self.binaries.lightcone, folder)
        began = time.monotonic()
        agent = Agent(self.binaries.lightcone, folder, collector.url, [f"text:{self.text}"])
        done = settle([agent, collector], lambda: segment_bytes(collector.data))
        agent.stop()
        collector.stop()
        expect_events(self.binaries.lightcone, collector.data, self.events)
        self.both.add(self.events / (done.at - began))

    def do_tls(self):
        """The same twice: with and without TLS, an enrolled host and its certificate."""
        for is_secure in (False, True):
            folder = self.work.folder("tls")
            if is_secure:
                make_authority(self.binaries.lightcone, folder / "collected")
            collector = Collector(self.binaries.lightcone, folder)
            if is_secure:
                enrol(self.binaries.lightcone, collector, folder)
            agent = Agent(self.binaries.lightcone, folder, collector.url, [f"text:{self.text}"])
            done = settle([agent, collector], lambda: segment_bytes(collector.data))
            agent.stop()
            collector.stop()
            expect_events(self.binaries.lightcone, collector.data, self.events)
            cost = sum(done.cpu_seconds) * 1e6 / self.events
            if is_secure:
                self.secured.add(cost)
            else:
                self.secured.add_peer("plain HTTP", cost)

    def once_merging(self):
        """An agent that has always more to read, and a collector that merges what it gets."""
        folder = self.work.folder("merging")
        log = folder / "app.log"
        collector = Collector(self.binaries.lightcone, folder, "--merge-seconds", 1)
        text = self.text.read_bytes()
        began = time.monotonic()
        with open(log, "ab", buffering=0) as output:
            output.write(text)
            agent = Agent(self.binaries.lightcone, folder, collector.url, [f"text:{log}"])
            while time.monotonic() - began < self.options.seconds:
                if log.stat().st_size - collector.event_count() / self.events * len(text) \
                        < AHEAD_BYTES:
                    output.write(text)
                time.sleep(0.2)
        taken, seconds = collector.event_count(), time.monotonic() - began
        self.sustained.add(taken / seconds)
        agent.stop()
        # Whatever is sealed becomes parts, and parts become larger ones.
        settle([collector], lambda: part_bytes(collector.data))
        merged = merged_events(self.binaries.lightcone, collector.data)
        if not merged:
            raise BenchError("nothing was merged")
        cpu = collector.thread_cpu_seconds("merging")
        self.merging.add(cpu * 1e6 / merged)
        self.memory_merging.add(collector.peak_bytes() / MB)
        share = 100 * cpu / collector.cpu_seconds()
        self.remarks.append(
            f"with merging: {taken} events in {seconds:.0f} s, {merged} of them merged at the end "
            f"into {len(part_files(collector.data))} parts; merging took {share:.0f} % of the "
            f"collector's CPU, all of it {collector.cpu_seconds() * 1e6 / taken:.2f} µs an event")
        collector.stop()

    def do_deflate(self):
        for level, figure in self.limit.items():
            answer = json.loads(run([self.binaries.bench, "deflate", level, self.text]).output)
            figure.add_peer(f"deflate {level}", self.events / answer["cpuSeconds"])
            figure.ours = self.sender.ours
            if level == 6:
                self.stored_text.add_peer(
                    "deflate 6", answer["storedBytes"] / self.events)

    def do_rsyslog(self):
        self.ask_peer("rsyslog", self.text, self.sender, self.receiver,
                      "rsyslog's sender", "rsyslog's receiver")

    def do_clickhouse(self):
        self.ask_peer("ClickHouse", self.jsonl, self.imported, self.stored,
                      "ClickHouse", "ClickHouse")

    def ask_peer(self, peer, log, first, second, first_name, second_name):
        if peer not in self.peers:
            first.missing = second.missing = f"no {peer}"
            return
        try:
            answers = self.peers[peer].measure(self.work.folder("peer"), log, self.events)
        except (BenchError, Unavailable) as reason:
            # A peer that fails once is not asked again.
            del self.peers[peer]
            self.remarks.append(f"not available: {peer}: {reason}")
            return
        first.add_peer(first_name, answers[0])
        second.add_peer(second_name, answers[1])
