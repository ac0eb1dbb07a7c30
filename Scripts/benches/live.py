"""What living with Lightcone costs: a few events at a time, over the ways that programs use."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from lightcone import Agent, Binaries, Collector, expect_events, nobodys_address
from programs import BenchError, Program, bytes_of, part_bytes, run, say, segment_bytes, settle
from report import Figure

MB = 1e6
SEED = 20260101
NAMES = ("paced-100", "paced-10", "local-100", "local-1", "journals", "quiet")
QUIET_JOURNALS = 300
QUIET_SECONDS = 20
SPOOL_IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Live:
    def __init__(self, options, work, remarks):
        self.options = options
        self.work = work
        self.remarks = remarks
        self.only = options.only or NAMES
        self.binaries = Binaries()
        self.spools = []
        less = {"is_less_better": True}
        self.paced = {
            processes: (
                Figure(f"stored, {processes} processes, 4 events in 100 ms", "bytes/event",
                       goal=goal, **less),
                Figure(f"catalogue, {processes} processes", "bytes/event", goal=1, **less),
            ) for processes, goal in ((100, 45), (10, 110))}
        self.merged = {
            100: (Figure("merged, 100 processes", "bytes/event", goal=20, **less),
                  Figure("of it order file, 100 processes", "bytes/event", **less)),
            10: (Figure("merged, 10 processes", "bytes/event", **less),
                 Figure("of it order file, 10 processes", "bytes/event", **less))}
        self.batches = Figure(
            "local interface, 100 lines a request", "events/CPU s", goal=60_000)
        self.singles = Figure(
            "local interface, one line a request", "requests/CPU s", goal=10_000)
        self.journals = Figure("journals to frames", "events/CPU s", goal=1e6)
        self.quiet = (
            Figure(f"{QUIET_JOURNALS} quiet journals, processor", "%", goal=1, **less),
            Figure(f"{QUIET_JOURNALS} quiet journals, peak memory", "MB", goal=40, **less))

    def figures(self):
        all_figures = [
            figure for pairs in (self.paced, self.merged)
            for pair in pairs.values() for figure in pair]
        all_figures += [self.batches, self.singles, self.journals, *self.quiet]
        return [figure for figure in all_figures if figure.ours]

    def measure(self):
        try:
            if "paced-100" in self.only:
                self.live(100)
            if "paced-10" in self.only:
                self.live(10)
            for number in range(1, self.options.rounds + 1):
                say(f"round {number} of {self.options.rounds}")
                if "local-100" in self.only:
                    self.local(100, self.batches, "events")
                if "local-1" in self.only:
                    self.local(1, self.singles, "requests")
                if "journals" in self.only:
                    self.drain()
            if "quiet" in self.only:
                self.rest()
        finally:
            for spool in list(self.spools):
                self.remove_spool(spool)

    def make_spool(self):
        """In memory, where a spool belongs; what of it is kept on disk goes with it."""
        spool = pathlib.Path(tempfile.mkdtemp(
            prefix="lightcone-bench-", dir=SPOOL_IN_MEMORY or self.work.path))
        self.spools.append(spool)
        return spool

    def remove_spool(self, spool):
        for program in list(Program.running):
            program.stop(seconds=10)
        # By itself, not as a program of ours: this runs also when we were asked to stop.
        command = [self.binaries.bench, "journals", "--spool", spool, "--remove"]
        subprocess.run(command, check=False)
        shutil.rmtree(spool, ignore_errors=True)
        self.spools.remove(spool)

    def load(self, agent, processes, lines, interval, seconds):
        done = run([self.binaries.bench, "live", "--socket", agent.socket,
                    "--processes", processes, "--events-per-commit", lines,
                    "--interval-ms", interval, "--seconds", seconds, "--seed", SEED])
        return json.loads(done.output)

    def live(self, processes):
        """An agent and a collector while processes do a little all the time."""
        seconds = self.options.seconds * (1 if processes == 100 else 2)
        say(f"{processes} processes for {seconds} s")
        folder = self.work.folder("live")
        collector = Collector(self.binaries.lightcone, folder)
        collector.stop()
        empty = collector.catalogue_bytes()
        collector = Collector(self.binaries.lightcone, folder)
        spool = self.make_spool()
        agent = Agent(self.binaries.lightcone, folder, collector.url, spool=spool)
        agent.wait_for_socket()
        made = self.load(agent, processes, 4, 100, seconds)
        settle([agent, collector], lambda: segment_bytes(collector.data))
        agent.stop()
        collector.stop()
        expect_events(self.binaries.lightcone, collector.data, made["events"])
        stored, catalogued = self.paced[processes]
        stored.add(segment_bytes(collector.data) / made["events"])
        catalogued.add((collector.catalogue_bytes() - empty) / made["events"])
        self.merge(collector.data, processes, made["events"])
        share = 100 * made["messages"] / made["events"]
        self.remarks.append(
            f"{processes} processes: {made['events']} events, {share:.0f} % messages, in "
            f"{seconds} s; {made['lateTurns']} of {seconds * 10} turns were late")
        self.remove_spool(spool)

    def merge(self, data, processes, events):
        """Merges all that is sealed, and writes down what follows."""
        nothing = self.work.path / "nothing.jsonl"
        nothing.touch()
        # 1 says that the log had no events.
        run([self.binaries.lightcone, "import", "--into", data, "--format", "jsonl",
             nothing], codes=(0, 1))
        run([self.binaries.lightcone, "catalogue", "rebuild", "--data", data])
        order = bytes_of(data.rglob("*.lcorder")) / events
        whole, of_order = self.merged[processes]
        whole.add((segment_bytes(data) + part_bytes(data)) / events + order)
        of_order.add(order)

    def local(self, lines, figure, unit):
        """The local interface as fast as it answers, until all is durable."""
        folder, spool = self.work.folder("local"), self.make_spool()
        agent = Agent(self.binaries.lightcone, folder, nobodys_address(), spool=spool)
        agent.wait_for_socket()
        at_start = agent.cpu_seconds()
        made = self.load(agent, 10, lines, 0, max(self.options.seconds // 6, 2))
        done = settle([agent], lambda: segment_bytes(agent.data))
        agent.stop()
        expect_events(self.binaries.lightcone, agent.data, made["events"])
        figure.add(made[unit] / (done.cpu_seconds[0] - at_start))
        self.remove_spool(spool)

    def drain(self):
        """What programs left in their journals while there was no agent."""
        folder, spool = self.work.folder("journals"), self.make_spool()
        events = self.options.events * 2
        made = json.loads(run(
            [self.binaries.bench, "journals", "--spool", spool, "--events", events,
             "--processes", 16, "--seed", SEED], LIGHTCONE_HOST="bench").output)
        if made["lost"]:
            raise BenchError(f"the journals could not hold {made['lost']} of {events} events")
        agent = Agent(self.binaries.lightcone, folder, nobodys_address(), spool=spool)
        done = settle([agent], lambda: segment_bytes(agent.data))
        agent.stop()
        expect_events(self.binaries.lightcone, agent.data, events)
        self.journals.add(events / done.cpu_seconds[0])
        self.remove_spool(spool)

    def rest(self):
        """Programs that live and say nothing."""
        say(f"{QUIET_JOURNALS} quiet journals")
        folder, spool = self.work.folder("quiet"), self.make_spool()
        collector = Collector(self.binaries.lightcone, folder)
        agent = Agent(self.binaries.lightcone, folder, collector.url, spool=spool)
        agent.wait_for_socket()
        crowd = Program(
            # Enough for each of them to have said something.
            [self.binaries.bench, "journals", "--spool", spool, "--events", 20 * QUIET_JOURNALS,
             "--processes", QUIET_JOURNALS, "--hold"],
            folder / "crowd.log", stdin=subprocess.PIPE)
        settle([agent, collector, crowd], lambda: segment_bytes(collector.data))
        at_start, began = agent.cpu_seconds(), time.monotonic()
        time.sleep(QUIET_SECONDS)
        used, seconds = agent.cpu_seconds() - at_start, time.monotonic() - began
        self.quiet[0].add(100 * used / seconds)
        self.quiet[1].add(agent.peak_bytes() / MB)
        for program in (crowd, agent, collector):
            program.stop()
        self.remove_spool(spool)
