"""Programs that are measured from outside: started, watched through /proc, and always stopped."""

import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
QUIET_SECONDS = 1.0  # without growth and without work: then a program has done what there was
IDLE_SHARE = 0.1  # of a processor: what a program at rest may take
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class BenchError(Exception):
    """What keeps a measurement from being one."""


class Unavailable(Exception):
    """Why a peer cannot be had on this machine."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(**more):
    """This environment without what would configure Lightcone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTCONE_")}
    return {**kept, **more}


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """A program that runs until it is stopped."""

    running = set()

    def __init__(self, arguments, log, **more):
        self.name = pathlib.Path(arguments[0]).name
        self.log = pathlib.Path(log)
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=more.pop("stdin", subprocess.DEVNULL),
                stdout=more.pop("stdout", output),
                stderr=output,
                env=environment(**more),
                preexec_fn=die_with_parent,
            )
        Program.running.add(self)

    def cpu_seconds(self):
        """User and system time of all its threads, also those that ended."""
        fields = self.stat()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stat(self):
        """The fields of /proc/PID/stat behind the name, which may hold spaces."""
        try:
            text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        except FileNotFoundError:
            text = ""
        if not text or text.rpartition(")")[2].split()[0] == "Z":
            raise BenchError(f"{self.name} ended:\n{self.log_tail()}")
        return text.rpartition(")")[2].split()

    def is_at_work(self):
        """Whether a thread runs, wants to run, or waits for a disk."""
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state in "RD":
                return True
        return False

    def peak_bytes(self):
        return self.memory("VmHWM")

    def resident_bytes(self):
        return self.memory("VmRSS")

    def memory(self, name):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise BenchError(f"{self.name}: no {name}")

    def thread_cpu_seconds(self, name):
        """User and system time of the threads that live and whose names begin so."""
        ticks = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                if (task / "comm").read_text().startswith(name):
                    fields = (task / "stat").read_text().rpartition(")")[2].split()
                    ticks += int(fields[11]) + int(fields[12])
            except (FileNotFoundError, ProcessLookupError):
                continue
        return ticks / TICKS

    def stop(self, seconds=60):
        """SIGTERM, and SIGKILL where that does not help."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                say(f"warning: {self.name} does not stop: killed")
                self.process.kill()
                self.process.wait()
        Program.running.discard(self)

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])

    def wait_for_log(self, pattern, seconds=30):
        """The first match of a pattern in what the program said."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.stat()
            found = pattern.search(self.log.read_text(errors="replace"))
            if found:
                return found
            time.sleep(0.01)
        raise BenchError(f"{self.name} does not say {pattern.pattern}:\n{self.log_tail()}")


class Finished:
    """What a program took that ran to its end."""

    def __init__(self, output, usage, seconds):
        self.output = output
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_bytes = usage.ru_maxrss * 1024
        self.seconds = seconds


def run(arguments, output=None, codes=(0,), **more):
    """Runs a program to its end, charged with itself and whatever it started.

    What it holds at its peak is never less than what we hold when it is started, by the kernel's
    account: a bench that measures small programs stays small.
    """
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as held:
        began = time.monotonic()
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=output or held,
            stderr=errors,
            env=environment(**more),
            preexec_fn=die_with_parent,
        )
        program = Ending(process)
        Program.running.add(program)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        Program.running.discard(program)
        seconds = time.monotonic() - began
        errors.seek(0)
        held.seek(0)
        said = errors.read().decode(errors="replace")
        if process.returncode not in codes:
            raise BenchError(f"{' '.join(map(str, arguments))}: {process.returncode}\n{said}")
        finished = Finished(held.read().decode(errors="replace"), usage, seconds)
        finished.errors = said
        return finished


class Ending:
    """A program that ends by itself, unless we end first."""

    def __init__(self, process):
        self.process = process

    def stop(self, seconds=0):
        if self.process.returncode is None:
            self.process.kill()


def stop_all():
    for program in list(Program.running):
        program.stop(seconds=2)


def segment_files(folder):
    return sorted(pathlib.Path(folder).rglob("*.lcseg"))


def part_files(folder):
    return sorted(pathlib.Path(folder).rglob("*.lcpart"))


def part_bytes(folder):
    return bytes_of(part_files(folder))


def segment_bytes(folder):
    return bytes_of(segment_files(folder))


def bytes_of(files):
    total = 0
    for path in files:
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # shipped and deleted meanwhile
            pass
    return total


class Settled:
    """When the last byte came, and what each program had taken when they were at rest."""

    def __init__(self, at, cpu_seconds):
        self.at = at
        self.cpu_seconds = cpu_seconds


def settle(watched, size, seconds=1800):
    """Waits until `size()` no longer grows and none of the watched programs is at work.

    A program that others starve on a busy machine is runnable, so it counts as at work.
    """
    deadline = time.monotonic() + seconds
    last, grew, began, cpu, looks, busy = 0, 0, 0, [], 0, 0
    while time.monotonic() < deadline:
        now = time.monotonic()
        current = size()
        if current != last or not cpu:
            last, grew, is_over = current, now, True
        else:
            is_over = now - began >= QUIET_SECONDS
        if is_over:
            used = [program.cpu_seconds() for program in watched]
            is_idle = cpu and all(b - a <= IDLE_SHARE * (now - began) for a, b in zip(cpu, used))
            if grew != now and current > 0 and is_idle and busy <= looks / 3:
                return Settled(grew, used)
            began, cpu, looks, busy = now, used, 0, 0
        looks += 1
        busy += any(program.is_at_work() for program in watched)
        time.sleep(0.02)
    raise BenchError(f"not done after {seconds} s: {[p.log_tail() for p in watched]}")


ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end(number, _):
    # Once is enough: what cleans up is not to be interrupted.
    ignore_signals()
    sys.exit(128 + number)


def ignore_signals():
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Workplace:
    """A folder that goes when we do, whatever happens, with all that was started."""

    def __init__(self):
        for number in ENDING_SIGNALS:
            signal.signal(number, end)

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="lightcone-bench-"))
        return self

    def folder(self, name):
        """An empty folder of that name."""
        path = self.path / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def __exit__(self, *_):
        ignore_signals()
        stop_all()
        shutil.rmtree(self.path, ignore_errors=True)
