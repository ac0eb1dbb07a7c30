"""The program and the slow reader say the same of every segment: of golden ones, of damaged ones, and of ones whose checksums are
right and whose sections are wild. LIGHTCONE_BINARY is the program; SLOW_READER_SEED and SLOW_READER_ROUNDS give other files, or more."""

import json
import os
import pathlib
import random
import re
import struct
import subprocess
import tempfile
import unittest
import zlib

import slow_reader

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY = os.environ.get("LIGHTCONE_BINARY", str(ROOT / ".build/release/lightcone"))
SEED = int(os.environ.get("SLOW_READER_SEED", "1"))
ROUNDS = int(os.environ.get("SLOW_READER_ROUNDS", "150"))
GOLDEN = sorted((ROOT / "Tests/SegmentsTests/Golden").glob("*.lcseg"))

LINE = re.compile(r": (intact|damaged), (not sealed|sealed), (\d+) frames?, (\d+) events?$")


def frames_of(data):
    """Where the frames of an intact segment begin, with their headers and sections."""
    at = slow_reader.HEADER
    while data[at : at + 4] == b"LCFR":
        fields, sections, end = slow_reader.frame_at(data, at)
        yield at, end, fields, sections
        at = end


def sealed_frame(fields, sections, digest):
    """A frame with right checksums, of sections as they are before compression (the commit as it is stored)."""
    order, content, commit = sections
    head = b"LCFR" + struct.pack(
        "<BBBB7I16s3I", 1 if commit else 0, 0, 0, 0, fields[4], fields[5], len(order), len(content),
        len(order), len(content), len(commit), digest, *(zlib.crc32(section) for section in sections),
    )
    return head + struct.pack("<I", zlib.crc32(head)) + order + content + commit


def mutated(data, dice):
    data = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        if not data:
            break
        at = dice.randrange(len(data))
        what = dice.randrange(8)
        byte = dice.choice([0, 1, 0x7F, 0x80, 0xFF, (data[at] + 1) & 255, dice.randrange(256)])
        if what == 0:
            del data[at]
        elif what == 1:
            data.insert(at, byte)
        elif what == 2:
            data[at:at] = data[at : at + dice.randint(1, 12)]
        else:
            data[at] = byte
    return bytes(data)


def damaged(data, dice):
    """The segment with bytes flipped, cut, taken out, put in or doubled."""
    data = bytearray(data)
    for _ in range(dice.randint(1, 2)):
        at, length = dice.randrange(len(data)), dice.randint(1, 400)
        what = dice.randrange(6)
        if what == 0:
            del data[at:]
        elif what == 1:
            del data[at : at + length]
        elif what == 2:
            data[at:at] = bytes(dice.choice(b"LCFRT\0") for _ in range(length))
        elif what == 3:
            data[at:at] = data[at : at + length]
        else:
            data[at] ^= 1 << dice.randrange(8)
        if not data:
            break
    return bytes(data)


def wild(data, dice):
    """The frames of a segment, unsealed, one of which has another section than was written, with right checksums."""
    all_frames = list(frames_of(data))
    chosen = dice.randrange(len(all_frames))
    out = data[: slow_reader.HEADER]
    digest = slow_reader.digest_of(out)
    for number, (_, _, fields, sections) in enumerate(all_frames):
        order, content, commit = sections
        order = slow_reader.unpack(fields[1], order, fields[6])
        content = slow_reader.unpack(fields[2], content, fields[7])
        if number == chosen:
            which = dice.randrange(5)
            if which < 2:
                order = mutated(order, dice)
            elif which < 4:
                content = mutated(content, dice)
            elif commit:
                reader = slow_reader.Reader(commit)
                codec, size = reader.u8(), reader.varint()
                raw = mutated(slow_reader.unpack(codec, commit[reader.at :], size), dice)
                commit = b"\0" + varint(len(raw)) + raw
        frame = sealed_frame(fields, (order, content, commit), digest)
        digest = slow_reader.digest_of(frame)
        out += frame
    return out


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def program_says(paths):
    """By path: whether it is sealed, how many frames and events it has, and where it is damaged."""
    says, current = {}, None
    for line in run("verify", *paths):
        found = LINE.search(line)
        if found and not line.startswith("  "):
            current = line[: found.start()]
            says[current] = (found[2] == "sealed", int(found[3]), int(found[4]), [])
        elif line.startswith("  frame at byte "):
            says[current][3].append(int(re.match(r"  frame at byte (\d+)", line)[1]))
    # Where a frame cannot be decoded, it tells of a place in it: where bytes are damaged, of those.
    for path in paths:
        for line in run("inspect", path):
            found = re.match(r"  (?:damaged|after the last intact frame): \d+ bytes at (\d+): ", line)
            if found:
                says[path][3].append(int(found[1]))
    return says


def run(*arguments):
    return run_program("segment", *arguments)


def run_program(*arguments):
    result = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=300)
    assert result.returncode in (0, 1), f"{arguments}: exit {result.returncode}: {result.stderr}"
    return result.stdout.splitlines()


class SlowReaderTests(unittest.TestCase):
    def compare(self, files):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, data in enumerate(files):
                path = f"{folder}/{number}"
                pathlib.Path(path).write_bytes(data)
                paths.append(path)
            says = program_says(paths)
            for path, data in zip(paths, files):
                verdict = slow_reader.read_segment(data)
                mine = (verdict.sealed, verdict.frames, verdict.events, sorted(verdict.damage))
                sealed, frames, events, damage = says[path]
                if mine != (sealed, frames, events, sorted(damage)):
                    kept = pathlib.Path(tempfile.gettempdir()) / "slow-reader-differs.lcseg"
                    kept.write_bytes(data)
                    self.fail(
                        f"seed {SEED}, file {path}, kept as {kept}: the slow reader says {mine}, the program {says[path]}"
                    )

    def test_golden_segments(self):
        self.assertTrue(GOLDEN)
        self.compare([path.read_bytes() for path in GOLDEN])
        for path in GOLDEN:
            verdict = slow_reader.read_segment(path.read_bytes())
            self.assertTrue(verdict.sealed and not verdict.damage)

    def test_rows_of_golden_segments(self):
        for path in GOLDEN:
            found = []
            for line in run("inspect", "--json", str(path)):
                item = json.loads(line)
                if "process" in item:
                    name, _, incarnation = item["process"].partition("#")
                    found.append(
                        (
                            item["offset"], item["execution"], name, int(incarnation or 1), item["host"],
                            item["first"], item["last"], item["events"], item["complete"],
                        )
                    )
            self.assertEqual(found, slow_reader.read_segment(path.read_bytes()).processes)

    def test_cut_segments(self):
        for path in GOLDEN:
            data = path.read_bytes()
            self.compare([data[:end] for end in range(0, len(data), 7)])

    def test_damaged_segments(self):
        dice = random.Random(SEED)
        for path in GOLDEN:
            self.compare([damaged(path.read_bytes(), dice) for _ in range(ROUNDS)])

    def test_wild_sections(self):
        dice = random.Random(SEED)
        for path in GOLDEN:
            self.compare([wild(path.read_bytes(), dice) for _ in range(ROUNDS)])


if __name__ == "__main__":
    unittest.main()
