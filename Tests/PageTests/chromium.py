"""A real Chromium, and a real collector for it to look at."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "Sources/lightcone/Documentation.docc/demo.ndjson"
LIGHTCONE = os.environ.get("LIGHTCONE_BINARY", "lightcone")
PATIENT_SECONDS = 30.0
"""A time limit that only a broken program reaches, however busy the machine is."""
LISTENS = re.compile(r"listen=https?://127\.0\.0\.1:(\d+)")


def import_fork(folder, execution):
    """One run that goes on in two ways, as after a disk was restored."""

    def events(end):
        return [
            {"process": "db", "name": name, "clock": {"db": number}}
            for number, name in enumerate(["begin", "write", f"write {end}", f"sync {end}"], 1)
        ]

    web = {"process": "web", "name": "asks", "clock": {"db": 2, "web": 1}}
    for end in "ab":
        import_lines(folder, [*events(end), web], "--host", "h1", "--execution", execution, log=end)


class Broken(AssertionError):
    """What did not happen in time."""


def wait_until(holds, what, seconds=PATIENT_SECONDS):
    """The first answer that is true; fails where there is none in time."""
    end = time.monotonic() + seconds
    while True:
        answer = holds()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Broken(f"not in {seconds:.0f} s: {what}")
        time.sleep(0.02)


def lightcone(*arguments, **more):
    """What a command of lightcone prints."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("LIGHTCONE_")
    }
    return subprocess.run(
        [LIGHTCONE, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.DEVNULL,
        env={**environment, **more},
    ).stdout


def import_lines(folder, events, *options, log=""):
    """Imports events, given as objects of `import --format jsonl`."""
    log = pathlib.Path(f"{folder}{log}.jsonl")
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    lightcone("import", "--into", folder, "--format", "jsonl", *options, log)
    return folder


def ask(url, verb, **parameters):
    """The answer to a question that has one object."""
    query = urllib.parse.urlencode(parameters, doseq=True)
    with urllib.request.urlopen(f"{url}/v1/{verb}?{query}") as answer:
        return json.load(answer)


class Collector:
    """A collector of its own, at a port that it keeps when it is started again."""

    def __init__(self, data, scheme="http"):
        self.data = pathlib.Path(data)
        self.log = self.data.with_name(self.data.name + ".collector")
        self.process = None
        # A port that was free a moment ago: the page's address must stay the same.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [LIGHTCONE, "collector", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: LISTENS.search(self.log.read_text()), "the collector listens")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENT_SECONDS)

    def list(self, verb, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        with urllib.request.urlopen(f"{self.url}/v1/{verb}?{query}") as answer:
            return [json.loads(line) for line in answer.read().splitlines() if line]

    def headers(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers


class Browsing:
    """`lightcone browse` of a folder, in which nothing is written."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [LIGHTCONE, "browse", "--no-open", folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url = self.process.stdout.readline().strip().rstrip("/")

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENT_SECONDS)
        self.process.stdout.close()


class Browser:
    """One headless Chromium."""

    def __init__(self, width=1360, height=860, *options):
        settings = webdriver.ChromeOptions()
        for option in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            f"--window-size={width},{height}",
            *options,
        ):
            settings.add_argument(option)
        # A collector's own authority is none that Chromium knows.
        settings.accept_insecure_certs = True
        settings.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=settings)
        self.driver.set_script_timeout(PATIENT_SECONDS)

    def quit(self):
        self.driver.quit()

    def open(self, url, fragment=""):
        """Opens a page anew, and waits for its first picture."""
        self.driver.get("about:blank")
        self.driver.get(f"{url}/" + (f"#{fragment}" if fragment else ""))
        self.ready()

    def ready(self):
        """Waits until nothing is loaded any more, and the picture is drawn."""
        wait_until(
            lambda: self.run(
                "return document.documentElement.dataset.state === 'ready' && !document.querySelector('[aria-busy]')"
            ),
            "the page is ready",
        )
        self.frames(3)

    def frames(self, number):
        self.driver.execute_async_script(
            "const done = arguments[1]; let left = arguments[0];"
            "const step = () => left-- > 0 ? requestAnimationFrame(step) : done(); step();",
            number,
        )

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def wait_for_text(self, selector, text):
        wait_until(
            lambda: text in self.text(selector),
            f"{selector} says “{text}”, not “{self.text(selector)[:300]}”",
        )

    def state(self):
        """What the address says."""
        fragment = urllib.parse.urlsplit(self.driver.current_url).fragment
        return urllib.parse.parse_qs(fragment, keep_blank_values=True)

    def place_of(self, event):
        """The pixel of an event in the window, from where the page draws it."""
        return self.run(
            """
            const view = lightcone.view, [process, sequence] = arguments;
            const lane = view.lanes.byProcess.get(process), box = view.canvas.getBoundingClientRect();
            const x = view.pixelOf({lane, sequence, position: null});
            return [box.left + view.namesWidth + x, box.top + view.laneY(lane)]""",
            event.rpartition(":")[0],
            int(event.rpartition(":")[2]),
        )

    def click(self, x, y, shift=False):
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1, modifiers=8 if shift else 0)

    def mouse(self, kind, x, y, **more):
        self.driver.execute_cdp_cmd(
            "Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more}
        )

    def keys(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def chord(self, modifier, key):
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def errors(self):
        """What the browser's console complains of since the last time."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]
