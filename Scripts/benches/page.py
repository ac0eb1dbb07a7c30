"""What the page takes in a real Chromium: its bytes, the first picture, frames, windows, cones, memory.

Frames are drawn as fast as they can be, without waiting for a screen: so the time between two is
what one takes.
"""

import gzip
import pathlib
import sys
import time

from archives import SEED, Archive
from lightcone import Binaries, Collector
from programs import ROOT, BenchError, say
from report import Figure

sys.path.insert(0, str(ROOT / "Tests/PageTests"))

PROCESSES = {"16": 16, "256": 256}
NAMES = tuple(PROCESSES)
FRAMES = 300
CLICKS = 20
FREE = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
MEMORY = ("--enable-precise-memory-info", "--js-flags=--expose-gc")
DRAW = """
const [how, frames, done] = arguments;
const view = lightcone.view, taken = [];
let last = 0, step = 0;
function frame() {
  const now = performance.now();
  if (last) taken.push(now - last);
  last = now;
  if (step++ === frames) return done(taken);
  if (how === 'pan') view.axisView.pan(Math.sin(step / 25) * 30);
  else view.axisView.zoom(step % 150 < 75 ? 1.06 : 1 / 1.06, view.axisView.width * 0.6);
  view.moved();
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
"""
CLICK = """
const [id, done] = arguments;
const began = performance.now(), view = lightcone.view;
view.cone = null;
lightcone.select(id);
const look = () => view.cone?.event === id ? requestAnimationFrame(() => done(performance.now() - began)) : setTimeout(look, 1);
look();
"""


class Page:
    def __init__(self, options, work, remarks):
        self.options = options
        self.work = work
        self.remarks = remarks
        self.only = options.only or NAMES
        self.binaries = Binaries()
        self.bytes = Figure("the page's files, compressed", "kB", goal=120, is_less_better=True)
        self.parts = {name: Part(name, options.events) for name in self.only}

    def figures(self):
        found = [self.bytes] + [figure for part in self.parts.values() for figure in part.figures]
        return [figure for figure in found if figure.ours]

    def measure(self):
        files = (ROOT / "Sources/Page/files").iterdir()
        self.bytes.add(
            sum(len(gzip.compress(path.read_bytes())) for path in files if path.suffix != ".json")
            / 1e3
        )
        for name, part in self.parts.items():
            log = self.work.path / f"{name}.jsonl"
            say(f"making the input of {name} processes")
            self.binaries.generate(log, "jsonl", self.options.events, PROCESSES[name], SEED)
            archive = Archive(
                self.binaries,
                self.work.folder(f"archive-{name}"),
                log,
                self.options.events,
                self.remarks,
            )
            log.unlink()
            collector = Collector(self.binaries.lightcone, self.work.path, data=archive.folder)
            part.measure(
                collector.url,
                [archive.event(number, (number + 1) / (CLICKS + 2)) for number in range(CLICKS)],
                self.options.rounds,
                self.options.minutes,
                self.remarks,
            )
            collector.stop()


class Part:
    """An execution of so many processes."""

    def __init__(self, name, events):
        less = {"is_less_better": True}
        of = f"{events:,} events of {name} processes"
        self.first = Figure(f"first picture of {of}", "ms", goal=1000, **less)
        self.frame = Figure(f"frame, 95 of 100 within, {name} processes", "ms", goal=16, **less)
        self.worst = Figure(f"the longest frame, {name} processes", "ms", goal=50, **less)
        self.window = Figure(f"a window's answer, {name} processes", "kB", goal=300, **less)
        self.wait = Figure(f"the same, until it is here, {name} processes", "ms", goal=100, **less)
        self.cone = Figure(f"cones drawn after a click, {name} processes", "ms", goal=100, **less)
        self.memory = Figure(f"memory after use, {name} processes", "MB", goal=200, **less)
        self.growth = Figure(f"of it grown in the second half, {name} processes", "MB", **less)

    @property
    def figures(self):
        return (
            self.first,
            self.frame,
            self.worst,
            self.window,
            self.wait,
            self.cone,
            self.memory,
            self.growth,
        )

    def measure(self, url, events, rounds, minutes, remarks):
        try:
            from chromium import Browser
        except ImportError as error:
            raise BenchError(f"Chromium, its driver or selenium cannot be had: {error}") from None
        screen, free = Browser(1360, 860, *MEMORY), Browser(1360, 860, *FREE)
        try:
            for number in range(rounds):
                say(f"round {number + 1} of {rounds}")
                self.look(screen, url, events)
                self.move(free, url)
            self.use(screen, url, minutes, remarks)
        finally:
            screen.quit()
            free.quit()

    def look(self, browser, url, events):
        """The first picture, and cones of events, as fast as a screen shows them."""
        browser.open(url)
        self.first.add(browser.run("return performance.getEntriesByName('picture')[0].startTime"))
        for event in events:
            self.cone.add(browser.driver.execute_async_script(CLICK, event))
            browser.ready()

    def move(self, browser, url):
        browser.open(url)
        taken = []
        for how in ("pan", "zoom"):
            taken += browser.driver.execute_async_script(DRAW, how, FRAMES)
            browser.ready()
        taken.sort()
        self.frame.add(taken[len(taken) * 95 // 100])
        self.worst.add(taken[-1])
        windows = browser.run(
            "return performance.getEntriesByType('resource')"
            ".filter(one => one.name.includes('/v1/window'))"
            ".map(one => [one.encodedBodySize, one.duration])"
        )
        self.window.add(max(size for size, _ in windows) / 1e3)
        waits = sorted(duration for _, duration in windows)
        self.wait.add(waits[len(waits) // 2])

    def use(self, browser, url, minutes, remarks):
        """Looks around for a while, and how much memory that takes."""
        browser.open(url)
        kept, end = [], time.monotonic() + minutes * 60
        while time.monotonic() < end:
            for how in ("pan", "zoom"):
                browser.driver.execute_async_script(DRAW, how, FRAMES)
            browser.run("lightcone.selecting.selectFirst()")
            browser.ready()
            browser.run("lightcone.fit(); gc()")
            kept.append(renderer_bytes(browser.driver.service.process.pid) / 1e6)
        self.memory.add(max(kept))
        self.growth.add(kept[-1] - kept[len(kept) // 2])
        heap = browser.run("return performance.memory.usedJSHeapSize") / 1e6
        remarks.append(
            f"{len(kept)} times around: {kept[0]:.0f} MB at first, {kept[-1]:.0f} MB at "
            f"last, of which JavaScript's {heap:.0f} MB"
        )


def renderer_bytes(driver):
    """The private memory of the page's process, below the browser that the driver has started."""
    largest = 0
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or not descends(entry, driver):
            continue
        try:
            if b"--type=renderer" not in (entry / "cmdline").read_bytes():
                continue
            private = sum(
                int(line.split()[1]) * 1024
                for line in (entry / "smaps_rollup").read_text().splitlines()
                if line.startswith("Private_")
            )
            largest = max(largest, private)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return largest


def descends(entry, ancestor):
    pid = int(entry.name)
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        pid = int(stat.rpartition(")")[2].split()[1])
    return False
