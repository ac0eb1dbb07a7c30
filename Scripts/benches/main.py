"""Scripts/bench ingest | live: measures whole programs from outside. See Scripts/bench."""

import argparse
import sys

import ingest
import live
import report
from programs import BenchError, Workplace, say

BENCHES = {"ingest": (ingest.Ingest, ingest.NAMES), "live": (live.Live, live.NAMES)}


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected a number from 1 on")
    return number


def parse(arguments):
    parser = argparse.ArgumentParser(prog="Scripts/bench", description=__doc__)
    benches = parser.add_subparsers(dest="bench", required=True)
    for name, (_, parts) in BENCHES.items():
        bench = benches.add_parser(name)
        bench.add_argument("rounds", nargs="?", type=positive, default=5)
        bench.add_argument("--json", action="store_true", help="an object a line")
        bench.add_argument("--events", type=positive, default=1_000_000,
                           help="in the place of a million; goals are for a million")
        bench.add_argument("--only", metavar="PART,…", type=lambda text: text.split(","),
                           help=", ".join(parts))
        if name == "live":
            bench.add_argument("--seconds", type=positive, default=30,
                               help="of 100 processes; of 10 processes twice that")
    options = parser.parse_args(arguments)
    unknown = set(options.only or ()) - set(BENCHES[options.bench][1])
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def main():
    options = parse(sys.argv[1:])
    remarks = []
    try:
        with Workplace() as work:
            bench = BENCHES[options.bench][0](options, work, remarks)
            bench.measure()
    except BenchError as error:
        say(f"error: {error}")
        sys.exit(1)
    report.write(bench.figures(), remarks, options.json)


if __name__ == "__main__":
    main()
