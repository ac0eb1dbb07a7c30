"""The program and the slow reader say the same of every part: of the golden one, of damaged ones, and of ones whose checksums are right
and whose columns and records are wild. LIGHTCONE_BINARY, SLOW_READER_SEED and SLOW_READER_ROUNDS as in test_slow_reader.py."""

import json
import pathlib
import random
import re
import struct
import tempfile
import unittest
import zlib

import slow_parts
from test_slow_reader import ROOT, ROUNDS, SEED, mutated, run_program

GOLDEN = sorted((ROOT / "Tests/PartsTests/Golden").glob("*.lcpart"))


def flipped(data, dice):
    """With a byte changed, some lost at the end, or a stretch overwritten."""
    data = bytearray(data)
    what = dice.randrange(8)
    at = dice.randrange(len(data))
    if what == 0:
        return bytes(data[:at])
    if what == 1:
        return bytes(data) + bytes(dice.randrange(256) for _ in range(dice.randint(1, 80)))
    for place in range(at, min(at + dice.choice([1, 1, 1, 16, 5_000]), len(data))):
        data[place] ^= dice.randint(1, 255)
    return bytes(data)


def wild(data, dice):
    """With another column of a block, or another record, of the same length, and right checksums."""
    data = bytearray(data)
    part = slow_parts.Part(bytes(data))
    if dice.randrange(4):
        start, entry = dice.choice(part.entries)
        place = dice.randrange(slow_parts.COLUMNS)
        heads = [start + 8 + 13 * number for number in range(slow_parts.COLUMNS)]
        sizes = [struct.unpack("<I", data[head + 1 : head + 5])[0] for head in heads]
        begin = start + slow_parts.BLOCK_HEADER + sum(sizes[:place])
        change(data, begin, begin + sizes[place], dice, is_packed=data[heads[place]] == 1)
        data[heads[place] + 9 : heads[place] + 13] = checksum(data[begin : begin + sizes[place]])
        end = start + slow_parts.BLOCK_HEADER
        data[end - 4 : end] = checksum(data[start : end - 4])
    else:
        blocks = {start for start, _ in part.entries}
        begin, end = dice.choice([
            span for span in part.spans if slow_parts.HEADER <= span[0] < part.tables and span[0] not in blocks
        ])
        change(data, begin, end - 4, dice)
        data[end - 4 : end] = checksum(data[begin : end - 4])
    return bytes(data)


def change(data, begin, end, dice, is_packed=False):
    """Changes bytes so that there are as many afterwards; of what is packed, what it expands to, where it is as long then."""
    for _ in range(40):
        old = bytes(data[begin:end])
        if is_packed:
            try:
                new = zlib.compress(mutated(zlib.decompress(old), dice), 9)
            except zlib.error:
                new = mutated(old, dice)
        else:
            new = mutated(old, dice)
        if len(new) == len(old):
            data[begin:end] = new
            return


def checksum(data):
    return struct.pack("<I", zlib.crc32(data))


class SlowPartTests(unittest.TestCase):
    def compare(self, files):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, data in enumerate(files):
                path = f"{folder}/{number}.lcpart"
                pathlib.Path(path).write_bytes(data)
                paths.append(path)
            lines = run_program("part", "verify", "--json", *paths)
            self.assertEqual(len(lines), len(paths))
            for path, data, line in zip(paths, files, lines):
                says, part = json.loads(line), slow_parts.Part(data)
                mine = (part.segments, part.blocks, part.events)
                found = (says["segments"], says["blocks"], says["events"])
                if mine != found or self.differ(part, says["problems"]):
                    kept = pathlib.Path(tempfile.gettempdir()) / "slow-reader-differs.lcpart"
                    kept.write_bytes(data)
                    self.fail(
                        f"seed {SEED}, kept as {kept}: the slow reader says {mine}, damage at {sorted(part.damage)}, the program {says}"
                    )

    def differ(self, part, problems):
        """Whether a problem is at a thing that is intact, or none at one that is damaged."""
        if not part.has_footer:
            # Blocks are found by walking then, which is the program's own business.
            return not problems
        places = [re.search(r"byte (\d+)", problem) for problem in problems]
        if not part.damage:
            # A chain of events that can all be read is another promise.
            return part.has_gaps and not problems or any(
                place and not part.has_gaps and "chain" not in problem for place, problem in zip(places, problems)
            )
        return {part.start_of(int(place[1])) for place in places if place} != part.damage

    def test_golden_parts(self):
        self.assertTrue(GOLDEN)
        self.compare([path.read_bytes() for path in GOLDEN])
        for path in GOLDEN:
            part = slow_parts.Part(path.read_bytes())
            self.assertTrue(part.is_intact and part.events and part.entries)

    def test_cut_parts(self):
        for path in GOLDEN:
            data = path.read_bytes()
            self.compare([data[:end] for end in range(0, len(data), 97)])

    def test_damaged_parts(self):
        dice = random.Random(SEED)
        for path in GOLDEN:
            self.compare([flipped(path.read_bytes(), dice) for _ in range(ROUNDS)])

    def test_wild_columns_and_records(self):
        dice = random.Random(SEED)
        for path in GOLDEN:
            self.compare([wild(path.read_bytes(), dice) for _ in range(ROUNDS)])


if __name__ == "__main__":
    unittest.main()
