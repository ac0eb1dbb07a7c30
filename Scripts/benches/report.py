"""Figures, their medians, goals and peers, as a table or as JSON."""

import json
import os
import pathlib
import platform
import resource
import shlex
import statistics
import subprocess
import sys


class Figure:
    """One line of the report, with what every round measured."""

    HEADER = ["figure", "peer", "Lightcone", "ratio", "goal", ""]

    def __init__(self, name, unit, goal=None, ratio_goal=None, is_less_better=False):
        self.name = name
        self.unit = unit
        self.goal = goal
        self.ratio_goal = ratio_goal
        self.is_less_better = is_less_better
        self.ours = []
        self.theirs = []
        self.peer = None
        self.missing = None

    def add(self, value):
        self.ours.append(value)

    def add_peer(self, peer, value):
        self.peer = peer
        self.theirs.append(value)

    @property
    def ratio(self):
        if not self.ours or not self.theirs:
            return None
        return statistics.median(self.ours) / statistics.median(self.theirs)

    @property
    def median(self):
        return statistics.median(self.ours) if self.ours else None

    @property
    def goals(self):
        """Each goal that there is, with what is held against it."""
        pairs = ((self.goal, self.median), (self.ratio_goal, self.ratio))
        return [(goal, value) for goal, value in pairs if goal is not None]

    @property
    def is_met(self):
        """None where there is no goal, or something is missing to hold it against."""
        verdicts, is_whole = [], True
        for goal, value in self.goals:
            if value is not None:
                verdicts.append(value <= goal if self.is_less_better else value >= goal)
            else:
                is_whole = False
        if not all(verdicts):
            return False
        return True if verdicts and is_whole else None

    def goal_text(self, unit=""):
        sign = "≤" if self.is_less_better else "≥"
        parts = [] if self.goal is None else [f"{sign} {goal_number(self.goal)} {unit}".rstrip()]
        if self.ratio_goal is not None:
            parts.append(f"{sign} {self.ratio_goal:g} × peer")
        return ", ".join(parts)

    def peer_text(self):
        if self.missing:
            return "not available"
        return f"{self.peer}: {spread(self.theirs)}" if self.theirs else ""

    def cells(self):
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return [f"{self.name}, {self.unit}", self.peer_text(), spread(self.ours), ratio,
                self.goal_text(), VERDICTS[self.is_met]]

    def object(self):
        return {
            "figure": self.name,
            "unit": self.unit,
            "lightcone": summary(self.ours),
            "peer": self.peer,
            "peerValue": summary(self.theirs),
            "peerMissing": self.missing,
            "ratio": self.ratio,
            "goal": self.goal,
            "ratioGoal": self.ratio_goal,
            "lessIsBetter": self.is_less_better,
            "met": self.is_met,
        }


class Question:
    """A line of a table of its own: what a question takes as a whole process."""

    HEADER = ["question, or a peer's answer", "wall, ms", "CPU, ms", "peak, MB", "goal",
              "of the goal", ""]

    def __init__(self, name, milliseconds=None, megabytes=None, ratio_goal=None):
        """The goals: for wall time, alone and as a ratio to a peer's, and for memory."""
        less = {"is_less_better": True}
        self.name = name
        self.wall = Figure("wall", "ms", goal=milliseconds, ratio_goal=ratio_goal, **less)
        self.cpu = Figure("CPU", "ms", **less)
        self.memory = Figure("peak memory", "MB", goal=megabytes, **less)
        self.missing = None

    @property
    def figures(self):
        return self.wall, self.cpu, self.memory

    def add(self, done):
        self.wall.add(done.seconds * 1e3)
        self.cpu.add(done.cpu_seconds * 1e3)
        self.memory.add(done.peak_bytes / 1e6)

    def cells(self):
        goals = [goal for figure in self.figures for goal in figure.goals]
        shares = ["–" if value is None else f"{value / goal:.2f}" for goal, value in goals]
        texts = [figure.goal_text(figure.unit) for figure in self.figures if figure.goals]
        met = [figure.is_met for figure in self.figures if figure.goals]
        verdict = False if False in met else None if None in met or not met else True
        return [self.name, self.missing or spread(self.wall.ours), spread(self.cpu.ours),
                spread(self.memory.ours), ", ".join(texts), ", ".join(shares), VERDICTS[verdict]]

    def object(self):
        return {
            "question": self.name,
            "missing": self.missing,
            "figures": [figure.object() for figure in self.figures],
        }


VERDICTS = {None: "", True: "met", False: "not met"}


def summary(values):
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "rounds": len(values)}


def number(value):
    if value >= 1_000_000:
        return f"{value / 1e6:.2f} M"
    if value >= 10_000:
        return f"{value / 1e3:.0f} k"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def goal_number(value):
    """Goals are round numbers: written as they are."""
    return number(value) if value >= 10_000 else f"{value:g}"


def spread(values):
    if not values:
        return ""
    if len(values) == 1:
        return number(values[0])
    middle = number(statistics.median(values))
    return f"{middle} ({number(min(values))}–{number(max(values))})"


def first_line(*command):
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (answer.stdout or answer.stderr).split("\n")[0]


def machine():
    model = next(
        (line.partition(":")[2].strip()
         for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.processor())
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "swift": first_line("swift", "--version"),
        "load": os.getloadavg()[0],
        "command": shlex.join(["Scripts/bench", *sys.argv[1:]]),
    }


def write(figures, remarks, is_json):
    about = machine()
    if is_json:
        for figure in figures:
            print(json.dumps(figure.object(), ensure_ascii=False))
        print(json.dumps({"machine": about, "remarks": remarks}, ensure_ascii=False))
        return
    for kind in (Question, Figure):
        rows = [figure.cells() for figure in figures if isinstance(figure, kind)]
        if not rows:
            continue
        rows.insert(0, kind.HEADER)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        print()
    print("medians (least–greatest); CPU seconds are user and system time of all threads")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"a peak is never less than what the bench held itself, at most {own:.1f} MB")
    for remark in remarks:
        print(remark)
    print(f"machine: {about['processor']}, {about['cores']} processors, Linux {about['kernel']}, "
          f"{about['swift']}; load at the end {about['load']:.1f}")
    print(f"command: {about['command']}")
