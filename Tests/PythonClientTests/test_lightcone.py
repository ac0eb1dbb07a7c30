"""Tests of the Python client against a small agent that checks the contract on its own."""
from __future__ import annotations

import base64
import collections
import contextlib
import email.message
import gc
import io
import json
import logging
import math
import os
import re
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
import warnings
import weakref
import wsgiref.simple_server
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../../Scripts/clients/python"))

import lightcone  # noqa: E402
from lightcone import (LightconeError, LightconeProcessor, LogHandler, Recorder,  # noqa: E402
                       TokenHosts, WSGIMiddleware, instrument_requests)

try:
    import requests
except ImportError:
    requests = None

PATIENT_SECONDS = 20.0
"""A time limit that only a broken program reaches, however busy the machine is."""
SHORT_SECONDS = 0.1
"""A time limit that a test waits out."""
PROMPT_SECONDS = 5.0
"""Far above SHORT_SECONDS and far below for ever: what "a call did not hang" means here."""

LEVELS = {"trace", "debug", "info", "notice", "warning", "error", "critical"}
FIELDS = {"process", "kind", "token", "tokens", "name", "text", "level", "time", "attributes",
          "execution", "lost"}


class BadLine(Exception):
    """What the agent refuses: the field, and why."""

    def __init__(self, field, detail):
        super().__init__(detail)
        self.field = field


def token_of(identifier):
    return base64.urlsafe_b64encode(f"clock of {identifier}".encode()).decode().rstrip("=")


def checked_event(line):
    """One line of a request as an event; raises BadLine where it breaks the contract."""
    def no_constant(name):
        raise BadLine(None, f"{name} is not JSON")

    event = json.loads(line, parse_constant=no_constant)
    json.dumps(event, ensure_ascii=False).encode("utf-8")  # no lone surrogates
    for field in event:
        if field not in FIELDS:
            raise BadLine(field, "unknown field")
    for field in FIELDS - {"attributes", "time", "lost", "tokens"}:
        if field in event and not isinstance(event[field], str):
            raise BadLine(field, "expected text")
    if not event.get("process"):
        raise BadLine("process", "required")
    if len(event.get("name", "").encode()) > 256:
        raise BadLine("name", "more than 256 bytes")
    kind = event.setdefault("kind", "local")
    if kind not in ("local", "send", "receive"):
        raise BadLine("kind", "unknown kind")
    if (kind == "receive") != (("token" in event) + ("tokens" in event)):
        raise BadLine("token", "one of token and tokens for receive, none otherwise")
    if not 1 <= len(event.get("tokens", ["one"])) <= 1024:
        raise BadLine("tokens", "expected 1 to 1024")
    for token in [event["token"]] if "token" in event else event.get("tokens", []):
        if not base64.urlsafe_b64decode(
                token + "=" * (-len(token) % 4)).startswith(b"clock of "):
            raise BadLine("token" if "token" in event else "tokens", "expected a token")
    lost = event.get("lost", 1)  # 0 is not worth a key
    if type(lost) is not int or not 1 <= lost <= 1 << 40:
        raise BadLine("lost", "expected a number of events")
    if event.get("level", "info") not in LEVELS:
        raise BadLine("level", "unknown level")
    if isinstance(event.get("time"), str):
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)",
                            event["time"]):
            raise BadLine("time", "expected RFC 3339")
    if not isinstance(event.setdefault("attributes", {}), dict) or len(event["attributes"]) > 128:
        raise BadLine("attributes", "expected an object of at most 128")
    return event


class FakeAgent:
    """The agent's local interface, on the socket of a spool or on a loopback port.

    `script` holds what happens to the next requests instead of their being recorded: functions of
    the handler, each of which deals with one request.
    """

    def __init__(self, spool=None, incarnation=1):
        self.events = []
        self.script = collections.deque()
        self.connections = 0
        self.requests = 0
        self.sequence = collections.Counter()
        self.incarnation = incarnation
        self.lock = threading.Lock()
        self.sockets = set()
        base = socketserver.UnixStreamServer if spool else socketserver.TCPServer
        server = type("Server", (socketserver.ThreadingMixIn, base), {
            "daemon_threads": True, "block_on_close": False, "request_queue_size": 128,
            "handle_error": lambda *_: None})
        self.server = server(os.path.join(spool, "agent.sock") if spool else ("127.0.0.1", 0),
                             type("Handler", (AgentHandler,), {"agent": self}))
        self.address = None if spool else "127.0.0.1:%d" % self.server.server_address[1]
        self.path = os.path.join(spool, "agent.sock") if spool else None
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self):
        """Dies as an agent does: connections are cut, the socket is gone."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)
        self.cut()

    def cut(self):
        with self.lock:
            for connection in self.sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def record(self, body):
        """The answer to a request's body: all of its lines, or BadLine with `line` set."""
        events = []
        for number, line in enumerate(body.decode("utf-8").splitlines(), start=1):
            try:
                events.append(checked_event(line))
            except (BadLine, ValueError) as error:
                error.line = number
                raise
        answers = []
        with self.lock:
            for event in events:
                process = event["process"]
                self.sequence[process] += event.get("lost", 0) + 1
                name = process if self.incarnation == 1 else f"{process}#{self.incarnation}"
                event["id"] = f"{name}:{self.sequence[process]}"
                self.events.append(event)
                answer = {"id": event["id"]}
                if event["kind"] == "send":
                    answer["token"] = token_of(event["id"])
                answers.append(json.dumps(answer) + "\n")
        return "".join(answers)


class AgentHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    agent: FakeAgent

    def setup(self):
        if self.agent.path:
            self.disable_nagle_algorithm = False
        super().setup()
        with self.agent.lock:
            self.agent.connections += 1
            self.agent.sockets.add(self.connection)

    def finish(self):
        with self.agent.lock:
            self.agent.sockets.discard(self.connection)
        super().finish()

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.agent.lock:
            self.agent.requests += 1
            step = self.agent.script.popleft() if self.agent.script else None
        self.body = body
        if step is not None:
            step(self)
        elif self.path != "/v1/events" or self.headers["Content-Type"] != "application/x-ndjson":
            self.answer(404, "{}")
        elif len(body) > 1 << 20:
            self.answer(413, "{}")
        else:
            self.answer_recording()

    def answer_recording(self):
        try:
            self.answer(200, self.agent.record(self.body), "application/x-ndjson")
        except (BadLine, ValueError) as error:
            self.answer(400, json.dumps({
                "title": "bad line", "status": 400, "detail": str(error), "line": error.line,
                "field": getattr(error, "field", None)}), "application/problem+json")

    def answer(self, status, text, kind="application/problem+json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text.encode())
        self.wfile.flush()


class Clock:
    """The client's clock: the real one, put forward by the test instead of sleeping."""

    def __init__(self):
        self.ahead = 0.0
        self.now = time.monotonic

    def __call__(self):
        return self.now() + self.ahead

    def freeze(self):
        """From now on it moves only when it is put forward."""
        moment = time.monotonic()
        self.now = lambda: moment


class AgentTestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lc")
        self.addCleanup(folder.cleanup)
        self.spool = folder.name
        self.clock = Clock()
        patched = mock.patch.object(lightcone, "monotonic", self.clock)
        patched.start()
        self.addCleanup(patched.stop)

    def start_agent(self, **options):
        agent = FakeAgent(self.spool, **options)
        self.addCleanup(agent.stop)
        return agent

    def recorder(self, process="deploy", **options):
        options.setdefault("timeout", PATIENT_SECONDS)
        if "address" not in options:
            options.setdefault("spool", self.spool)
        recorder = Recorder(process, **options)
        self.addCleanup(recorder.close)
        return recorder

    def assert_prompt(self, started):
        self.assertLess(time.monotonic() - started, PROMPT_SECONDS)

    def hanging(self):
        """A step that answers nothing until the test is over."""
        released = threading.Event()
        self.addCleanup(released.set)
        arrived = threading.Event()

        def step(handler):
            arrived.set()
            released.wait(PATIENT_SECONDS)
            handler.close_connection = True
        return step, arrived


class RecordingTests(AgentTestCase):
    def test_every_field_arrives(self):
        agent = self.start_agent()
        recorder = self.recorder(execution="test-1")
        moment = datetime(2024, 5, 6, 7, 8, 9, 250000, timezone(timedelta(hours=2)))
        identifier = recorder.record("pushed — ü\n2nd line", name="image pushed", level="notice",
                                     attributes={"bytes": 1024, "tags": ["a", None, True]},
                                     time=moment)
        self.assertEqual(identifier, "deploy:1")
        self.assertEqual(agent.events, [{
            "process": "deploy", "kind": "local", "execution": "test-1", "id": "deploy:1",
            "text": "pushed — ü\n2nd line", "name": "image pushed", "level": "notice",
            "attributes": {"bytes": 1024, "tags": ["a", None, True]},
            "time": "2024-05-06T05:08:09.250000+00:00"}])
        self.assertEqual((recorder.lost, recorder.last_error), (0, None))

    def test_defaults_are_left_to_the_agent(self):
        agent = self.start_agent()
        self.recorder().record()
        self.assertEqual(agent.events, [
            {"process": "deploy", "kind": "local", "id": "deploy:1", "attributes": {}}])

    def test_times(self):
        agent = self.start_agent()
        recorder = self.recorder(strict=True)
        recorder.record(time=0)
        recorder.record(time=1715000000.5)
        recorder.record(time=datetime(2024, 1, 1))
        recorder.record(time="2024-01-01T00:00:00.123456789Z")
        local = datetime(2024, 1, 1).astimezone(timezone.utc).isoformat()
        self.assertEqual([event["time"] for event in agent.events], [
            "1970-01-01T00:00:00+00:00", "2024-05-06T12:53:20.500000+00:00", local,
            "2024-01-01T00:00:00.123456789Z"])

    def test_numeric_levels(self):
        agent = self.start_agent()
        recorder = self.recorder(strict=True)
        for number in (5, 10, 20, 25, 30, 40, 50, 60):
            recorder.record(level=number)
        self.assertEqual([event["level"] for event in agent.events], [
            "trace", "debug", "info", "notice", "warning", "error", "critical", "critical"])

    def test_send_and_receive(self):
        agent = self.start_agent()
        web, orders = self.recorder("web"), self.recorder("orders")
        web.record("start")
        sent = web.send("order 17", attributes={"items": 2})
        self.assertEqual(sent, ("web:2", token_of("web:2")))
        self.assertEqual(orders.receive(sent.token, "order 17"), "orders:1")
        self.assertEqual([(e["kind"], e.get("token")) for e in agent.events], [
            ("local", None), ("send", None), ("receive", sent.token)])

    def test_several_messages_at_once(self):
        agent = self.start_agent()
        recorder = self.recorder(strict=True)
        tokens = [token_of("a:1"), token_of("b:7")]
        for given in (tokens, tuple(tokens), [None, *tokens]):
            recorder.receive(given, "joined")
            self.assertEqual((agent.events[-1]["kind"], agent.events[-1]["tokens"]),
                             ("receive", tokens))
            self.assertNotIn("token", agent.events[-1])
        for nothing in ([], (None,)):
            recorder.receive(nothing, "alone")
            self.assertEqual(agent.events[-1]["kind"], "local")

    def test_whatever_is_no_json_becomes_text(self):
        class Silent:
            def __str__(self):
                raise RuntimeError("no text")

        agent = self.start_agent()
        cycle = []
        cycle.append(cycle)
        recorder = self.recorder(strict=True)
        recorder.record("lone \udc80", attributes={
            "nan": math.nan, "cycle": cycle, "path": Path("/x"), 3: {"deep": {b"k": 1}},
            "bytes": b"\xffz", "silent": Silent(), "inside": [math.inf], "kept": {"n": [1, 2.5]}})
        attributes = agent.events[0]["attributes"]
        self.assertEqual(agent.events[0]["text"], "lone ?")
        self.assertEqual(attributes, {
            "nan": "nan", "cycle": "[[...]]", "path": "/x", "3": "{'deep': {b'k': 1}}",
            "bytes": "\ufffdz", "silent": "<Silent>", "inside": "[inf]", "kept": {"n": [1, 2.5]}})

    def test_a_loopback_port(self):
        agent = FakeAgent()
        self.addCleanup(agent.stop)
        recorder = self.recorder(address=agent.address, strict=True)
        self.assertEqual([recorder.record(), recorder.record()], ["deploy:1", "deploy:2"])
        self.assertEqual(agent.connections, 1)

    def test_where_the_agent_is_looked_for(self):
        agent = self.start_agent()
        port = FakeAgent()
        self.addCleanup(port.stop)
        with mock.patch.dict(os.environ, {"LIGHTCONE_SPOOL": self.spool, "LIGHTCONE_AGENT": ""}):
            with Recorder("spool", strict=True, timeout=PATIENT_SECONDS) as recorder:
                recorder.record()
            os.environ["LIGHTCONE_AGENT"] = port.address
            with Recorder("port", strict=True, timeout=PATIENT_SECONDS) as recorder:
                recorder.record()
            with self.recorder("argument", strict=True) as recorder:
                recorder.record()
        self.assertEqual([e["process"] for e in agent.events], ["spool", "argument"])
        self.assertEqual([e["process"] for e in port.events], ["port"])

    def test_the_default_spool(self):
        with mock.patch.dict(os.environ, clear=True):
            for has_memory, folder in ((True, "/dev/shm/lightcone"), (False, "/var/tmp/lightcone")):
                with mock.patch.object(os.path, "isdir", lambda _, found=has_memory: found):
                    recorder = Recorder("deploy")
                with mock.patch.object(lightcone._DeadlineSocket, "connect", create=True,
                                       side_effect=FileNotFoundError("none")) as connect:
                    recorder.record()
                connect.assert_called_once_with(f"{folder}/agent.sock")

    def test_arguments_out_of_range(self):
        for options in ({"process": ""}, {"process": "é" * 129}, {"timeout": 0},
                        {"timeout": 1e9}, {"address": "example.com:80"}, {"address": "127.0.0.1"},
                        {"address": "127.0.0.1:0"}, {"spool": "/tmp", "address": "127.0.0.1:1"}):
            with self.subTest(options), self.assertRaises(ValueError):
                Recorder(**{"process": "deploy", **options})

    def test_a_wrong_environment_breaks_nothing(self):
        with mock.patch.dict(os.environ, {"LIGHTCONE_AGENT": "nonsense"}):
            recorder = Recorder("deploy")
        self.assertIsNone(recorder.record())
        self.assertIn("nonsense", str(recorder.last_error))


class RefusalTests(AgentTestCase):
    def test_a_bad_event_is_lost_and_said(self):
        agent = self.start_agent()
        recorder = self.recorder()
        self.assertIsNone(recorder.record(level="loud"))
        self.assertEqual(recorder.lost, 1)
        error = recorder.last_error
        self.assertEqual((error.status, error.line, error.field), (400, 1, "level"))
        self.assertIn("unknown level", str(error))
        self.assertEqual(recorder.record("next"), "deploy:2")  # at once: the agent is well
        self.assertEqual((agent.events[0]["lost"], agent.events[0]["attributes"]), (1, {}))

    def test_strict_raises(self):
        self.start_agent()
        recorder = self.recorder(strict=True)
        with self.assertRaises(LightconeError) as caught:
            recorder.record(level="loud")
        error = caught.exception
        self.assertEqual((error.status, error.line, error.field), (400, 1, "level"))
        with self.assertRaisesRegex(LightconeError, "OverflowError|ValueError"):
            recorder.record(time=1e30)
        self.assertEqual((recorder.lost, recorder.last_error), (0, None))
        self.assertEqual(recorder.record(), "deploy:1")

    def test_what_cannot_be_built_is_lost(self):
        self.start_agent()
        recorder = self.recorder()
        self.assertIsNone(recorder.record(time=1e30))
        self.assertIsNone(recorder.record(attributes=17))
        self.assertEqual(recorder.lost, 2)
        self.assertEqual(recorder.record(), "deploy:3")

    def test_too_large_is_refused_before_it_leaves(self):
        agent = self.start_agent()
        recorder = self.recorder()
        self.assertIsNone(recorder.record("x" * (1 << 20)))
        self.assertEqual((recorder.last_error.status, agent.requests), (413, 0))
        self.assertEqual(recorder.record(), "deploy:2")

    def test_retry_after_is_kept(self):
        self.clock.freeze()
        for status in (429, 503):
            with self.subTest(status):
                agent = self.start_agent()
                agent.script.append(lambda h, s=status: h.answer(s, "{}", Retry_After="30"))
                recorder = self.recorder()
                self.assertIsNone(recorder.record())
                self.assertEqual(recorder.last_error.status, status)
                self.clock.ahead += 29
                self.assertIsNone(recorder.record())
                self.assertEqual(agent.requests, 1)
                self.clock.ahead += 2
                self.assertEqual(recorder.record(), "deploy:3")
                self.assertEqual(agent.events[0]["lost"], 2)
                agent.stop()

    def test_answers_that_are_none(self):
        agent = self.start_agent()
        for answer in ("", "{}", "[]", "no json", '{"id": 3, "token": "abc"}', '{"id": "a:1"}',
                       '{"id": "a:1", "token": "abc"}' + " " * 100_000,
                       '{"id": "a:1", "token": null}',
                       '{"id": "a:1", "token": "x\\r\\nSet-Cookie: a=b"}',
                       '{"id": "a:1", "token": "%s"}' % ("x" * 513), "x" * 200_000):
            with self.subTest(answer[:50]):
                recorder = self.recorder()
                agent.script.append(lambda h, a=answer: h.answer(200, a))
                self.assertEqual(recorder.headers(), {})
                self.assertEqual(recorder.lost, 1)
                self.clock.ahead += 10
                self.assertIsNotNone(recorder.send())

    def test_problems_that_are_none(self):
        agent = self.start_agent()
        for answer in ("", "[1]", "<html>", '{"title": "broken"}', '"text"', "[[1, 2]]"):
            with self.subTest(answer):
                recorder = self.recorder()
                agent.script.append(lambda h, a=answer: h.answer(500, a))
                self.assertIsNone(recorder.record())
                self.assertEqual(recorder.last_error.status, 500)


class OutageTests(AgentTestCase):
    def test_a_dead_agent_costs_nothing_per_call(self):
        recorder = self.recorder()
        costly = mock.MagicMock()
        self.clock.freeze()
        with mock.patch.object(lightcone._DeadlineSocket, "connect", create=True,
                               side_effect=ConnectionRefusedError("nobody")) as connect:
            recorder.record()
            for _ in range(999):
                self.assertIsNone(recorder.record(attributes={"order": costly}))
        costly.__str__.assert_not_called()
        self.assertEqual(connect.call_count, 1)
        self.assertEqual(recorder.lost, 1000)
        self.assertIn("ConnectionRefusedError", str(recorder.last_error))

    def test_pauses_grow_and_end(self):
        recorder = self.recorder()
        pauses = []
        self.clock.freeze()
        with mock.patch.object(lightcone.random, "uniform", lambda low, high: high):
            for _ in range(12):
                recorder.record()
                pauses.append(recorder._paused_until - self.clock())
                self.clock.ahead += pauses[-1] + 1
        expected = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5, 5, 5]
        self.assertEqual([round(pause, 3) for pause in pauses], expected)
        agent = self.start_agent()
        self.assertEqual(recorder.record(), "deploy:13")
        self.assertEqual(agent.events[0]["lost"], 12)
        agent.stop()
        recorder.record()
        self.assertLess(recorder._paused_until - self.clock(), 0.1)  # an answer forgives

    def test_pauses_grow_with_what_a_failure_costs(self):
        agent = self.start_agent()
        recorder = self.recorder()

        def slow(handler):
            self.clock.ahead += 2
            handler.answer(503, "{}")
        agent.script.extend([slow] * 8)
        self.clock.freeze()
        with mock.patch.object(lightcone.random, "uniform", lambda low, high: high):
            for _ in range(8):
                recorder.record()
                pause = recorder._paused_until - self.clock()
                self.clock.ahead += 100
        self.assertAlmostEqual(pause, 40)

    def test_strict_raises_and_never_pauses(self):
        recorder = self.recorder(strict=True)
        for _ in range(2):
            with self.assertRaisesRegex(LightconeError, "FileNotFoundError") as caught:
                recorder.record()
            self.assertIsNone(caught.exception.status)
        agent = self.start_agent()
        self.assertEqual(recorder.record(), "deploy:1")
        self.assertEqual(agent.events[0]["attributes"], {})

    def test_losses_are_told_once(self):
        recorder = self.recorder()
        for _ in range(3):
            recorder.record()
        self.clock.ahead += 10
        agent = self.start_agent()
        recorder.record("mine", attributes={"lost": "luggage"})
        recorder.record("full", attributes={str(number): number for number in range(128)})
        recorder.send("told", attributes={"a": 1})
        recorder.record("after")
        self.assertEqual([event.get("lost") for event in agent.events], [3, None, None, None])
        self.assertEqual(agent.events[0]["attributes"], {"lost": "luggage"})  # is the user's own
        self.assertEqual(len(agent.events[1]["attributes"]), 128)
        self.assertEqual((recorder.lost, recorder.record()), (3, "deploy:8"))

    def test_losses_are_told_until_an_answer_says_that_they_arrived(self):
        recorder = self.recorder()
        recorder.record()
        agent = self.start_agent()
        seen = []
        for answer in (lambda h: h.answer(503, "{}"), lambda h: h.answer(200, "no answer")):
            agent.script.append(lambda h, a=answer: (seen.append(json.loads(h.body)["lost"]), a(h)))
            self.clock.ahead += 100
            self.assertIsNone(recorder.record())
        self.clock.ahead += 100
        self.assertEqual(recorder.record(), "deploy:4")
        self.assertEqual((seen, agent.events[0]["lost"], recorder.lost), ([1, 2], 3, 3))
        self.assertEqual(recorder.record(), "deploy:5")
        self.assertNotIn("lost", agent.events[1])

    def test_what_an_event_cannot_be_built_of_hides_no_losses(self):
        agent = self.start_agent()
        recorder = self.recorder()
        recorder.record(level="loud")
        self.assertIsNone(recorder.record(level="loud"))
        self.assertEqual(recorder.record(), "deploy:3")
        self.assertEqual(agent.events[0]["lost"], 2)

    def test_a_restart_between_events_loses_nothing(self):
        agent = self.start_agent()
        recorder = self.recorder()
        self.assertEqual(recorder.record(), "deploy:1")
        agent.stop()
        again = self.start_agent(incarnation=2)
        self.assertEqual(recorder.record(), "deploy#2:1")
        self.assertEqual(again.events[0]["attributes"], {})
        self.assertEqual(recorder.lost, 0)

    def test_a_restart_behind_a_port_loses_nothing_either(self):
        agent = FakeAgent()  # here it takes a second write to find out that nobody is there
        self.addCleanup(agent.stop)
        recorder = self.recorder(address=agent.address)
        recorder.record()
        agent.cut()
        self.assertEqual(recorder.record(), "deploy:2")
        self.assertEqual(recorder.lost, 0)

    def test_a_second_answer_is_not_taken_for_the_next(self):
        agent = self.start_agent()
        was_read, written = threading.Event(), threading.Event()

        def answer_twice(handler):
            handler.answer_recording()
            was_read.wait(PATIENT_SECONDS)
            handler.answer(200, '{"id": "forged:1"}')
            written.set()
        agent.script.append(answer_twice)
        recorder = self.recorder()
        self.assertEqual(recorder.record(), "deploy:1")
        was_read.set()
        self.assertTrue(written.wait(PATIENT_SECONDS))
        self.assertEqual(recorder.record(), "deploy:2")

    def test_a_connection_that_is_cut_while_sending_is_opened_again(self):
        agent = self.start_agent()
        recorder = self.recorder()
        recorder.record()
        agent.cut()
        with mock.patch.object(lightcone._Connection, "_is_idle", lambda _: True):
            self.assertEqual(recorder.record(), "deploy:2")
        self.assertEqual((recorder.lost, agent.connections), (0, 2))

    def test_a_hang_up_in_place_of_an_answer_is_not_repeated(self):
        agent = self.start_agent()
        recorder = self.recorder()
        recorder.record()

        def record_and_die(handler):
            agent.record(handler.body)
            handler.close_connection = True
        agent.script.append(record_and_die)
        self.assertIsNone(recorder.record("once"))
        self.assertEqual([event.get("text") for event in agent.events], [None, "once"])
        self.assertEqual(recorder.lost, 1)

    def test_one_connection_is_kept(self):
        agent = self.start_agent()
        recorder = self.recorder()
        for _ in range(20):
            recorder.record()
        recorder.record(level="loud")
        recorder.record()
        self.assertEqual(agent.connections, 1)

    def test_an_answer_in_chunks(self):
        agent = self.start_agent()

        def chunked(handler):
            answer = agent.record(handler.body).encode()
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in (answer[:3], answer[3:], b""):
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
        agent.script.extend([chunked, chunked])
        recorder = self.recorder(strict=True)
        self.assertEqual([recorder.record() for _ in range(3)],
                         ["deploy:1", "deploy:2", "deploy:3"])
        self.assertEqual(agent.connections, 1)

    def test_a_hanging_agent_holds_nobody(self):
        agent = self.start_agent()
        step, arrived = self.hanging()
        agent.script.append(step)
        recorder = self.recorder(timeout=SHORT_SECONDS)
        started = time.monotonic()
        self.assertIsNone(recorder.record())
        self.assert_prompt(started)
        self.assertTrue(arrived.wait(PATIENT_SECONDS))
        self.assertEqual(recorder.lost, 1)
        self.clock.ahead += 10
        recorder.timeout = PATIENT_SECONDS
        self.assertEqual(recorder.record(), "deploy:2")  # not the answer to the first, which is lost
        self.assertEqual(agent.connections, 2)

    def test_an_agent_that_answers_in_drops_holds_nobody(self):
        agent = self.start_agent()
        ended = threading.Event()

        def drip(handler):
            with contextlib.suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
                    handler.connection.sendall(bytes([byte]))
                    if ended.wait(SHORT_SECONDS / 4):
                        break
            handler.close_connection = True
        agent.script.append(drip)
        recorder = self.recorder(timeout=SHORT_SECONDS)
        started = time.monotonic()
        self.assertIsNone(recorder.record())
        self.assert_prompt(started)
        ended.set()

    def test_an_agent_that_accepts_nobody_holds_nobody(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(self.spool, "agent.sock"))
            listener.listen(0)
            recorders = [self.recorder(timeout=SHORT_SECONDS) for _ in range(3)]
            started = time.monotonic()
            for recorder in recorders:
                self.assertIsNone(recorder.record())
            self.assert_prompt(started)

    def test_threads_do_not_wait_one_after_the_other(self):
        agent = self.start_agent()
        steps = [self.hanging()[0] for _ in range(40)]
        agent.script.extend(steps)
        recorder = self.recorder(timeout=10 * SHORT_SECONDS)
        started = time.monotonic()
        threads = [threading.Thread(target=recorder.record) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assert_prompt(started)  # and not 40 time limits
        self.assertEqual(recorder.lost, 40)

    def test_waiting_for_other_threads_ends(self):
        recorder = self.recorder(timeout=SHORT_SECONDS)
        with recorder._lock:
            thread = threading.Thread(target=recorder.record, daemon=True)
            thread.start()
            thread.join(PROMPT_SECONDS)
            self.assertFalse(thread.is_alive())
        self.assertEqual(recorder.lost, 1)
        self.assertIn("other threads", str(recorder.last_error))

    def test_a_failure_met_while_waiting_for_another_thread_counts(self):
        agent = self.start_agent()
        recorder = self.recorder()
        lock = mock.Mock()
        lock.acquire = lambda timeout: recorder._pause(0, 30) or True  # as the other thread does
        recorder._lock = lock
        self.assertIsNone(recorder.record())
        self.assertEqual((agent.requests, recorder.lost, recorder.last_error), (0, 1, None))

    def test_large_events(self):
        agent = self.start_agent()
        recorder = self.recorder(strict=True)
        text = "x" * 1_000_000
        self.assertEqual([recorder.record(), recorder.record(text)], ["deploy:1", "deploy:2"])
        self.assertEqual(agent.events[1]["text"], text)

    def test_an_agent_that_stops_reading_holds_nobody(self):
        agent = self.start_agent()
        hang, _ = self.hanging()
        agent.script.append(lambda handler: [handler.answer_recording(), hang(handler)])
        recorder = self.recorder(strict=True)
        recorder.record()
        recorder.timeout = SHORT_SECONDS
        started = time.monotonic()
        with self.assertRaisesRegex(LightconeError, "timed out"):
            recorder.record("x" * 1_000_000)
        self.assert_prompt(started)

    def test_what_was_lost_keeps_nothing_alive(self):
        class Order:
            pass

        recorder = self.recorder()
        order = Order()
        gone = threading.Event()
        weakref.finalize(order, gone.set)
        recorder.record(attributes={"order": order})
        del order
        gc.collect()
        self.assertTrue(gone.is_set())
        self.assertEqual(recorder.lost, 1)

    def test_an_interrupt_leaves_no_half_answer_behind(self):
        agent = self.start_agent()
        recorder = self.recorder()
        with mock.patch.object(lightcone._Connection, "getresponse", side_effect=KeyboardInterrupt):
            with self.assertRaises(KeyboardInterrupt):
                recorder.record("first")
        identifier = recorder.record("second")  # the first may be recorded before or after it
        self.assertEqual([e["text"] for e in agent.events if e["id"] == identifier], ["second"])
        self.assertEqual(agent.connections, 2)

    def test_after_close(self):
        agent = self.start_agent()
        recorder = self.recorder()
        with recorder:
            recorder.record()
        recorder.close()
        self.assertIsNone(recorder.record())
        self.assertIn("closed", str(recorder.last_error))
        self.assertEqual((recorder.lost, len(agent.events)), (1, 1))


class BadTokenTests(AgentTestCase):
    def test_the_arrival_is_recorded(self):
        agent = self.start_agent()
        recorder = self.recorder()
        tokens = ["", "a b", "x" * 513, "é", "a\r\nb", "a=b", b"\xff", "x\n",
                  17, "d2hvZXZlcg"]  # the last two only the agent can tell
        for number, token in enumerate(tokens, start=1):
            with self.subTest(token):
                self.assertEqual(recorder.receive(token, "came", attributes={"k": 1}),
                                 f"deploy:{2 * number}")
                event = agent.events[-1]
                self.assertEqual((event["kind"], event["text"]), ("local", "came"))
                self.assertEqual(event["lost"], 1)  # the receive that nobody could read
                text = "\ufffd" if token == b"\xff" else str(token)
                self.assertEqual(event["attributes"], {"k": 1, "bad_token": text[:64]})
        self.assertEqual(recorder.lost, 0)

    def test_among_several_the_others_count(self):
        agent = self.start_agent()
        recorder = self.recorder()
        good = token_of("a:1")
        self.assertEqual(recorder.receive(["a b", good, ""], "came"), "deploy:3")
        event = agent.events[-1]
        self.assertEqual((event["kind"], event["tokens"], event["lost"]), ("receive", [good], 2))
        self.assertEqual(event["attributes"], {"bad_token": "a b"})
        recorder.receive([good, "d2hvZXZlcg"])  # only the agent can tell
        event = agent.events[-1]
        self.assertEqual((event["kind"], event["lost"]), ("local", 2))
        recorder.receive([good] * 1030)
        event = agent.events[-1]
        self.assertEqual((len(event["tokens"]), event["lost"]), (1024, 6))
        with self.assertRaises(LightconeError):
            self.recorder(strict=True).receive(["a b", good])
        self.assertEqual(recorder.lost, 0)

    def test_a_message_that_came_without(self):
        agent = self.start_agent()
        self.assertEqual(self.recorder(strict=True).receive(None, "came"), "deploy:1")
        self.assertEqual((agent.events[0]["kind"], agent.events[0]["attributes"]), ("local", {}))

    def test_strict_raises(self):
        self.start_agent()
        recorder = self.recorder(strict=True)
        for token, status in (("a b", None), ("d2hvZXZlcg", 400)):
            with self.subTest(token), self.assertRaises(LightconeError) as caught:
                recorder.receive(token)
            self.assertEqual((caught.exception.field, caught.exception.status), ("token", status))

    def test_another_mistake_is_not_blamed_on_the_token(self):
        agent = self.start_agent()
        recorder = self.recorder()
        self.assertIsNone(recorder.receive(token_of("a:1"), level="loud"))
        self.assertEqual((agent.events, recorder.last_error.field), ([], "level"))
        self.assertEqual(agent.requests, 1)


class SharingTests(AgentTestCase):
    def test_threads(self):
        agent = self.start_agent()
        recorder = self.recorder()
        identifiers = [[] for _ in range(8)]

        def work(mine):
            for number in range(40):
                mine.append(recorder.record(str(number)) if number % 2 else recorder.send().id)
        threads = [threading.Thread(target=work, args=(mine,)) for mine in identifiers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for mine in identifiers:
            sequence = [int(identifier.split(":")[1]) for identifier in mine]
            self.assertEqual(sequence, sorted(sequence))
        self.assertEqual({i for mine in identifiers for i in mine},
                         {f"deploy:{number}" for number in range(1, 321)})
        self.assertEqual((agent.connections, recorder.lost), (1, 0))

    def fork(self, in_child):
        """Runs a function in a forked child; its result, as JSON."""
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forks with threads: the point
            child = os.fork()
        if child == 0:
            try:
                os.write(writing, json.dumps(in_child()).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading, "rb") as answer:
            descriptor = answer.fileno()
            deadline = time.monotonic() + PATIENT_SECONDS
            os.set_blocking(descriptor, False)
            text = None
            while not text and time.monotonic() < deadline:
                text = answer.read()
                if text == b"":
                    break
                time.sleep(0.005)
        if not text:
            os.kill(child, 9)
        os.waitpid(child, 0)
        self.assertTrue(text, "the child gave no answer")
        return json.loads(text)

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_parent_and_child_share_no_connection(self):
        agent = self.start_agent()
        recorder = self.recorder()
        self.assertEqual(recorder.record(), "deploy:1")
        self.assertEqual(self.fork(lambda: [recorder.record(), recorder.record()]),
                         ["deploy:2", "deploy:3"])
        self.assertEqual(recorder.record(), "deploy:4")
        self.assertEqual(agent.connections, 2)  # the parent's is still the first

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_a_child_is_not_held_by_its_parents_threads(self):
        agent = self.start_agent()
        step, arrived = self.hanging()
        agent.script.append(step)
        recorder = self.recorder(timeout=2 * PATIENT_SECONDS)
        thread = threading.Thread(target=recorder.record, daemon=True)
        thread.start()
        self.assertTrue(arrived.wait(PATIENT_SECONDS))
        recorder._counting.acquire()
        try:
            self.assertEqual(self.fork(lambda: [recorder.record(level="loud"), recorder.lost,
                                                recorder.record()]), [None, 1, "deploy:2"])
        finally:
            recorder._counting.release()
            agent.cut()
            thread.join()

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_a_child_does_not_report_its_parents_losses(self):
        recorder = self.recorder()
        recorder.record()
        agent = self.start_agent()
        self.assertEqual(self.fork(lambda: [recorder.lost, recorder.record()]), [0, "deploy:1"])
        self.clock.ahead += 10
        recorder.record()
        self.assertEqual([event.get("lost") for event in agent.events], [None, 1])


class HeaderTests(AgentTestCase):
    def test_headers_of_a_message(self):
        agent = self.start_agent()
        recorder = self.recorder()
        headers = recorder.headers("to the queue", name="queue", attributes={"a": 1})
        self.assertEqual(headers, {"lightcone": token_of("deploy:1")})
        self.assertEqual((agent.events[0]["kind"], agent.events[0]["name"]), ("send", "queue"))

    def test_no_header_for_a_lost_event(self):
        self.assertEqual(self.recorder().headers(), {})

    def test_any_kind_of_headers(self):
        agent = self.start_agent()
        recorder = self.recorder()
        token = token_of("web:7")
        message = email.message.Message()
        message["LightCone"] = token
        message["Lightcone"] = "second"
        kinds = [{"lightcone": token}, {"LIGHTCONE": token}, message, [("a", "b"), ("Lightcone",
                 token)], [(b"lightcone", token.encode())], {"Lightcone": f" {token} , second"}]
        for number, headers in enumerate(kinds, start=1):
            self.assertEqual(recorder.receive_headers(headers, "in", name="n"), f"deploy:{number}")
        self.assertEqual([(e["kind"], e["token"], e["text"], e["name"]) for e in agent.events],
                         [("receive", token, "in", "n")] * len(kinds))

    def test_without_the_header_nothing_is_recorded(self):
        agent = self.start_agent()
        recorder = self.recorder()
        for headers in ({}, [], {"x-lightcone": "a"}, email.message.Message()):
            self.assertIsNone(recorder.receive_headers(headers))
        self.assertEqual((agent.events, recorder.lost), ([], 0))

    def test_a_bad_header_is_an_arrival(self):
        agent = self.start_agent()
        self.assertEqual(self.recorder().receive_headers({"lightcone": "a b"}), "deploy:2")
        self.assertEqual(agent.events[0]["attributes"], {"bad_token": "a b"})


class Shop:
    """A web server on a port of the machine's choosing, wrapped in the middleware."""

    def __init__(self, recorder, **options):
        self.tokens = []
        handler = type("Handler", (wsgiref.simple_server.WSGIRequestHandler,),
                       {"log_message": lambda *_: None})
        self.server = wsgiref.simple_server.make_server(
            "127.0.0.1", 0, WSGIMiddleware(self.application, recorder, **options),
            handler_class=handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def application(self, environ, start_response):
        self.tokens.append(environ.get("HTTP_LIGHTCONE"))
        path = environ["PATH_INFO"]
        if path == "/moved":
            start_response("302 Found", [("Location", "/here"), ("Content-Length", "0")])
        elif path == "/broken":
            start_response("500 Broken", [("Content-Length", "0")])
        else:
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]
        return [b""]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class HTTPTestCase(AgentTestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.start_agent()
        self.web, self.orders = self.recorder("web"), self.recorder("orders")

    def start_shop(self, **options):
        shop = Shop(self.orders, **options)
        self.addCleanup(shop.stop)
        return shop

    def story(self):
        """What was recorded: id, kind, and the id of the send that a receive names."""
        sends = {token_of(e["id"]): e["id"] for e in self.agent.events if e["kind"] == "send"}
        return [(e["id"], e["kind"], sends[e["token"]] if "token" in e else None)
                for e in self.agent.events]

    ROUND_TRIP = [("web:1", "send", None), ("orders:1", "receive", "web:1"),
                  ("orders:2", "send", None), ("web:2", "receive", "orders:2")]
    REDIRECTED = ROUND_TRIP + [
        ("web:3", "send", None), ("orders:3", "receive", "web:3"),
        ("orders:4", "send", None), ("web:4", "receive", "orders:4")]


class URLLibTests(HTTPTestCase):
    def opener(self, **options):
        return urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                           LightconeProcessor(self.web, **options))

    def test_round_trip(self):
        shop = self.start_shop()
        with self.opener().open(f"{shop.url}/here?key=7") as response:
            self.assertEqual(response.read(), b"ok")
        self.assertEqual(self.story(), self.ROUND_TRIP)
        self.assertEqual([(e["name"], e["attributes"]) for e in self.agent.events], [
            ("request", {"method": "GET", "url": f"{shop.url}/here"}),
            ("request", {"method": "GET", "path": "/here"}),
            ("response", {"status": "200"}), ("response", {"status": 200})])

    def test_each_step_of_a_redirection_is_a_message(self):
        shop = self.start_shop()
        self.opener().open(f"{shop.url}/moved").close()
        self.assertEqual(self.story(), self.REDIRECTED)

    def test_an_error_is_an_answer(self):
        shop = self.start_shop()
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.opener().open(f"{shop.url}/broken")
        caught.exception.close()
        self.assertEqual(self.story(), self.ROUND_TRIP)

    def test_a_request_that_is_used_again_gets_a_new_token(self):
        shop = self.start_shop()
        request = urllib.request.Request(f"{shop.url}/here")
        opener = self.opener()
        opener.open(request).close()
        opener.open(request).close()
        self.assertEqual(self.story(), self.REDIRECTED)
        self.agent.stop()
        opener.open(request).close()
        self.assertEqual(shop.tokens[-1], None)

    def test_only_where_it_is_wanted(self):
        shop = self.start_shop()
        self.opener(where=lambda url: not url.endswith("/here")).open(f"{shop.url}/moved").close()
        self.assertEqual(self.story(), self.ROUND_TRIP)
        self.assertEqual([token is None for token in shop.tokens], [False, True])

    def test_only_where_tokens_may_travel(self):
        shop = self.start_shop()
        for hosts, travels in (("127.0.0.0/8", True), ("*.internal", False), ("a b", False),
                               ("", True)):
            with mock.patch.dict(os.environ, LIGHTCONE_TOKEN_HOSTS=hosts):
                self.opener().open(f"{shop.url}/here").close()
            self.assertEqual(shop.tokens[-1] is not None, travels, hosts)

    def test_an_answer_from_where_it_is_not_wanted(self):
        answer = mock.Mock(headers={"lightcone": token_of("stranger:1")}, status=200)
        request = urllib.request.Request("http://stranger/")
        for is_wanted in (False, True):
            processor = LightconeProcessor(self.web, where=lambda url, found=is_wanted: found)
            self.assertIs(processor.http_response(request, answer), answer)
            self.assertEqual(len(self.agent.events), is_wanted)

    def test_without_an_agent(self):
        shop = self.start_shop()
        self.agent.stop()
        with self.opener().open(shop.url) as response:
            self.assertEqual(response.read(), b"ok")
        self.assertEqual(shop.tokens, [None])


@unittest.skipIf(requests is None, "requests is not installed")
class RequestsTests(HTTPTestCase):
    def session(self, **options):
        session = requests.Session()
        self.addCleanup(session.close)
        session.trust_env = False
        instrument_requests(session, self.web, **options)
        instrument_requests(session, self.web, **options)
        return session

    def test_round_trip(self):
        shop = self.start_shop()
        self.assertEqual(self.session().get(f"{shop.url}/here?key=7").text, "ok")
        self.assertEqual(self.story(), self.ROUND_TRIP)
        self.assertEqual(self.agent.events[0]["attributes"],
                         {"method": "GET", "url": f"{shop.url}/here"})

    def test_each_step_of_a_redirection_is_a_message(self):
        shop = self.start_shop()
        self.session().get(f"{shop.url}/moved")
        self.assertEqual(self.story(), self.REDIRECTED)

    def test_only_where_it_is_wanted(self):
        shop = self.start_shop()
        self.session(where=lambda url: not url.endswith("/here")).get(f"{shop.url}/moved")
        self.assertEqual(self.story(), self.ROUND_TRIP)
        self.assertEqual([token is None for token in shop.tokens], [False, True])

    def test_without_an_agent(self):
        shop = self.start_shop()
        self.agent.stop()
        self.assertEqual(self.session().get(shop.url).text, "ok")
        self.assertEqual(shop.tokens, [None])


class TokenHostsTests(unittest.TestCase):
    """The same cases as TokenHostsTests.swift has."""

    def test_hosts_are_allowed_by_their_names(self):
        for hosts, host, is_allowed in (
                ("*", "x", True), ("orders.internal", "Orders.INTERNAL.", True),
                ("orders.internal", "x.orders.internal", False),
                ("*.internal", "orders.internal", True), ("*.internal", "internal", False),
                ("*.internal", "xinternal", False), ("10.0.0.0/8", "10.255.0.1", True),
                ("10.0.0.0/8", "11.0.0.1", False), ("10.0.0.0/8", "10.example.org", False),
                ("a, fd00::/8", "[fd12::1]", True), ("fd00::/8", "fe00::1", False),
                ("10.0.0.7", "10.0.0.7", True), ("10.0.0.7", "10.0.0.8", False),
                ("*.0.0.7", "10.0.0.7", False)):
            self.assertEqual(TokenHosts(hosts).allows(host), is_allowed, (hosts, host))

    def test_what_is_no_list_is_refused(self):
        for hosts in ("", "a,", "10.0.0.0/33", "a/8", "*x", "a b"):
            with self.assertRaises(ValueError):
                TokenHosts(hosts)


class ModuleTests(unittest.TestCase):
    def test_requests_is_not_imported(self):
        program = "import sys, lightcone; print('requests' in sys.modules)"
        shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                               cwd=Path(lightcone.__file__).parent, timeout=60)
        self.assertEqual((shown.stdout, shown.stderr), ("False\n", ""))

    def test_secrets_in_urls_are_left_out(self):
        for url, shown in (("http://u:p@h:81/a/b;c?key=1#f", "http://h:81/a/b;c"),
                           ("http://[::1", "")):
            self.assertEqual(lightcone._request_attributes("GET", url),
                             {"method": "GET", "url": shown})


class WSGITests(HTTPTestCase):
    def call(self, environ, statuses=("200 OK",), headers=(("A", "b"),), **options):
        started = []

        def application(environ, start_response):
            for number, status in enumerate(statuses):
                start_response(status, list(headers), *[("exc",)] * (number > 0))
            return [b"body"]

        result = WSGIMiddleware(application, self.orders, **options)(
            environ, lambda *arguments: started.append(arguments))
        self.assertEqual(result, [b"body"])
        return started

    def test_a_request_with_a_token(self):
        token = self.web.send().token
        started = self.call({"HTTP_LIGHTCONE": token, "REQUEST_METHOD": "PUT",
                             "PATH_INFO": "/caf\xc3\xa9"})
        self.assertEqual(started, [("200 OK", [("A", "b"), ("lightcone", token_of("orders:2"))])])
        self.assertEqual(self.story(), self.ROUND_TRIP[:3])
        self.assertEqual(self.agent.events[1]["attributes"], {"method": "PUT", "path": "/café"})

    def test_a_request_without_a_token_is_left_alone(self):
        self.assertEqual(self.call({}), [("200 OK", [("A", "b")])])
        self.assertEqual(self.agent.events, [])

    def test_a_bad_token(self):
        self.call({"HTTP_LIGHTCONE": "\x00 ' OR 1"})
        self.assertEqual(self.agent.events[0]["kind"], "local")
        self.assertEqual(self.agent.events[0]["attributes"]["bad_token"], "\x00 ' OR 1")

    def test_no_answer(self):
        started = self.call({"HTTP_LIGHTCONE": self.web.send().token}, answer=False)
        self.assertEqual(started, [("200 OK", [("A", "b")])])
        self.assertEqual(self.story(), self.ROUND_TRIP[:2])

    def test_a_response_that_starts_twice_is_sent_once(self):
        started = self.call({"HTTP_LIGHTCONE": self.web.send().token}, ("200 OK", "500 Oops"))
        headers = [("A", "b"), ("lightcone", token_of("orders:2"))]
        self.assertEqual(started, [("200 OK", headers), ("500 Oops", headers, ("exc",))])
        self.assertEqual(self.story(), self.ROUND_TRIP[:3])

    def test_without_an_agent(self):
        self.agent.stop()
        self.assertEqual(self.call({"HTTP_LIGHTCONE": "abc"}), [("200 OK", [("A", "b")])])


class LogHandlerTests(AgentTestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.start_agent()
        self.log = logging.Logger("shop.cart", logging.DEBUG)  # of its own: no shared state
        self.handler = LogHandler(self.recorder())
        self.log.addHandler(self.handler)

    def test_what_a_log_record_becomes(self):
        before = datetime.now(timezone.utc)
        self.log.warning("%d items", 3, extra={"order": 17})
        event = self.agent.events[0]
        self.assertEqual((event["text"], event["level"]), ("3 items", "warning"))
        source = event["attributes"].pop("source")
        self.assertRegex(source, r"test_lightcone\.py:\d+$")
        self.assertEqual(event["attributes"], {"logger": "shop.cart", "order": 17})
        recorded = datetime.fromisoformat(event["time"])
        self.assertLess(abs(recorded - before), timedelta(minutes=1))

    def test_exceptions(self):
        try:
            raise KeyError("missing")
        except KeyError:
            self.log.exception("failed")
        self.log.error("nothing", exc_info=True)
        self.assertEqual(self.agent.events[0]["text"], "failed")
        self.assertRegex(self.agent.events[0]["attributes"]["exception"],
                         r"(?s)^Traceback .*KeyError: 'missing'$")
        self.assertNotIn("exception", self.agent.events[1]["attributes"])

    def test_a_formatter_is_used(self):
        self.handler.setFormatter(logging.Formatter("<%(message)s>"))
        self.log.info("hello")
        self.assertEqual(self.agent.events[0]["text"], "<hello>")

    def test_long_messages_are_cut(self):
        self.log.info("x" * 2_000_000)
        self.assertRegex(self.agent.events[0]["text"], r"^x{65536}… \(1934464 more characters\)$")

    def test_a_message_that_logs_does_not_recurse(self):
        log = self.log

        class Chatty:
            def __str__(self):
                log.info("%s", self)
                return "chatty"

        self.log.info("%s", Chatty())
        self.assertEqual([event["text"] for event in self.agent.events], ["chatty"])
        self.log.info("later")
        self.assertEqual(len(self.agent.events), 2)

    def test_mistakes_go_to_handle_error(self):
        with mock.patch.object(self.handler, "handleError") as handle_error:
            self.log.info("%d", "no number")
            self.assertEqual(handle_error.call_count, 1)
        strict = self.recorder(strict=True)
        self.handler._recorder = strict
        self.agent.stop()
        complaints = io.StringIO()
        with contextlib.redirect_stderr(complaints):
            self.log.info("nobody listens")
        self.assertIn("LightconeError", complaints.getvalue())


class TwoProcessesTests(AgentTestCase):
    def test_the_shop(self):
        agent = self.start_agent()
        environment = {**os.environ, "LIGHTCONE_SPOOL": self.spool}
        environment.pop("LIGHTCONE_AGENT", None)
        shown = subprocess.run([sys.executable, str(HERE / "two_processes.py")], text=True,
                               capture_output=True, env=environment, timeout=60)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        ids = json.loads(shown.stdout)
        self.assertEqual(ids, {
            "start": "py-web:1", "send": "py-web:2", "receive": "py-orders:1",
            "log": "py-orders:2", "answer": "py-orders:3", "answer_received": "py-web:3"})
        events = {event["id"]: event for event in agent.events}
        self.assertEqual(len(events), 6)
        self.assertEqual(events[ids["receive"]]["token"], token_of(ids["send"]))
        self.assertEqual(events[ids["answer_received"]]["token"], token_of(ids["answer"]))
        self.assertEqual(events[ids["log"]]["attributes"]["logger"], "orders")

    def test_without_an_agent_it_fails(self):
        environment = {**os.environ, "LIGHTCONE_SPOOL": self.spool}
        environment.pop("LIGHTCONE_AGENT", None)
        shown = subprocess.run([sys.executable, str(HERE / "two_processes.py")], text=True,
                               capture_output=True, env=environment, timeout=60)
        self.assertEqual((shown.returncode, shown.stdout), (1, ""))
        self.assertIn("agent.sock", shown.stderr)


if __name__ == "__main__":
    unittest.main()
