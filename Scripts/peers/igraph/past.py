"""igraph beside `lightcone past X --count`.

past.py edges JSON FILE: keeps the edges of `lightcone export --format json`, as numbers.
past.py past FILE PROCESS:SEQ: loads them, and prints how many events came before that one.
"""

import array
import json
import mmap
import sys


def edges(path, output):
    """A line of JSON, with the first vertex of each process, then two 64-bit numbers an edge."""
    firsts, count, pairs = {}, 0, array.array("q")

    def vertex(name):
        process, _, sequence = name.rpartition(":")
        return firsts[process] + int(sequence) - 1

    with open(path, encoding="utf-8") as lines:
        # The first line holds the processes, and begins the array of events.
        head = next(lines)
        for process in json.loads(head[:head.rindex(',"events":[')] + "}")["processes"]:
            firsts[process["process"]] = count
            for number in range(count, count + process["events"] - 1):
                pairs.extend((number, number + 1))
            count += process["events"]
        for line in lines:
            if line.startswith('{"from":'):
                edge = json.loads(line[:line.index("}") + 1])
                pairs.extend((vertex(edge["from"]), vertex(edge["to"])))
    with open(output, "wb") as file:
        file.write(json.dumps({"firsts": firsts, "count": count}).encode() + b"\n")
        file.truncate((file.tell() + 7) // 8 * 8)
        file.seek(0, 2)
        pairs.tofile(file)


def past(path, name):
    import igraph

    with open(path, "rb") as file:
        about = json.loads(file.readline())
        start = (file.tell() + 7) // 8 * 8
        held = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[start:]
    pairs = held.cast("q", (len(held) // 16, 2))
    graph = igraph.Graph(n=about["count"], edges=pairs, directed=True)
    process, _, sequence = name.rpartition(":")
    # Its own vertex is among them.
    print(len(graph.subcomponent(about["firsts"][process] + int(sequence) - 1, mode="in")) - 1)


{"edges": edges, "past": past}[sys.argv[1]](*sys.argv[2:])
