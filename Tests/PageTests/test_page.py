"""The page in a real Chromium, against a real collector."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import xml.etree.ElementTree

from selenium.webdriver.common.keys import Keys

from chromium import (
    DEMO,
    LIGHTCONE,
    ROOT,
    Browser,
    Collector,
    ask,
    import_fork,
    import_lines,
    lightcone,
    wait_until,
)

AXE = os.environ.get("AXE_JS")
HOSTILE = [
    "<script>document.title='pwned'</script>",
    "<img src=x onerror=\"document.title='pwned'\">",
    "\u202egnp.exe\u202c",
    "\x1b[31mred\x1b[0m",
    "javascript:alert(1)",
    "';--\"`${1}",
    "a\nb\r\nc\tz",
    "\u0000nul",
    "Ω≈ç√ 漢字 🏳️‍🌈",
    "]]>&lt;!--",
    "x" * 200,
]


def shop(execution_has_error):
    """A request from web to db, and its answer; two runs of it differ in one event."""
    last = {"level": "error", "name": "timeout"} if execution_has_error else {"name": "done"}
    return [
        {"process": "web", "name": "ask", "clock": {"web": 1}},
        {"process": "db", "name": "asked", "clock": {"db": 1, "web": 1}},
        {"process": "db", "name": "answer", "clock": {"db": 2, "web": 1}},
        {"process": "web", "name": "answered", "clock": {"web": 2, "db": 2}},
        {"process": "web", **last, "clock": {"web": 3, "db": 2}},
    ]


class PageTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.work, True)
        folder = cls.work / "demo"
        lightcone("import", "--into", folder, "--format", "jsonl", DEMO)
        import_lines(folder, shop(False), "--execution", "good")
        import_lines(folder, shop(True), "--execution", "bad")
        import_lines(
            folder,
            [
                {**json.loads(line), "execution": "without n3"}
                for line in DEMO.read_text().splitlines()
                if '"process":"n3"' not in line
            ],
        )
        cls.collector = Collector(folder)
        cls.addClassCleanup(cls.collector.stop)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.browser.errors()

    def open(self, **state):
        self.browser.open(self.collector.url, urllib.parse.urlencode(state, doseq=True))

    def assert_quiet(self):
        """The console has nothing to say: no error, and nothing that the policy forbids."""
        self.assertEqual(self.browser.errors(), [])

    def rows(self):
        """The table: of each event in sight how it relates to the selected one."""
        return dict(
            self.browser.run(
                "return [...document.querySelectorAll('#panel-table tr[data-event]')]"
                ".map(row => [row.dataset.event, row.dataset.relation])"
            )
        )

    # Opening.

    def test_the_table_has_the_events_that_the_timeline_has(self):
        self.open(execution="main", tab="table")
        self.assertEqual(
            set(self.rows()),
            {event["id"] for event in self.collector.list("timeline", execution="main")},
        )
        self.assertIn("77 events · 4 processes", self.browser.text("#summary"))
        self.assert_quiet()

    def test_nothing_is_asked_for_elsewhere(self):
        self.open(execution="main")
        addresses = self.browser.run(
            "return performance.getEntriesByType('resource').map(entry => entry.name)"
        )
        self.assertTrue(addresses)
        for address in addresses:
            self.assertTrue(address.startswith((self.collector.url, "data:")), address)

    def test_all_modules_are_asked_for_at_once(self):
        names = {path.name for path in (ROOT / "Sources/Page/files").glob("*.js")} - {"main.js"}
        self.open(execution="main")
        preloaded = set(
            self.browser.run(
                "return [...document.querySelectorAll('link[rel=modulepreload]')]"
                ".map(link => link.href.split('/').pop())"
            )
        )
        self.assertEqual(preloaded, names)

    def test_light_and_dark(self):
        self.open(execution="main")
        theme = "return [document.documentElement.dataset.theme, lightcone.view.colours.canvas]"
        for scheme, colour in (("dark", "#10151c"), ("light", "#ffffff")):
            self.browser.driver.execute_cdp_cmd(
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
            )
            wait_until(lambda: self.browser.run(theme) == [scheme, colour], f"it is {scheme}")
        self.browser.run("lightcone.view.canvas.focus()")
        self.browser.keys("n")
        self.assertEqual(self.browser.run(theme)[0], "dark")
        self.browser.run("localStorage.removeItem('theme'); lightcone.theme.apply()")

    def test_arrows_point_back_where_clocks_disagree(self):
        import_lines(
            self.work / "skewed",
            [
                {
                    "process": "a",
                    "time": "2026-01-01T00:00:09Z",
                    "name": "sends",
                    "clock": {"a": 1},
                },
                {
                    "process": "b",
                    "time": "2026-01-01T00:00:01Z",
                    "name": "gets",
                    "clock": {"b": 1, "a": 1},
                },
            ],
        )
        collector = Collector(self.work / "skewed")
        self.addCleanup(collector.stop)
        order = "const [, from, , , to] = lightcone.view.window.messages; return to - from"
        self.browser.open(collector.url)
        self.assertEqual(self.browser.run(order), 1)
        self.browser.run("lightcone.chooseAxis('wall')")
        self.browser.ready()
        self.assertEqual(self.browser.run(order), -8_000_000_000)
        self.browser.run("lightcone.chooseAxis('adjusted')")
        self.browser.ready()
        self.assertEqual(self.browser.run(order), 1)

    def test_a_token_lets_in_and_no_script_sees_it(self):
        data = import_lines(
            self.work / "secret", [{"process": "a", "name": "begins", "clock": {"a": 1}}]
        )
        lightcone("collector", "init", "--data", data, "--name", "127.0.0.1")
        token = lightcone("token", "create", "me", "--scope", "read", "--data", data).strip()
        collector = Collector(data, scheme="https")
        self.addCleanup(collector.stop)
        browser = self.browser
        browser.run(f"location.href = '{collector.url}/'")
        form = "return document.querySelector('#notice form') !== null"
        wait_until(lambda: browser.run(form), "it asks for a token")
        log_in = (
            "document.querySelector('#token').value = arguments[0];"
            "document.querySelector('#notice form').requestSubmit()"
        )
        browser.driver.execute_script(log_in, token[:-1] + ("a" if token[-1] != "a" else "b"))
        problem = "return document.querySelector('#notice .problem').textContent"
        wait_until(lambda: "not one of this collector" in browser.run(problem), "it is refused")
        browser.driver.execute_script(log_in, token)
        events = "return lightcone.view.isLoaded && lightcone.view.lanes.events"
        wait_until(lambda: browser.run(events) == 1, "the event is here")
        self.assertEqual(browser.run("return document.cookie"), "")
        cookie = browser.driver.get_cookies()[0]
        self.assertTrue(cookie["httpOnly"] and cookie["secure"])
        self.assertEqual(cookie["sameSite"], "Strict")
        browser.run("void import('/page/login.js').then((login) => login.logOut())")
        wait_until(lambda: browser.run(form), "it asks for a token again")

    def test_the_policy_allows_its_own_scripts_only(self):
        status, headers = self.collector.headers("/")
        self.assertEqual(status, 200)
        policy = headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'"):
            self.assertIn(part, policy)
        self.assertNotIn("unsafe", policy)

    def test_the_picture_is_drawn(self):
        self.open(execution="main")
        colours = self.browser.run("""
            const {canvas, context} = lightcone.view;
            const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size""")
        self.assertGreater(colours, 20)

    def test_an_execution_that_is_not_there(self):
        self.open(execution="nope")
        self.browser.wait_for_text("#notice", "There is no such execution")
        self.browser.find("#notice button").click()
        self.browser.ready()
        self.assertFalse(self.browser.find("#notice").is_displayed())

    # Cones.

    def test_cones_are_past_and_future(self):
        self.open(execution="main", tab="table")
        events = [event["id"] for event in self.collector.list("timeline", execution="main")]
        for event in events[::7]:
            self.browser.run("lightcone.state.set({event: arguments[0], other: ''})", event)
            wait_until(lambda: self.rows().get(event) == "selected", f"{event} is selected")
            found = self.rows()
            for verb in ("past", "future", "concurrent"):
                expected = {
                    one["id"]
                    for one in self.collector.list(
                        verb, execution="main", event=event, clock="false"
                    )
                }
                self.assertEqual(
                    {id for id, relation in found.items() if relation == verb},
                    expected,
                    f"{verb} of {event}",
                )

    def test_cones_where_history_is_missing(self):
        self.open(execution="without n3", tab="table", event="n2:21")
        wait_until(lambda: self.rows().get("n2:21") == "selected", "n2:21 is selected")
        found = self.rows()
        past = {
            one["id"]
            for one in self.collector.list(
                "past", execution="without n3", event="n2:21", clock="false"
            )
        }
        self.assertLessEqual({id for id, relation in found.items() if relation == "past"}, past)
        for id in ("n1#2:12",):
            self.assertEqual(found[id], "future")

    def test_a_click_selects(self):
        self.open(execution="main")
        self.browser.click(*self.browser.place_of("n2:8"))
        self.browser.wait_for_text("#panel-event", "n2 leads term 2")
        self.assertEqual(self.browser.state()["event"], ["n2:8"])
        self.assertIn("n3:7", self.browser.text("#panel-event"))
        self.assert_quiet()

    def test_a_second_click_with_shift_orders(self):
        self.open(execution="main", event="n2:8", tab="event")
        self.browser.click(*self.browser.place_of("n3:10"), shift=True)
        self.browser.wait_for_text("#panel-event", "n2:8 is concurrent with n3:10")
        self.browser.click(*self.browser.place_of("n3:16"), shift=True)
        self.browser.wait_for_text("#panel-event", "n2:8 happened before n3:16")
        self.browser.wait_for_text("#panel-event", "n2:24 → n3:16")
        self.assertEqual(self.browser.run("return lightcone.view.path.length"), 1)

    def test_what_is_missing_is_said(self):
        self.open(execution="without n3", event="n2:27", other="n3:18", tab="event")
        self.browser.wait_for_text("#panel-event", "in an unknown order with")
        self.browser.wait_for_text("#panel-event", "n3 1–24 are missing")

    # Keyboard.

    def test_everything_by_keyboard(self):
        self.open(execution="main")
        browser = self.browser
        browser.run("lightcone.view.canvas.focus()")
        browser.keys(Keys.ENTER)
        wait_until(lambda: "event" in browser.state(), "Enter selects")
        browser.run("lightcone.select('n2:8')")
        browser.ready()
        browser.keys(".")
        wait_until(lambda: browser.state()["event"] == ["n2:9"], "the full stop goes on")
        browser.keys(",", ",")
        wait_until(lambda: browser.state()["event"] == ["n2:7"], "the comma goes back")
        browser.chord(Keys.ALT, Keys.ARROW_DOWN)
        wait_until(lambda: browser.state()["event"][0].startswith("n3:"), "Alt and down")
        browser.ready()
        browser.keys("m", ".")
        wait_until(lambda: "other" in browser.state(), "M compares")
        browser.keys("m", Keys.ESCAPE)
        wait_until(lambda: "other" not in browser.state(), "Escape ends it")
        browser.keys("w", "w", "d")
        wait_until(lambda: "from" in browser.state(), "W and D move")
        browser.keys("f")
        wait_until(lambda: "from" not in browser.state(), "F fits")
        browser.keys("?")
        self.assertTrue(browser.find("#help").is_displayed())
        browser.keys(Keys.ESCAPE)
        browser.chord(Keys.CONTROL, "k")
        browser.keys("table", Keys.ENTER)
        wait_until(lambda: browser.state().get("tab") == ["table"], "the palette runs")
        self.assert_quiet()

    def test_the_keyboard_goes_on_at_the_event_that_a_link_selects(self):
        self.open(execution="main", tab="table")
        self.browser.run("document.querySelector('#panel-table [data-event=\"n2:8\"] button').focus()")
        self.browser.keys(Keys.ENTER)
        self.browser.wait_for_text("#panel-event", "leader elected")
        self.browser.keys(Keys.TAB)
        self.assertEqual(self.browser.run("return document.activeElement.innerText"), "Why")

    def test_tab_reaches_every_control(self):
        self.open(execution="main", event="n2:8", tab="event")
        self.browser.run("document.activeElement.blur()")
        reached = set()
        for _ in range(60):
            self.browser.keys(Keys.TAB)
            reached.add(self.browser.run("return document.activeElement.id"))
        for id in ("execution", "axis", "query", "live", "show-table", "picture", "tab-event"):
            self.assertIn(id, reached)

    # Queries.

    def test_a_query_typed_with_completion(self):
        self.open(execution="main")
        browser = self.browser
        browser.run("lightcone.view.canvas.focus()")
        browser.keys("/")
        browser.keys("{ proc")
        self.assertIn("process", browser.text("#completions"))
        browser.keys(Keys.TAB, "= ")
        self.assertIn('"n1#2"', browser.text("#completions"))
        browser.keys('"n1#2"', " }", Keys.ESCAPE, Keys.ENTER)
        browser.wait_for_text("#panel-results", "12 events")
        self.assertEqual(
            browser.run("return [...lightcone.view.found.values()].map(one => one.length)"), [12]
        )
        self.assertEqual(browser.state()["q"], ['{ process = "n1#2" }'])
        browser.keys("/", Keys.BACKSPACE, Keys.ESCAPE)
        browser.find("#query").click()
        browser.keys(Keys.ARROW_UP)
        self.assertEqual(
            browser.run("return document.getElementById('query').value"), '{ process = "n1#2" }'
        )

    def test_an_error_stands_at_its_column(self):
        self.open(execution="main")
        self.browser.run("lightcone.view.canvas.focus()")
        self.browser.keys("/")
        self.browser.keys("{ level >= nonsense }", Keys.ESCAPE, Keys.ENTER)
        self.browser.wait_for_text("#query-error", "column 12")
        self.assertEqual(
            self.browser.run("return document.getElementById('query').selectionStart"), 11
        )

    def test_pairs_are_drawn(self):
        self.open(
            execution="main",
            tab="results",
            q="{ name = put } as a || { name = put } as b where a.term < b.term",
        )
        self.browser.wait_for_text("#panel-results", "1 match")
        self.assertEqual(self.browser.run("return lightcone.view.pairs.length"), 1)

    def test_numbers_as_table_and_chart(self):
        self.open(execution="main", tab="results", q="{ level >= info } | count() by (name)")
        self.browser.wait_for_text("#panel-results table", "replicate\t12")
        self.browser.run("lightcone.state.set({show: 'chart'})")
        bars = wait_until(lambda: self.browser.all("#panel-results rect.bar"), "bars are drawn")
        self.assertEqual(len(bars), 11)

    def test_the_buttons_ask(self):
        for title, verb in (
            ("Why", "why"),
            ("What could have led to it", "past"),
            ("What could it have affected", "future"),
            ("What did nobody know yet", "concurrent"),
        ):
            self.open(execution="main", event="n2:8", tab="event")
            wait_until(
                lambda: self.browser.run(
                    "const found = [...document.querySelectorAll('#panel-event button')]"
                    ".find(one => one.innerText === arguments[0]); found?.click(); return !!found",
                    title,
                ),
                title,
            )
            expected = {
                one["id"] for one in self.collector.list(verb, execution="main", event="n2:8")
            }
            wait_until(
                lambda: {
                    row.get_attribute("data-event")
                    for row in self.browser.all("#panel-results [data-event]")
                }
                == expected,
                f"{title} lists what {verb} does",
            )

    # Lanes.

    def test_lanes_are_hidden_pinned_ordered_and_filtered(self):
        self.open(execution="main", tab="lanes", hide=["n1"], pin=["n3"])
        rows = "return [...lightcone.view.lanes.rows].map(lane => lightcone.view.lanes.all[lane].process)"
        self.assertEqual(self.browser.run(rows), ["n3", "n1#2", "n2"])
        self.browser.find('[aria-label="Move up: n2"]').click()
        self.browser.ready()
        self.assertEqual(self.browser.run(rows), ["n3", "n2", "n1#2"])
        self.browser.run("lightcone.state.set({hide: [], pin: [], order: [], lanes: '#2'})")
        self.assertEqual(self.browser.run(rows), ["n1#2"])

    def test_only_lanes_that_talk_with_one(self):
        events = [{"process": "alone", "name": "x", "clock": {"alone": 1}}, *shop(False)]
        import_lines(self.work / "talk", events)
        collector = Collector(self.work / "talk")
        self.addCleanup(collector.stop)
        self.browser.open(collector.url, "talk=web")
        rows = "return [...lightcone.view.lanes.rows].map(lane => lightcone.view.lanes.all[lane].process)"
        wait_until(lambda: self.browser.run(rows) == ["db", "web"], "the third is hidden")

    def test_a_fork_stands_side_by_side(self):
        import_fork(self.work / "fork", "main")
        collector = Collector(self.work / "fork")
        self.addCleanup(collector.stop)
        self.browser.open(collector.url, "event=db%3A2&tab=table")
        wait_until(lambda: self.rows().get("db:2") == "selected", "db:2 is selected")
        forks = [
            lane["process"] for lane in ask(collector.url, "lanes")["lanes"] if lane.get("fork")
        ]
        self.assertEqual(len(forks), 2)
        for fork in forks:
            self.assertEqual(self.rows()[f"{fork}:3"], "future", fork)
        rows = [
            self.browser.run(
                "return lightcone.view.lanes.rowOf[lightcone.view.lanes.byProcess.get(arguments[0])]",
                process,
            )
            for process in ("db", *sorted(forks))
        ]
        self.assertEqual(rows, [0, 1, 2])
        self.assertEqual(self.browser.run("return lightcone.view.window.restarts.length / 4"), 2)

    def test_an_area_is_counted(self):
        self.open(execution="main")
        x1, y1 = self.browser.place_of("n2:8")
        x2, y2 = self.browser.place_of("n2:12")
        self.browser.mouse("mousePressed", x1 - 4, y1 - 8, button="left", clickCount=1, modifiers=8)
        for step in range(1, 6):
            self.browser.mouse(
                "mouseMoved",
                x1 - 4 + (x2 - x1 + 8) * step / 5,
                y1 + 4,
                button="left",
                buttons=1,
                modifiers=8,
            )
        self.browser.mouse(
            "mouseReleased", x2 + 4, y1 + 4, button="left", clickCount=1, modifiers=8
        )
        self.browser.wait_for_text("#panel-event", "5 events in")
        self.browser.wait_for_text("#panel-event", "n2:10")
        url = self.browser.driver.current_url
        self.browser.driver.get("about:blank")
        self.browser.driver.get(url)
        self.browser.wait_for_text("#panel-event", "5 events in")

    # Links.

    def test_every_state_is_a_link_and_back_goes_back(self):
        self.open(
            execution="main",
            axis="wall",
            event="n2:8",
            tab="table",
            collapse="1",
            q="{ name = put }",
        )
        browser = self.browser
        self.assertEqual(
            browser.run("return [lightcone.view.axis, lightcone.view.isCollapsed]"), ["wall", True]
        )
        browser.run("lightcone.select('n2:9')")
        browser.ready()
        self.assertEqual(browser.state()["event"], ["n2:9"])
        browser.driver.back()
        wait_until(lambda: browser.run("return lightcone.state.now.event") == "n2:8", "back")
        browser.driver.forward()
        wait_until(lambda: browser.run("return lightcone.state.now.event") == "n2:9", "forward")
        url = browser.driver.current_url
        browser.run("lightcone.view.axisView.zoom(4, 300); lightcone.view.moved()")
        wait_until(lambda: browser.driver.current_url != url, "the range is in the address")
        expected = browser.run(
            "return [String(lightcone.view.axisView.from), String(lightcone.view.axisView.to)]"
        )
        browser.driver.refresh()
        browser.ready()
        found = browser.run(
            "return [String(lightcone.view.axisView.from), String(lightcone.view.axisView.to)]"
        )
        for a, b in zip(expected, found):
            self.assertLess(abs(int(a) - int(b)), 1000)

    def test_the_wheel_zooms_where_it_points(self):
        self.open(execution="main")
        x, y = self.browser.place_of("n2:20")
        self.browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
        wait_until(lambda: "from" in self.browser.state(), "it zoomed")
        self.browser.ready()
        self.assertAlmostEqual(self.browser.place_of("n2:20")[0], x, delta=2)

    def test_two_fingers_zoom(self):
        self.open(execution="main")
        span = "return lightcone.view.axisView.span"
        before = self.browser.run(span)
        touch = lambda kind, *points: self.browser.driver.execute_cdp_cmd(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": 300, "id": id} for id, x in points]},
        )
        touch("touchStart", (0, 400), (1, 500))
        for step in range(1, 11):
            touch("touchMove", (0, 400 - 10 * step), (1, 500 + 10 * step))
        touch("touchEnd")
        self.browser.ready()
        self.assertLess(self.browser.run(span), before * 0.5)

    # Two executions.

    def test_two_executions_and_what_differs(self):
        self.open(execution="good", compare="bad")
        self.browser.wait_for_text("#first-name", "good — 1 event without a counterpart")
        self.browser.wait_for_text("#second-name", "bad — 1 event without a counterpart")
        self.assertEqual(
            self.browser.run(
                "return [lightcone.view, lightcone.second].map(view => [...view.differing].map(([lane, numbers]) => view.lanes.all[lane].process + ':' + numbers.join()))"
                ".map(found => found.filter(one => !one.endsWith(':')))"
            ),
            [["web:3"], ["web:3"]],
        )
        self.assert_quiet()

    # Saving.

    def test_svg_and_png(self):
        self.open(execution="main", event="n2:8")
        svg = self.browser.driver.execute_async_script(
            "import('/page/save.js').then(({svgOf}) => arguments[0](svgOf(lightcone.view)))"
        )
        tree = xml.etree.ElementTree.fromstring(svg)
        texts = {element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")}
        self.assertLessEqual({"n1", "n1#2", "n2", "n3"}, texts)
        size = self.browser.driver.execute_async_script(
            "lightcone.view.canvas.toBlob(blob => arguments[0](blob.size))"
        )
        self.assertGreater(size, 10_000)

    def test_every_format_of_export_is_there(self):
        self.open(execution="main", event="n2:8")
        self.browser.run("lightcone.saving.open()")
        links = self.browser.run(
            "return [...document.querySelectorAll('#save a')].map(one => one.href)"
        )
        self.assertEqual(len(links), 21)
        for link in links:
            path = link.removeprefix(self.collector.url)
            self.assertEqual(self.collector.headers(path)[0], 200, path)

    # Hostile events.

    def hostile(self):
        """A folder whose names, texts and attributes mean harm."""
        events = []
        for number, text in enumerate(HOSTILE):
            process = f"p{number} {text}"
            events.append(
                {
                    "process": process,
                    "name": text,
                    "text": text,
                    "clock": {process: 1},
                    "attributes": {text[:60] + "k": text},
                    "note": text,
                }
            )
        events.append(
            {"process": "big", "name": "big", "text": "<b>x</b> " * 116_000, "clock": {"big": 1}}
        )
        events.append(
            {
                "process": "numbers",
                "name": "numbers",
                "clock": {"numbers": 1},
                "number": 9007199254740993,
            }
        )
        return import_lines(self.work / "hostile", events)

    def test_hostile_events_run_nothing_and_break_nothing(self):
        collector = Collector(self.hostile())
        self.addCleanup(collector.stop)
        browser = self.browser
        browser.open(collector.url, "tab=table")
        tags = browser.run("return document.querySelectorAll('script, img, iframe, b').length")
        processes = [one["process"] for one in collector.list("processes")]
        self.assertGreaterEqual(len(processes), len(HOSTILE))
        for process in processes:
            browser.run("lightcone.select(arguments[0])", f"{process}:1")
            browser.ready()
            wait_until(lambda: browser.text("#panel-event .event-title"), process)
        browser.run("lightcone.runQuery('{ level >= trace || !(level >= trace) }')")
        browser.ready()
        browser.run("lightcone.state.set({tab: 'lanes'})")
        browser.run("lightcone.laneList.openMenu(0)")
        self.assertEqual(browser.driver.title, "Lightcone")
        self.assertEqual(
            browser.run("return document.querySelectorAll('script, img, iframe, b').length"), tags
        )
        self.assertLessEqual(
            browser.run("return document.documentElement.scrollWidth - innerWidth"), 0
        )
        svg = browser.driver.execute_async_script(
            "import('/page/save.js').then(({svgOf}) => arguments[0](svgOf(lightcone.view)))"
        )
        xml.etree.ElementTree.fromstring(svg)
        self.assert_quiet()

    def test_a_long_text_is_cut_and_can_be_read(self):
        collector = Collector(self.hostile())
        self.addCleanup(collector.stop)
        self.browser.open(collector.url, "tab=event&event=big%3A1")
        self.browser.wait_for_text("#panel-event", "characters")
        self.assertLess(len(self.browser.text("#panel-event")), 10_000)
        self.browser.run(
            "[...document.querySelectorAll('#panel-event button')].find(one => one.innerText.startsWith('all')).click()"
        )
        self.assertGreater(len(self.browser.text("#panel-event")), 900_000)
        self.browser.run("lightcone.select('numbers:1')")
        self.browser.wait_for_text("#panel-event", "9007199254740993")

    def test_ten_thousand_lanes(self):
        events = [
            {
                "process": f"host-{number // 10}/p{number % 10}",
                "name": "x",
                "clock": {f"host-{number // 10}/p{number % 10}": 1},
            }
            for number in range(10_000)
        ]
        import_lines(self.work / "many", events)
        collector = Collector(self.work / "many")
        self.addCleanup(collector.stop)
        browser = self.browser
        browser.open(collector.url, "tab=lanes")
        self.assertIn("10,000 processes", browser.text("#summary"))
        browser.run("lightcone.view.scrollTo(80_000); lightcone.view.moved()")
        browser.ready()
        row = browser.run("return lightcone.view.firstRow")
        self.assertGreater(row, 1000)
        wait_until(
            lambda: browser.run(
                "const v = lightcone.view;"
                "return v.window.byLane.get(v.lanes.rows[v.firstRow + 3])?.x.length > 0"
            ),
            "the lanes that are seen now are here",
        )
        browser.run("lightcone.state.set({lanes: 'host-999/'})")
        self.assertEqual(browser.run("return lightcone.view.lanes.rows.length"), 10)

    # What comes and goes.

    def test_an_empty_collector_says_what_to_do_and_then_shows(self):
        (self.work / "empty").mkdir()
        collector = Collector(self.work / "empty")
        self.addCleanup(collector.stop)
        self.browser.driver.get("about:blank")
        self.browser.driver.get(collector.url)
        self.browser.wait_for_text("#notice", "There are no events yet")
        self.browser.wait_for_text("#notice", "lightcone record")
        self.record(collector, 1)
        self.browser.wait_for_text("#summary", "1 event")
        self.assertFalse(self.browser.find("#notice").is_displayed())

    def record(self, collector, number):
        """Events of a program on this machine, through an agent."""
        if not hasattr(self, "agent"):
            self.spool = self.work / f"spool-{time.monotonic_ns()}"
            self.agent = subprocess.Popen(
                [
                    LIGHTCONE,
                    "agent",
                    "--collector",
                    collector.url,
                    "--host",
                    "web-1",
                    "--spool",
                    self.spool,
                    "--data",
                    self.work / f"agent-{time.monotonic_ns()}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.addCleanup(self.agent.wait)
            self.addCleanup(self.agent.terminate)
            wait_until((self.spool / "agent.sock").exists, "the agent listens")
        for _ in range(number):
            lightcone(
                "record", "--process", "deploy", "--name", "step", LIGHTCONE_SPOOL=str(self.spool)
            )

    def test_live_while_agents_record_and_the_collector_is_restarted(self):
        (self.work / "live").mkdir()
        collector = Collector(self.work / "live")
        self.addCleanup(lambda: collector.stop())
        self.record(collector, 1)
        wait_until(lambda: collector.list("executions"), "the first event is here")
        self.browser.open(collector.url, "live=1&tab=table")
        self.record(collector, 2)
        wait_until(lambda: len(self.rows()) == 3, "three events are shown")
        collector.stop()
        self.browser.wait_for_text("#banner", "The collector does not answer")
        self.assertEqual(len(self.rows()), 3)
        self.record(collector, 1)
        collector.start()
        wait_until(lambda: len(self.rows()) == 4, "the fourth is shown after the restart")
        wait_until(lambda: not self.browser.find("#banner").is_displayed(), "the banner is gone")

    # Accessibility.

    @unittest.skipUnless(AXE, "axe cannot be had here")
    def test_axe_finds_nothing(self):
        states = [
            {"execution": "main"},
            {"execution": "main", "event": "n2:8", "other": "n3:16", "tab": "event"},
            {"execution": "main", "tab": "results", "q": "{ level >= info }"},
            {
                "execution": "main",
                "tab": "results",
                "q": "{ level >= info } | count() by (name)",
                "show": "chart",
            },
            {"execution": "main", "tab": "lanes"},
            {"execution": "main", "tab": "table", "event": "n2:8"},
            {"execution": "good", "compare": "bad"},
        ]
        source = pathlib.Path(AXE).read_text()
        for theme in ("light", "dark"):
            for state in states:
                self.open(**state)
                self.browser.run(
                    "localStorage.setItem('theme', arguments[0]); lightcone.theme.apply()", theme
                )
                self.browser.ready()
                self.browser.run(source)
                found = self.browser.driver.execute_async_script(
                    "axe.run().then(found => arguments[0](found.violations.map(one => [one.id, one.nodes.map(node => node.target.join(' ') + ' ' + (node.any[0]?.message ?? '')).slice(0, 3)])))"
                )
                self.assertEqual(found, [], f"{theme} {state}")
        self.browser.run("localStorage.removeItem('theme')")

    def test_a_screen_reader_is_told(self):
        self.open(execution="main")
        self.browser.run("lightcone.select('n2:8')")
        self.browser.wait_for_text("#said", "n2:8 leader elected")
        self.browser.run("lightcone.runQuery('{ name = put }')")
        self.browser.wait_for_text("#said", "3 events")


if __name__ == "__main__":
    unittest.main()
