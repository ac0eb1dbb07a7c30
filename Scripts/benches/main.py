"""Scripts/bench ingest | live | cold | scale | serve | page: measures whole programs from outside.

See Scripts/bench.
"""

import argparse
import sys

import cold
import ingest
import live
import page
import report
import scale
import serve
from programs import BenchError, Workplace, say

BENCHES = {
    "ingest": (ingest.Ingest, ingest.NAMES, 1_000_000),
    "live": (live.Live, live.NAMES, 1_000_000),
    "cold": (cold.Cold, cold.NAMES, 1_000_000),
    "scale": (scale.Scale, scale.NAMES, 300_000),
    "serve": (serve.Serve, serve.NAMES, 1_000_000),
    "page": (page.Page, page.NAMES, 10_000_000),
}
# These are asked of archives: their events come first, and their rounds are an option.
OF_ARCHIVES = ("cold", "scale", "serve", "page")


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected a number from 1 on")
    return number


def parse(arguments):
    parser = argparse.ArgumentParser(prog="Scripts/bench", description=__doc__)
    benches = parser.add_subparsers(dest="bench", required=True)
    for name, (kind, parts, events) in BENCHES.items():
        about = sys.modules[kind.__module__].__doc__
        bench = benches.add_parser(name, help=about, description=about)
        if name in OF_ARCHIVES:
            bench.add_argument("events", nargs="?", type=positive, default=events,
                               help=f"{events:,}, unless told otherwise")
            bench.add_argument("--rounds", type=positive, default=5,
                               help="5, unless told otherwise")
        else:
            bench.add_argument("rounds", nargs="?", type=positive, default=5)
            bench.add_argument("--events", type=positive, default=events,
                               help="in the place of a million; goals are for a million")
        bench.add_argument("--json", action="store_true", help="an object a line")
        bench.add_argument("--only", metavar="PART,…", type=lambda text: text.split(","),
                           help=", ".join(parts))
        if name == "ingest":
            bench.add_argument("--seconds", type=positive, default=60,
                               help="of merging while events come")
        if name == "serve":
            bench.add_argument("--seconds", type=positive, default=30,
                               help="of questions while agents upload")
        if name == "page":
            bench.add_argument("--minutes", type=positive, default=10,
                               help="of looking around; the goal is for ten")
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
