"""The program and the slow reader say the same of every order file: of the golden one, and of damaged ones. LIGHTCONE_BINARY,
SLOW_READER_SEED and SLOW_READER_ROUNDS as in test_slow_reader.py."""

import json
import pathlib
import random
import re
import tempfile
import unittest

import slow_orders
from test_slow_parts import flipped
from test_slow_reader import ROOT, ROUNDS, SEED, run_program

GOLDEN = sorted((ROOT / "Tests/PartsTests/Golden").glob("*.lcorder"))


class SlowOrderTests(unittest.TestCase):
    def compare(self, files):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, data in enumerate(files):
                path = f"{folder}/{number}.lcorder"
                pathlib.Path(path).write_bytes(data)
                paths.append(path)
            lines = run_program("part", "verify", "--json", *paths)
            self.assertEqual(len(lines), len(paths))
            for path, data, line in zip(paths, files, lines):
                says, order = json.loads(line), slow_orders.OrderFile(data)
                if (
                    says["intact"] != order.is_intact
                    or order.has_footer
                    and (says.get("processes"), says.get("events")) != (order.processes, order.events)
                    or not self.are_named(order, says["problems"])
                ):
                    kept = pathlib.Path(tempfile.gettempdir()) / "slow-reader-differs.lcorder"
                    kept.write_bytes(data)
                    self.fail(
                        f"seed {SEED}, kept as {kept}: the slow reader says {order.processes} processes, {order.events} events, "
                        f"damage at {sorted(order.damage)}, the program {says}"
                    )

    def are_named(self, order, problems):
        """Whether each block that is damaged is told of. What is wrong with one may make another say what cannot be."""
        places = [re.search(r"byte (\d+)", problem) for problem in problems]
        told = {order.start_of(int(place[1])) for place in places if place} if order.has_footer else order.damage
        return order.damage <= told

    def test_golden_order_files(self):
        self.assertTrue(GOLDEN)
        self.compare([path.read_bytes() for path in GOLDEN])
        for path in GOLDEN:
            order = slow_orders.OrderFile(path.read_bytes())
            self.assertTrue(order.is_intact and order.events and order.processes)

    def test_cut_order_files(self):
        for path in GOLDEN:
            data = path.read_bytes()
            self.compare([data[:end] for end in range(0, len(data), 53)])

    def test_flipped_order_files(self):
        for path in GOLDEN:
            data = path.read_bytes()
            self.compare([data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :] for at in range(0, len(data), 11)])

    def test_damaged_order_files(self):
        dice = random.Random(SEED)
        for path in GOLDEN:
            self.compare([flipped(path.read_bytes(), dice) for _ in range(ROUNDS)])


if __name__ == "__main__":
    unittest.main()
