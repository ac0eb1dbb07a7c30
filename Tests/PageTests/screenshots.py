"""Pictures of the page's main states, to be looked at: screenshots.py FOLDER [ARCHIVE]."""

import json
import pathlib
import shutil
import sys
import tempfile
import urllib.parse

from chromium import DEMO, Browser, Browsing, Collector, ask, import_fork, import_lines, lightcone

WORDS = "api orders stock mailer payments search sessions scheduler".split()


def busy():
    """Several hosts with messages between their processes, warnings, errors and a gap."""
    events, clocks = [], {}
    names = [f"host-{host}/{word}" for host in range(3) for word in WORDS[:4]]
    state = 7
    waiting = []
    for step in range(900):
        state = (state * 1103515245 + 12345) % 2**31
        name = names[(state >> 8) % len(names)]
        clock = clocks.setdefault(name, {})
        number = clock.get(name, 0) + 1
        event = {
            "process": name,
            "host": name.split("/")[0],
            "name": WORDS[(state >> 16) % 8],
            "level": "info",
            "time": f"2026-11-30T10:{step // 60:02}:{step % 60:02}.{state % 1000:03}Z",
        }
        if waiting and (state >> 12) % 3 == 0:
            other = waiting.pop(0)
            for process, known in other.items():
                clock[process] = max(clock.get(process, 0), known)
        clock[name] = number
        if (state >> 4) % 3 == 0:
            waiting.append(dict(clock))
        if (state >> 20) % 37 == 0:
            event["level"] = ["warning", "error", "critical"][(state >> 5) % 3]
        event["clock"] = dict(clock)
        if not (name == names[5] and 12 < number < 25):
            events.append(event)
    return events


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp())
    browser = Browser(1440, 900)
    collectors = []
    try:
        data = work / "demo"
        lightcone("import", "--into", data, "--format", "jsonl", DEMO)
        import_lines(
            data,
            [
                {**json.loads(line), "execution": "without n3"}
                for line in DEMO.read_text().splitlines()
                if '"process":"n3"' not in line
            ],
        )
        import_lines(data, busy(), "--execution", "busy")
        import_lines(
            data,
            [event for number, event in enumerate(busy()) if number % 97],
            "--execution",
            "busy, again",
        )
        import_fork(data, "fork")
        collectors.append(Collector(data))
        url = collectors[0].url
        shots = [
            (
                "two-leaders",
                url,
                {
                    "execution": "main",
                    "tab": "results",
                    "q": "{ name = \"leader elected\" } as a || { name = \"leader elected\" } as b where a.term < b.term",
                },
            ),
            ("cones", url, {"execution": "main", "event": "n2:8", "tab": "event"}),
            (
                "path",
                url,
                {"execution": "main", "event": "n2:29", "other": "n1#2:12", "tab": "event"},
            ),
            ("gap", url, {"execution": "without n3", "event": "n2:21", "tab": "event"}),
            ("fork", url, {"execution": "fork", "event": "db:2", "tab": "event"}),
            ("busy", url, {"execution": "busy"}),
            ("busy-cone", url, {"execution": "busy", "event": "host-1/orders:30", "tab": "event"}),
            ("wall", url, {"execution": "busy", "axis": "wall", "group": "1"}),
            ("table", url, {"execution": "main", "event": "n2:8", "tab": "table"}),
            ("lanes", url, {"execution": "busy", "tab": "lanes", "pin": "host-2/api"}),
            (
                "chart",
                url,
                {
                    "execution": "busy",
                    "tab": "results",
                    "q": "{ level >= info } | count() by (name)",
                    "show": "chart",
                },
            ),
            ("two-executions", url, {"execution": "busy", "compare": "busy, again"}),
        ]
        if len(sys.argv) > 2:
            collectors.append(Browsing(sys.argv[2]))
            large = collectors[1].url
            shots.append(("large", large, {}))
            facts = ask(large, "lanes")
            first, last = (int(facts["axes"]["logical"][end]) for end in ("from", "to"))
            middle = (first + last) // 2
            shots.append(("large-near", large, {"from": middle, "to": middle + 60}))
            shots.append(
                (
                    "large-cone",
                    large,
                    {
                        "event": f"{facts['lanes'][3]['process']}:{facts['lanes'][3]['last'] // 2}",
                        "from": middle - 3000,
                        "to": middle + 3000,
                    },
                )
            )
        for theme in ("light", "dark"):
            for name, at, state in shots:
                browser.open(at, urllib.parse.urlencode(state, doseq=True))
                browser.run(
                    "localStorage.setItem('theme', arguments[0]); lightcone.theme.apply()", theme
                )
                browser.ready()
                path = folder / f"{name}{'-dark' if theme == 'dark' else ''}.png"
                browser.driver.save_screenshot(str(path))
                print(path)
    finally:
        browser.quit()
        for collector in collectors:
            collector.stop()
        shutil.rmtree(work, True)


if __name__ == "__main__":
    main()
