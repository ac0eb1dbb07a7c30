"""Archives made from a seed, and questions to them: a whole process each."""

import json

from lightcone import Binaries
from programs import BenchError, bytes_of, run, say, segment_files

SEED = 1


class Archive:
    """An imported log, with the order file from which questions answer without a collector."""

    def __init__(self, binaries: Binaries, folder, log, events, remarks):
        self.binaries = binaries
        self.folder = folder
        self.events = events
        say(f"importing {events} events")
        imported = run(
            [binaries.lightcone, "import", "--into", folder, "--format", "jsonl", log])
        rebuilt = run([binaries.lightcone, "catalogue", "rebuild", "--data", folder])
        if segment_files(folder):
            raise BenchError(f"{folder}: not all of it is in parts")
        self.event_bytes = bytes_of(folder.rglob("*.lcpart")) / events
        self.order_bytes = bytes_of(folder.rglob("*.lcorder")) / events
        listed = map(json.loads, self.ask("processes", "--json").output.splitlines())
        self.processes = [(process["process"], process["last"]) for process in listed]
        remarks.append(
            f"{folder.name}: {events} events of {len(self.processes)} processes, "
            f"{log.stat().st_size / events:.0f} bytes each as JSON lines; bytes an event: "
            f"{self.event_bytes:.1f} in parts, "
            f"{self.order_bytes:.1f} in the order file; {took('import', imported)}; "
            f"{took('rebuild', rebuilt)}")

    def ask(self, *question, **more):
        # 1 says that nothing was found, as of gaps and defects.
        return run([self.binaries.lightcone, *question, "--source", self.folder], codes=(0, 1),
                   **more)

    def event(self, number, share):
        """An event of a process, after that share of what it did."""
        process, last = self.processes[number % len(self.processes)]
        return f"{process}:{max(int(last * share), 1)}"

    def seen(self, event):
        """How far an event had seen each process."""
        return json.loads(self.ask("cut", event, "--json").output)["cut"]


def took(name, done):
    return (f"{name} {done.seconds:.1f} s, {done.cpu_seconds:.1f} s of CPU, "
            f"{done.peak_bytes / 1e6:.0f} MB")
