"""What order, past and future cost where processes are many.

Services of ten talk among themselves, and with others in one of twenty messages.
"""

import statistics

from archives import SEED, Archive
from lightcone import Binaries
from programs import BenchError, run, say
from report import Figure, Question, spread

SERVICE_SIZE = 10
EACH_MICROSECONDS = 60
FEW_MILLISECONDS = {"past --count": 30, "future --count": 60}
MANY = 100
NAMES = ("16", "256", "1000", "10000")


class Scale:
    def __init__(self, options, work, remarks):
        self.options = options
        self.work = work
        self.remarks = remarks
        self.only = options.only or NAMES
        self.binaries = Binaries()
        self.start = Question("process start: lightcone --version")
        self.archives = {}
        self.questions = {
            (verb, count): Question(f"{verb}, {int(count):,} processes")
            for count in self.only for verb in ("order", "past --count", "future --count")}
        # Of how many processes the events are, round by round.
        self.concerned = {key: [] for key in self.questions}  # empty for order
        self.comparisons = []

    def figures(self):
        return [self.start, *self.questions.values(), *self.comparisons]

    def measure(self):
        for count in self.only:
            self.make(count)
        for number in range(self.options.rounds):
            say(f"round {number + 1} of {self.options.rounds}")
            self.start.add(run([self.binaries.lightcone, "--version"]))
            for count, archive in self.archives.items():
                self.ask(archive, count, number)
        self.compare()

    def make(self, count):
        log = self.work.path / "events.jsonl"
        # Causes, not clocks: 10,000 entries a line would be all there is to read.
        self.binaries.generate(
            log, "jsonl", self.options.events, count, SEED, service_size=SERVICE_SIZE)
        self.archives[count] = Archive(
            self.binaries, self.work.folder(count), log, self.options.events, self.remarks)
        log.unlink()

    def ask(self, archive, count, number):
        share = (number + 1) / (self.options.rounds + 1)
        event, other = (archive.event(number * 7 + step, share) for step in (0, 1))
        self.questions["order", count].add(archive.ask("order", event, other))
        for verb in ("past", "future"):
            done = archive.ask(verb, event, "--count")
            key = f"{verb} --count", count
            self.questions[key].add(done)
            events, processes = self.listed(archive, verb, event)
            if done.output.split()[0] != str(events):
                raise BenchError(f"{verb} {event}: {events} events listed, not {done.output}")
            self.concerned[key].append(processes)

    def listed(self, archive, verb, event):
        """How many events a question lists, and of how many processes."""
        output = self.work.path / "listed"
        with open(output, "wb") as file:
            # Not as JSON, where each event has its clock, of as many entries as processes.
            archive.ask(verb, event, output=file)
        events, processes = 0, set()
        with open(output, "rb") as lines:
            for events, line in enumerate(lines, 1):
                processes.add(line.partition(b"  ")[0].rpartition(b":")[0])
        return events, len(processes)

    def compare(self):
        first, *others = self.archives
        for count in others:
            figure = Figure(
                f"order, {int(count):,} processes to {first}", "times", goal=1.5,
                is_less_better=True)
            figure.add(self.questions["order", count].wall.median
                       / self.questions["order", first].wall.median)
            self.comparisons.append(figure)
        for (question, count), concerned in self.concerned.items():
            if concerned:
                self.compare_concerned(question, count, concerned)

    def compare_concerned(self, question, count, concerned):
        """The goal: what few processes may take, and 60 µs for each that is concerned."""
        wall, name = self.questions[question, count].wall, f"{question}, {int(count):,} processes"
        middle = statistics.median(concerned)
        wall.goal = round(FEW_MILLISECONDS[question] + EACH_MICROSECONDS * middle / 1e3, 1)
        self.remarks.append(f"{name}: events of {spread(concerned)} processes")
        # With few, what every question takes would be most of it.
        if middle >= MANY:
            figure = Figure(
                f"{name}, without process start, for each concerned", "µs",
                goal=EACH_MICROSECONDS, is_less_better=True)
            for milliseconds, processes in zip(wall.ours, concerned):
                figure.add((milliseconds - self.start.wall.median) * 1e3 / processes)
            self.comparisons.append(figure)
