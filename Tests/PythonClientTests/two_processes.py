"""A tiny shop of two operating system processes, for end-to-end tests of the Python client.

`py-web` asks `py-orders` over HTTP for an order; `py-orders` logs it and answers with a token. The
agent is found as always (LIGHTCONE_SPOOL). Standard output is one line of JSON with the ids of what
was recorded, in the order in which each happened before the next:

    {"start": "py-web:1", "send": "py-web:2", "receive": "py-orders:1", "log": "py-orders:2",
     "answer": "py-orders:3", "answer_received": "py-web:3"}

Anything that was not recorded is a failure: exit code 1, and the reason on standard error.
"""
from __future__ import annotations

import json
import logging
import subprocess
import sys
import urllib.request
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

sys.path.insert(0, str(Path(__file__).resolve().parent / "../../Scripts/clients/python"))

from lightcone import (LightconeError, LightconeProcessor, LogHandler, Recorder,  # noqa: E402
                       WSGIMiddleware)

PATIENT_SECONDS = 20.0
"""How long each part waits for the other, and for the agent: a busy machine is no failure."""


class NotingRecorder(Recorder):
    """A recorder that keeps the ids of its events, as LogHandler and the rest do not show them."""

    def __init__(self, process):
        super().__init__(process, timeout=PATIENT_SECONDS, strict=True)
        self.ids = []

    def record(self, *arguments, **options):
        self.ids.append(super().record(*arguments, **options))
        return self.ids[-1]

    def send(self, *arguments, **options):
        sent = super().send(*arguments, **options)
        self.ids.append(sent.id)
        return sent

    def receive(self, *arguments, **options):
        self.ids.append(super().receive(*arguments, **options))
        return self.ids[-1]


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_):
        """Says nothing: standard error is for failures."""


def orders():
    """Serves one request. Prints the port, then the ids of what was recorded."""
    log = logging.getLogger("orders")

    def application(environ, start_response):
        log.info("order %s accepted", environ["PATH_INFO"].rpartition("/")[2])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"accepted\n"]

    with NotingRecorder("py-orders") as recorder:
        log.setLevel(logging.INFO)
        log.addHandler(LogHandler(recorder))
        with make_server("127.0.0.1", 0, WSGIMiddleware(application, recorder),
                         handler_class=QuietHandler) as server:
            server.timeout = PATIENT_SECONDS
            print(server.server_port, flush=True)
            server.handle_request()
        print(json.dumps(dict(zip(("receive", "log", "answer"), recorder.ids))), flush=True)


def web():
    """Starts the orders, sends one, and prints the ids of both processes."""
    with NotingRecorder("py-web") as recorder:
        recorder.record("the shop opens", name="start")
        child = subprocess.Popen([sys.executable, __file__, "orders"], stdout=subprocess.PIPE,
                                 text=True)
        try:
            port = int(child.stdout.readline())
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                 LightconeProcessor(recorder))
            url = f"http://127.0.0.1:{port}/orders/17"
            opener.open(url, timeout=PATIENT_SECONDS).close()
            theirs = json.loads(child.communicate(timeout=PATIENT_SECONDS)[0])
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
    start, send, answer_received = recorder.ids
    print(json.dumps({"start": start, "send": send, **theirs, "answer_received": answer_received}))


if __name__ == "__main__":
    try:
        orders() if sys.argv[1:] == ["orders"] else web()
    except (LightconeError, OSError, ValueError) as error:
        sys.exit(f"two_processes: {type(error).__name__}: {error}")
