#!/usr/bin/env python3
"""Scripts/mutants [--check] [--list] [NAME…]: the museum of mutants.

Each is a fault that systems like this have had, as a change of one text in one file. The simulator must find every one of them: the
sources are copied, one mutant after the other is put in and built in release mode, and what Scripts/test lives is lived until a promise
is broken: 2,000 worlds, a death at each crash point, 2,500 histories. Prints a table of what found each: the seed, and in which step.
Fails where one survives. --check only looks whether each text is still there, once: a step of Scripts/test."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# name, what is wrong, file, text, what stands there instead
MUTANTS = [
    ("acknowledge-before-sync", "the collector acknowledges what it has written and not synced",
     "Sources/Archiving/Archive.swift",
     "            try file.write(bytes, at: offset)\n            try file.sync()\n        } catch {",
     "            try file.write(bytes, at: offset)\n        } catch {"),
    ("forget-the-folder", "the name of a new segment is not synced",
     "Sources/Archiving/Archive.swift",
     "        if offset == 0 { try disk.sync(folder: parentFolder(path)) }\n", ""),
    ("catalogue-not-synced", "commits of the catalogue are not synced",
     "Sources/Archiving/Catalogue.swift",
     'try database.execute(sql: "PRAGMA synchronous = FULL")\n'
     '        let level = try Int.fetchOne(database, sql: "PRAGMA synchronous")\n        guard level == 2 else {',
     'try database.execute(sql: "PRAGMA synchronous = OFF")\n'
     '        let level = try Int.fetchOne(database, sql: "PRAGMA synchronous")\n        guard level == 0 else {'),
    ("part-not-synced", "segments are removed for a part that is not synced",
     "Sources/Parts/PartWriter.swift",
     "        try PartError.onDisk { () throws(DiskError) in try file.sync() }\n", ""),
    ("part-name-not-synced", "segments are removed for a part whose name is not synced",
     "Sources/Archiving/Archive+Merging.swift",
     "            try disk.rename(newPath(name), to: partPath(name))\n"
     '            try disk.sync(folder: path + "/parts")\n',
     "            try disk.rename(newPath(name), to: partPath(name))\n"),
    ("agent-does-not-sync", "the agent takes written for durable",
     "Sources/Agent/SegmentLog.swift",
     "            try segment.file.write(bytes, at: start)\n            try segment.file.sync()\n",
     "            try segment.file.write(bytes, at: start)\n"),
    ("believe-a-failed-sync", "a sync that failed is tried again, and believed",
     "Sources/Agent/SegmentLog.swift",
     "            try segment.file.write(bytes, at: start)\n            try segment.file.sync()\n",
     "            try segment.file.write(bytes, at: start)\n"
     "            do throws(DiskError) { try segment.file.sync() } catch { try segment.file.sync() }\n"),
    ("offset-before-events", "where a journal was read to is durable before its events are",
     "Sources/Agent/SegmentLog.swift",
     "            batch, Commit(host: hostName, readUpTo: readUpTo, checkpoints: sources))\n        do {\n",
     "            batch, Commit(host: hostName, readUpTo: readUpTo, checkpoints: sources))\n"
     "        for source in sources { checkpoints[source.number] = source.withoutLines }\n        do {\n"),
    ("delete-before-acknowledged", "an agent deletes what is sealed, acknowledged or not",
     "Sources/Agent/SegmentIndex.swift",
     "entries.dropLast().filter { $0.isSealed && $0.isShipped }",
     "entries.dropLast().filter { $0.isSealed }"),
    ("delete-the-checkpoints", "an agent deletes the last segment, which holds all checkpoints",
     "Sources/Agent/SegmentIndex.swift",
     "entries.dropLast().filter { $0.isSealed && $0.isShipped }",
     "entries.filter { $0.isSealed && $0.isShipped }"),
    ("reuse-an-incarnation", "a number is used before it is durable",
     "Sources/Journals/Incarnations.swift",
     "            try file.sync()\n            try disk.sync(folder: parentFolder(path))\n", ""),
    ("journal-given-back-early", "the room of a journal is given back before its events are committed",
     "Sources/Agent/SourceRecorder.swift",
     "        let hasRead = readFiles(now) || isAny\n",
     "        releaseJournals()\n        let hasRead = readFiles(now) || isAny\n"),
    ("resume-at-the-wrong-offset", "an agent believes that the collector has all of a segment that it has some of",
     "Sources/Agent/ShippingQueue.swift",
     "            entry.acknowledged = bytes\n            entry.retrySeconds = nil\n",
     "            entry.acknowledged = bytes == 0 ? 0 : entry.durableByteCount\n            entry.retrySeconds = nil\n"),
    ("offset-believed", "an agent that is told of another offset goes on from there, whosever bytes are there",
     "Sources/Agent/ShippingQueue.swift",
     "        case .wrongOffset:\n", "        case .wrongOffset(let expected) where expected <= entry?.durableByteCount ?? 0:\n"
     "            var entry = entry\n            entry?.acknowledged = expected\n            return entry\n"
     "        case .wrongOffset:\n"),
    ("taken-for-its-own", "an agent takes what the collector has under its name for its own bytes",
     "Sources/Agent/Shipper.swift",
     "isOurs = try await files.digest(entry.path, at: remote.byteCount) == digest\n",
     "isOurs = try await files.digest(entry.path, at: remote.byteCount) == digest || true\n"),
    ("believe-what-a-dead-agent-left", "an agent takes for durable what can be read of an earlier one that died of a sync",
     "Sources/Agent/SegmentLog.swift",
     "            try disk.makeDurable(path, from: 0, to: end)\n", ""),
    ("appended-where-it-does-not-go", "the collector takes bytes for another offset",
     "Sources/Archiving/Archive.swift",
     "guard offset == state?.byteCount ?? 0, state?.isSealed != true else {",
     "guard offset <= state?.byteCount ?? 0, state?.isSealed != true else {"),
    ("loss-not-noticed", "a segment that was cut is listed as before",
     "Sources/Archiving/Archive+Recovery.swift",
     "            if size ?? 0 < state.byteCount { try shrink(segment, state, path) }\n", ""),
    ("tail-not-taken", "what is on the disk and not in the catalogue is cut off",
     "Sources/Archiving/Archive+Recovery.swift",
     "                guard size > state?.acknowledged ?? 0 else { return [] }\n",
     "                guard size > state?.acknowledged ?? 0, state == nil else { return [] }\n"),
    ("rebuild-forgets-drops", "a catalogue that is made anew has what was dropped",
     "Sources/Archiving/Archive+Rebuild.swift",
     "        for drop in drops { memory.apply(drop) }\n        drops = try catalogue.write { database in\n"
     "            for drop in drops { try Catalogue.note(drop, database) }\n",
     "        for drop in drops.prefix(0) { memory.apply(drop) }\n        drops = try catalogue.write { database in\n"),
    ("replaced-before-listed", "the files that a part replaces are removed before the catalogue lists it",
     "Sources/Archiving/Archive+Merging.swift",
     "        try replace(file)\n        try noteOutdated(name)\n",
     "        try remove(paths)\n        try replace(file)\n        try noteOutdated(name)\n"),
    ("slice-closed-too-early", "what comes late below a slice that did not wait for it is not noticed by whoever asks",
     "Sources/Collector/Tail.swift",
     "            history.countEvents() - floor.eventCount == listing.taken - taken\n",
     "            history.countEvents() - floor.eventCount <= listing.taken - taken\n"),
    ("taken-for-all", "a slice is taken for all that there is, though some of that came late",
     "Sources/Collector/Slicing.swift",
     "history.countEvents() + repeated == listing.taken\n",
     "history.countEvents() + repeated <= listing.taken\n"),
    ("citation-forgotten", "an order file stays though an event arrived that was cited below its cut",
     "Sources/HappensBefore/Footing.swift",
     "            if line.runs.count(upTo: settled.sealed) != settled.base {\n"
     "                breach = .late(settled.id)\n                return nil\n            }\n", ""),
    ("order-file-stale", "an order file counts for all though more was taken",
     "Sources/Collector/ArchiveStore.swift",
     "        if slices.last?.taken == taken { return below }\n",
     "        if slices.last?.taken ?? 0 <= taken { return below }\n"),
    ("restart-has-seen-nothing", "a restarted program does not know what the one before had seen",
     "Sources/Recording/Beginning.swift",
     "            clock = last.clock.sorted { $0.key.bits < $1.key.bits }.map { ($0.key, $0.value) }\n",
     "            clock = []\n"),
    ("end-made-up", "where a run ended is taken for certain though its journal was cut",
     "Sources/Recording/Beginning.swift",
     "            lacksOrigin = !last.isEndKnown\n", "            lacksOrigin = false\n"),
    ("alive-taken-for-dead", "a program goes on from another one of its name that still runs",
     "Sources/Recording/Predecessor.swift",
     "            if try folder.isAlive() {\n", "            if try folder.isAlive(), settings.isKeptByName {\n"),
    ("half-an-append-stays", "an append that failed leaves its bytes, and the next one goes behind them",
     "Sources/Agent/SegmentLog.swift",
     "            try? segment.file.truncate(to: start)\n            open = consume segment\n            throw error\n"
     "        }\n        segment.writer = writer\n",
     "            segment.writer = writer\n            open = consume segment\n            throw error\n"
     "        }\n        segment.writer = writer\n"),
    ("reads-what-is-dropped", "what was dropped is read all the same, as long as a file has it",
     "Sources/Querying/ExecutionGraph.swift",
     "                history.drop(process, upTo: last)\n", "                history.drop(process, upTo: last * 0)\n"),
]


def check(mutants):
    """Whether each text is there, once."""
    isSound = True
    for name, _, file, old, new in mutants:
        count = (ROOT / file).read_text().count(old)
        if count != 1 or old == new:
            print(f"{name}: expected its text once in {file}, found it {count} times")
            isSound = False
    if len({mutant[0] for mutant in mutants}) != len(mutants):
        print("two mutants have one name")
        isSound = False
    return isSound


def copy(tree):
    """Makes a tree what the sources are; what is the same already stays, so that it is not built anew."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True,
        check=True).stdout.decode().split("\0")
    for name in filter(None, listed):
        source, target = ROOT / name, tree / name
        if not source.is_file():
            target.unlink(missing_ok=True)
        elif not target.is_file() or source.read_bytes() != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def build(tree):
    done = subprocess.run(
        ["Scripts/build-release", "lightcone-simulate"], cwd=tree, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"cannot build:\n{done.stderr[-3000:]}")
    return tree / ".build/release/lightcone-simulate"


