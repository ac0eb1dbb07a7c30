"""Sequences on one process, against the Event Query Language (PyPI eql), which knows one total order.

Of two steps EQL keeps the last event of the first one and drops what is matched: so its matches are the pairs with no event of either
step in between, which Lightcone says with `until`. Of three it gives some of the matches; Lightcone gives all of them.
"""

import json
import os
import random
import subprocess
import tempfile
import unittest

try:
    import eql
except ImportError:
    eql = None

LIGHTCONE = os.environ.get("LIGHTCONE_BINARY")


def history(seed):
    """Events of processes that tell each other nothing, in the order of their times."""
    draw = random.Random(seed)
    events, second = [], 0
    for number in range(200):
        second += draw.choice([0, 1, 1, 2, 5])
        events.append(
            {
                "process": draw.choice("abc"),
                "text": draw.choice(["x", "y", "z", "w"]),
                "second": second,
                "number": number,
            }
        )
    return events


def by_eql(events, steps, seconds):
    found = []
    engine = eql.PythonEngine()
    span = f" with maxspan={seconds}s" if seconds is not None else ""
    terms = " ".join(f'[any where text == "{text}"]' for text in steps)
    with eql.schema.Schema({}, allow_any=True):
        engine.add_query(eql.parse_query(f"sequence by process{span} {terms}"))
    engine.add_output_hook(
        lambda match: found.append(tuple(event.data["number"] for event in match.events))
    )
    for event in events:
        # In hundreds of nanoseconds, as Windows has them.
        time = event["second"] * 10_000_000
        engine.stream_event(eql.Event.from_data({**event, "timestamp": time, "event_type": "any"}))
    engine.finalize()
    return set(found)


def by_lightcone(folder, query):
    run = subprocess.run(
        [LIGHTCONE, "query", "--source", folder, "--json", query],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode in (0, 1), run.stderr
    found = []
    for line in run.stdout.splitlines():
        answer = json.loads(line)
        assert answer["known"], line
        found.append(
            tuple(
                int(event["attributes"]["number"]) for event in answer["match"].values()
            )
        )
    assert len(found) == len(set(found)), query
    return set(found)


@unittest.skipIf(eql is None, "the package eql is not here")
@unittest.skipIf(LIGHTCONE is None, "LIGHTCONE_BINARY says which program is meant")
class SequenceTests(unittest.TestCase):
    def test_sequences_are_those_of_eql(self):
        for seed in range(1, 6):
            events = history(seed)
            with tempfile.TemporaryDirectory() as folder:
                log, archive = f"{folder}/log.jsonl", f"{folder}/archive"
                clocks = {}
                with open(log, "w") as lines:
                    for event in events:
                        process = event["process"]
                        clocks[process] = clocks.get(process, 0) + 1
                        minute, second = divmod(event["second"], 60)
                        lines.write(
                            json.dumps(
                                {
                                    "process": process,
                                    "time": f"2026-01-01T00:{minute:02}:{second:02}Z",
                                    "text": event["text"],
                                    "number": event["number"],
                                    "clock": {process: clocks[process]},
                                }
                            )
                            + "\n"
                        )
                subprocess.run(
                    [LIGHTCONE, "import", "--into", archive, "--format", "jsonl", log],
                    check=True,
                    capture_output=True,
                )
                for first, second in ["xy", "yx", "xz"]:
                    for seconds in [None, 0, 3, 10]:
                        span = f" within {seconds}s" if seconds is not None else ""
                        query = (
                            f"{{ text = {first} }} as a -> {{ text = {second} }} as b{span}"
                            f" until {{ text in ({first}, {second}) }}"
                        )
                        with self.subTest(seed=seed, query=query):
                            self.assertEqual(
                                by_lightcone(archive, query),
                                by_eql(events, [first, second], seconds),
                            )
                query = "{ text = x } -> { text = y } -> { text = z }"
                some, every = by_eql(events, "xyz", None), by_lightcone(archive, query)
                with self.subTest(seed=seed, query=query):
                    self.assertTrue(some and some < every, some - every)


if __name__ == "__main__":
    unittest.main()