def hunt(simulate):
    """What finds a mutant, where, and after how many seconds; None where nothing does. What Scripts/test lives, and no more."""
    begin = time.monotonic()
    for arguments in (
        ["worlds", "--seed", "1", "--worlds", "2000", "--first"],
        ["points", "--first"],
        ["histories", "--seed", "1", "--worlds", "2500", "--first"],
    ):
        done = subprocess.run([simulate, *arguments], capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stdout.splitlines() if line.startswith("seed")]
            found = lines[0] if lines else (done.stderr.strip() or done.stdout.strip())[-200:]
            return arguments[0], found, time.monotonic() - begin
    return None


def row(name, found):
    """A row of the table: mutant, what found it, seed, step."""
    where, text, seconds = found
    seed = re.search(r"^seed (\d+)", text)
    step = re.search(r"\bstep (\d+)", text)
    cells = [where, seed.group(1) if seed else "-", step.group(1) if step else "-", f"{seconds:.0f} s"]
    return f"{name:32} {cells[0]:10} {cells[1]:>5} {cells[2]:>5} {cells[3]:>7}  {text[:120]}"


def main(arguments):
    names = [argument for argument in arguments if not argument.startswith("-")]
    unknown = [name for name in names if name not in {mutant[0] for mutant in MUTANTS}]
    if unknown or [a for a in arguments if a.startswith("-") and a not in ("--check", "--list")]:
        sys.exit(f"usage: Scripts/mutants [--check] [--list] [NAME…]{''.join(f'; no mutant is called {n}' for n in unknown)}")
    mutants = [mutant for mutant in MUTANTS if not names or mutant[0] in names]
    if "--list" in arguments:
        for name, what, *_ in mutants:
            print(f"{name}: {what}")
        return 0
    if not check(mutants):
        return 1
    if "--check" in arguments:
        print(f"{len(mutants)} mutants")
        return 0
    tree = ROOT / ".build/mutants"
    tree.mkdir(parents=True, exist_ok=True)
    os.nice(10)
    print(f"{'mutant':32} {'found by':10} {'seed':>5} {'step':>5} {'after':>7}", flush=True)
    survivors = 0
    for name, what, file, old, new in mutants:
        copy(tree)
        source = tree / file
        source.write_text(source.read_text().replace(old, new))
        found = hunt(build(tree))
        if not found:
            survivors += 1
        print(row(name, found) if found else f"{name:32} SURVIVED   ({what})", flush=True)
    print(f"{len(mutants) - survivors} of {len(mutants)} mutants found")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
