"""Records events of a Python program with the Lightcone agent of this machine.

    import logging, urllib.request
    from lightcone import LightconeProcessor, LogHandler, Recorder

    with Recorder("shop-1/web") as recorder:
        logging.getLogger().addHandler(LogHandler(recorder))
        recorder.record("image pushed", level="info", attributes={"bytes": 1024})
        opener = urllib.request.build_opener(LightconeProcessor(recorder))
        opener.open("http://orders.internal/new")       # sends a token, receives the answer's
        sent = recorder.send("to the queue")            # any other transport: carry the token,
        queue.put((sent and sent.token, "an order"))    # and call receive(token) where it arrives

One process in Lightcone's sense is one sequential line of events; its clock is kept by the agent.
Whatever shares a recorder (threads, and a child after fork) shares that line, so its events look
ordered even where they are not: give what runs independently a recorder and a name of its own.

A missing, slow or restarting agent neither breaks nor blocks the program. A call waits at most
`timeout` seconds for other threads and at most as long again for the agent. What did not get
through is lost: it is counted in `Recorder.lost`, and the next event that does get through tells
the agent the count. Then the lost events are a gap in the process (`lightcone gaps`), and questions
whose answer a lost receive may have changed are answered *unknown*. The count is told until an
answer says that it arrived: a gap may be wider than what was lost, never narrower. After a failure
the agent is left alone for a while, in which calls return at once; a pause grows to ten times what
the failure took and more. With `strict=True` every failure raises `LightconeError` instead, and
counts nothing: for tests and scripts.

Needs Python 3.9 or later and nothing beside the standard library.
"""
from __future__ import annotations

import http.client
import ipaddress
import json
import logging
import os
import random
import re
import socket
import threading
import urllib.request
import weakref
from datetime import datetime, timezone
from time import monotonic
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Optional, Sequence, Union
from urllib.parse import urlsplit

__all__ = ["HEADER", "LightconeError", "LightconeProcessor", "LogHandler", "Recorder", "Sent",
           "TokenHosts", "WSGIMiddleware", "instrument_requests"]

HEADER = "lightcone"  # the message header in which a token travels

NAME_BYTES_MAX = 256  # of the name of a process: the agent's limit
BODY_BYTES_MAX = 1 << 20  # of one request: the agent's limit
ANSWER_BYTES_MAX = 64 * 1024  # one id and one token, or one problem, with room
TOKENS_MAX = 1024  # of one receive: the agent's limit
BAD_TOKEN_CHARACTERS_MAX = 64  # enough to recognise it by
LOG_CHARACTERS_MAX = 64 * 1024  # of a log message or a traceback: at 6 bytes each, both fit a body
PAUSE_SECONDS_MIN = 0.05  # after the first failure: an agent restarts in less than a second
PAUSE_SECONDS_MAX = 5.0  # where a failure costs little: so events begin again soon
RETRY_AFTER_SECONDS_MAX = 60.0  # what an agent may ask for
TIMEOUT_SECONDS_MAX = 3600.0

_TOKEN = re.compile(r"(?=.{1,512}\Z)[A-Za-z0-9_-]+={0,2}")

Level = Union[str, int, None]
Details = Optional[Mapping[str, Any]]
Time = Union[datetime, float, str, None]
Tokens = Union[str, Sequence[Optional[str]], None]
Headers = Union[Mapping[Any, Any], Iterable[Any]]


class LightconeError(Exception):
    """Why an event was not recorded.

    `status` is the agent's HTTP status, or None where it gave no answer. `line` (from 1) and
    `field` name the place in the request that the agent refused, where it said so.
    """

    def __init__(self, message: str, status: int | None = None, line: int | None = None,
                 field: str | None = None):
        super().__init__(message)
        self.status, self.line, self.field = status, line, field


class Sent(NamedTuple):
    """A recorded send event: its id, and the token that has to travel with the message."""

    id: str
    token: str


class Recorder:
    """The events of one process, on their way to the agent. Thread-safe.

    There is one connection, guarded by a lock: a process is one line of events, so its events
    have to queue somewhere, and here they cost the agent one connection instead of one per thread.

    - process: its name, 1 to 256 bytes.
    - execution: the set of processes that it belongs to; the agent's default is `main`.
    - spool: the folder of `agent.sock`. Where neither this nor `address` is given, the environment
      decides: LIGHTCONE_AGENT (an address), else LIGHTCONE_SPOOL, else `/dev/shm/lightcone` or,
      without /dev/shm, `/var/tmp/lightcone`.
    - address: IP address and port, such as `127.0.0.1:4781`, instead of the socket. No host names
      but `localhost`: looking one up knows no time limit.
    - timeout: seconds that one call may wait for the agent, and for other threads. At most 3,600.
    - strict: whether failures raise `LightconeError`, and never pause.

    Raises ValueError if an argument is out of its range. A wrong environment is no such error, as
    the program cannot help it: then every event is lost, and `last_error` says why.

    `lost` counts the events that were not recorded, or for which no answer said that they were;
    `last_error` is why the latest of them was lost. A child after fork begins anew with both.

    `record`, `send` and `receive` share these arguments:

    - text: what happened, for people. name: what kind of thing it was, at most 256 bytes.
    - level: trace, debug, info, notice, warning, error, critical; or a number as in `logging`.
    - attributes: at most 128; values that are not JSON are recorded as their text.
    - time: a datetime (local time if it names no zone), seconds since 1970, or RFC 3339. Default:
      the agent's now.
    """

    lost: int
    last_error: LightconeError | None

    def __init__(self, process: str, *, execution: str | None = None,
                 spool: str | os.PathLike[str] | None = None, address: str | None = None,
                 timeout: float = 0.25, strict: bool = False):
        if not 1 <= len(process.encode()) <= NAME_BYTES_MAX:
            raise ValueError(f"process: expected 1 to {NAME_BYTES_MAX} bytes, found {process!r}")
        if not 0 < timeout <= TIMEOUT_SECONDS_MAX:
            raise ValueError(f"timeout: expected up to {TIMEOUT_SECONDS_MAX} s, found {timeout!r}")
        if spool is not None and address is not None:
            raise ValueError("expected a spool or an address, found both")
        if address is not None:
            _socket_address(address)
        elif spool is None:
            address = os.environ.get("LIGHTCONE_AGENT") or None
            spool = os.environ.get("LIGHTCONE_SPOOL") or (
                "/dev/shm/lightcone" if os.path.isdir("/dev/shm") else "/var/tmp/lightcone")
        self.process, self.execution = process, execution
        self.timeout, self.strict = timeout, strict
        self._endpoint = address or os.path.join(os.fspath(spool or ""), "agent.sock")
        self._is_unix, self._is_closed = address is None, False
        self._begin()
        _recorders.add(self)

    def _begin(self) -> None:
        """Takes on the state of a recorder that shares nothing with another OS process."""
        self._lock = threading.Lock()  # of the connection and the pauses
        self._counting = threading.Lock()  # of lost and last_error; never held while waiting
        self._connection = _Connection(self._endpoint, self._is_unix)
        self._failures, self._paused_until = 0, 0.0
        self.lost, self._lost_reported, self.last_error = 0, 0, None

    def record(self, text: str = "", *, name: str = "", level: Level = None,
               attributes: Details = None, time: Time = None) -> str | None:
        """Records that something happened here. Returns the event's id; None if it was lost."""
        answer = self._submit("local", None, text, name, level, attributes, time)
        return answer and answer.id

    def send(self, text: str = "", *, name: str = "", level: Level = None,
             attributes: Details = None, time: Time = None) -> Sent | None:
        """Records that a message is about to leave. Call it before sending, and let the token
        travel with the message. Returns None if the event was lost: then send without a token."""
        return self._submit("send", None, text, name, level, attributes, time)

    def receive(self, token: Tokens, text: str = "", *, name: str = "", level: Level = None,
                attributes: Details = None, time: Time = None) -> str | None:
        """Records that the message with this token has arrived. Returns the event's id; None if
        it was lost.

        A list or tuple of tokens, at most 1,024, stands for messages that were taken in at once,
        by the reader of a batch, a join or a barrier: one event, with all of them as its causes.

        A token comes from outside and may be anything. One that is no token is no reason to lose
        the event, as something did arrive: it is recorded as local, with the beginning of what
        came in the attribute `bad_token`, behind a gap of one event: the receive whose sender is
        not known. Only a strict recorder raises, with field "token". None stands for a message
        that came without (its sender's event was lost): a local event, and no gap.

        Among several, what is no token makes a gap of one event each, and the others count; where
        only the agent can tell that one is none, all of them are such a gap.
        """
        if isinstance(token, (list, tuple)):
            token = [one for one in token if one is not None] or None
        kind = "local" if token is None else "receive"
        answer = self._submit(kind, token, text, name, level, attributes, time)
        return answer and answer.id

    def headers(self, text: str = "", **details: Any) -> dict[str, str]:
        """Records a send, as `send` with the same arguments, and returns the header to add to
        the message: `{"lightcone": token}`, or nothing if the event was lost."""
        sent = self.send(text, **details)
        return {HEADER: sent.token} if sent else {}

    def receive_headers(self, headers: Headers, text: str = "", **details: Any) -> str | None:
        """Records a receive, as `receive` with the same arguments, of a message with these
        headers: a mapping, an `email.message.Message`, or pairs; of text or bytes, in any case.

        Without the header nothing is recorded and the result is None: an arrival from somebody
        unknown orders nothing, and health checks would fill the record. Of several, the first
        counts. Raises TypeError or ValueError if `headers` is none of these.
        """
        pairs = headers.items() if hasattr(headers, "items") else headers
        for key, value in pairs:
            if _text(key).lower() == HEADER:
                return self.receive(_text(value).split(",")[0].strip(), text, **details)
        return None

    def close(self) -> None:
        """Closes the connection. Events recorded afterwards are lost. May be called twice."""
        self._is_closed = True
        if self._lock.acquire(timeout=self.timeout):
            try:
                self._connection.close()
            finally:
                self._lock.release()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(self, kind: str, token: Any, text: Any, name: Any, level: Any,
                attributes: Any, time: Any) -> Sent | None:
        """Records one event; the token of the answer is empty unless it is a send. Turns every
        failure into a lost event, or into a LightconeError where the recorder is strict."""
        try:
            if self._is_pausing():
                return self._lose(None)  # nothing was built: a dead agent costs next to nothing
            event = {"process": self.process, "kind": kind, "execution": self.execution,
                     "text": _text(text), "name": _text(name), "time": _rfc3339(time),
                     "level": _level(level) if isinstance(level, int) else level}
            attributes = {_text(k): _json_or_text(v) for k, v in dict(attributes or {}).items()}
            answer = (self._deliver_receive(event, attributes, token) if kind == "receive"
                      else self._deliver(event, attributes))
            return answer or self._lose(None)
        except Exception as error:  # whatever it is, the program must not notice
            failure = error if isinstance(error, LightconeError) else LightconeError(
                f"{type(error).__name__}: {error}")
            if self.strict:
                raise failure
            return self._lose(failure)

    def _deliver_receive(self, event: dict[str, Any], attributes: dict[str, Any],
                         token: Any) -> Sent | None:
        """Sends a receive. What is no token is told beside it, or in its place."""
        tokens = [_text(one) for one in (token if isinstance(token, list) else [token])]
        good = [one for one in tokens if _TOKEN.fullmatch(one)]
        bad = [one for one in tokens if not _TOKEN.fullmatch(one)] + good[TOKENS_MAX:]
        good = good[:TOKENS_MAX]
        if bad and self.strict:
            raise LightconeError(
                f"expected at most {TOKENS_MAX} of 1 to 512 bytes of base64url", field="token")
        if good:
            is_one = not isinstance(token, list)
            carried = {"token": good[0]} if is_one else {"tokens": good}
            try:
                return self._deliver({**event, **carried}, _with_bad(attributes, bad), len(bad))
            except LightconeError as error:
                if error.field not in carried or self.strict:
                    raise
        return self._deliver({**event, "kind": "local"}, _with_bad(attributes, tokens),
                             len(tokens))

    def _deliver(self, event: dict[str, Any], attributes: dict[str, Any],
                 unreadable: int = 0) -> Sent | None:
        """Sends one event to the agent when the connection is free, and with it how many were lost
        before, which nobody has told yet, and how many receives nobody could read. Returns None if
        the agent failed another thread meanwhile; raises LightconeError if it fails or refuses."""
        if not self._lock.acquire(timeout=self.timeout):
            raise LightconeError(f"waited {self.timeout} s for other threads' events")
        started = monotonic()
        try:
            if self._is_closed:
                raise LightconeError("the recorder is closed")
            if self._is_pausing():
                return None
            unreported = self.lost - self._lost_reported
            body = _line({**event, "attributes": attributes, "lost": unreported + unreadable})
            status, retry_after, answer = self._connection.exchange(body, started + self.timeout)
            if status == 200:
                result = _parsed_answer(answer, is_send=event["kind"] == "send")
                self._lost_reported += unreported
                self._failures = 0
                return result
            if status not in (400, 413, 422):  # these blame the event: the agent itself is well
                self._pause(monotonic() - started, retry_after)
            raise _parsed_problem(status, answer)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._pause(monotonic() - started, 0)
            raise LightconeError(f"{self._endpoint}: {type(error).__name__}: {error}") from error
        finally:
            self._lock.release()

    def _is_pausing(self) -> bool:
        return not self.strict and monotonic() < self._paused_until

    def _pause(self, spent: float, at_least: float) -> None:
        """Leaves the agent alone for a while that doubles with each failure, up to 20 times the
        seconds that the failure took; jitter keeps many programs from coming back as one."""
        longest = max(PAUSE_SECONDS_MAX, 20 * spent)
        pause = min(max(spent, PAUSE_SECONDS_MIN) * 2 ** min(self._failures, 16), longest)
        self._failures += 1
        self._paused_until = monotonic() + max(pause * random.uniform(0.5, 1), at_least)

    def _lose(self, failure: LightconeError | None) -> None:
        """Counts one lost event; None stands for a failure that has been noted already."""
        with self._counting:
            self.lost += 1
            if failure is not None:
                # A kept traceback would keep alive whatever the caller's frames refer to.
                failure.__cause__ = failure.__context__ = None
                self.last_error = failure.with_traceback(None)


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _begin_after_fork() -> None:
    """In the child: its locks may be held by threads that it does not have, and its connection is
    the parent's. Closing it here closes a descriptor only; the parent goes on using its own."""
    for recorder in list(_recorders):
        inherited = recorder._connection
        recorder._begin()
        inherited.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_after_fork)


class _DeadlineSocket(socket.socket):
    """A socket whose deadline counts for a whole exchange: a plain timeout begins anew with each
    byte, so that an agent which answers in drops could hold the program for ever."""

    deadline = 0.0

    def limit(self) -> None:
        remaining = self.deadline - monotonic()
        if remaining <= 0:
            raise socket.timeout("timed out")
        self.settimeout(remaining)

    def sendall(self, *arguments: Any) -> None:
        self.limit()
        super().sendall(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        self.limit()
        return super().recv_into(*arguments)


class _Connection(http.client.HTTPConnection):
    """A connection to the agent that is opened when it is needed, and again when it was cut."""

    def __init__(self, endpoint: str, is_unix: bool):
        super().__init__("localhost")
        self._endpoint, self._is_unix, self._deadline = endpoint, is_unix, 0.0

    def connect(self) -> None:
        family, address = ((socket.AF_UNIX, self._endpoint) if self._is_unix
                           else _socket_address(self._endpoint))
        self.sock = _DeadlineSocket(family, socket.SOCK_STREAM)
        self.sock.deadline = self._deadline
        self.sock.limit()
        self.sock.connect(address)
        if not self._is_unix:  # head and body leave in two writes
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, body: bytes, deadline: float) -> tuple[int, float, bytes]:
        """Posts the body. Returns the status, the seconds of Retry-After (else 0), and the answer.

        A connection that was cut while idle (the agent restarted) is opened again. The request is
        repeated only where the agent cannot have read all of it. If it hangs up in place of an
        answer, the event may have been recorded; recording it again could invent an event.
        """
        self._deadline = deadline
        for is_reused in (self._is_idle(), False):
            try:
                if self.sock is not None:
                    self.sock.deadline = deadline
                self.request("POST", "/v1/events", body, {"Content-Type": "application/x-ndjson"})
                response = self.getresponse()
                answer = response.read(ANSWER_BYTES_MAX + 1)
                if not response.isclosed():
                    raise ValueError(f"expected an answer of at most {ANSWER_BYTES_MAX} bytes")
                seconds = re.fullmatch(r"\d{1,9}", response.getheader("Retry-After", ""))
                retry_after = min(float(seconds.group()) if seconds else 0, RETRY_AFTER_SECONDS_MAX)
                return response.status, retry_after, answer
            except BaseException as error:  # an interrupted exchange leaves half an answer behind
                self.close()
                if (not is_reused or not isinstance(error, ConnectionError)
                        or isinstance(error, http.client.RemoteDisconnected)):
                    raise
        raise AssertionError("the second round returns or raises")

    def _is_idle(self) -> bool:
        """Whether there is a connection and nothing to be read from it; otherwise closes it."""
        if self.sock is None:
            return False
        try:
            self.sock.settimeout(0)
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        self.close()
        return False


class LogHandler(logging.Handler):
    """Records every log record as an event: level, message, time; and as attributes `logger`,
    `source` (file:line), `exception` (its traceback) and whatever was given as `extra`.

    With a formatter, the text is what that makes of the record. A record that is logged while
    another one is being handled on the same thread (a __str__ that logs) is left out, not counted.
    """

    def __init__(self, recorder: Recorder, level: int = logging.NOTSET):
        super().__init__(level)
        self._recorder = recorder
        self._here = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(self._here, "is_busy", False):
            return
        self._here.is_busy = True
        try:
            attributes = {key: value for key, value in vars(record).items()
                          if key not in _LOG_RECORD_KEYS}
            attributes.update(logger=record.name, source=f"{record.pathname}:{record.lineno}")
            if record.exc_info and record.exc_info[0]:
                trace = logging.Formatter().formatException(record.exc_info)
                attributes["exception"] = _shortened(trace)
            text = self.format(record) if self.formatter else record.getMessage()
            self._recorder.record(_shortened(text), level=record.levelno, attributes=attributes,
                                  time=record.created)
        except Exception:
            self.handleError(record)
        finally:
            self._here.is_busy = False


_LOG_RECORD_KEYS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LightconeProcessor(urllib.request.BaseHandler):
    """For `urllib.request.build_opener`: a token leaves with every HTTP request, and that of an
    answer is received. Each step of a redirection is a message of its own.

    `where` decides by the URL which servers take part: a token tells the names of processes. Without
    it LIGHTCONE_TOKEN_HOSTS does (see `TokenHosts`).
    """

    handler_order = 900  # late for requests; for answers before the one that raises HTTPError

    def __init__(self, recorder: Recorder, where: Callable[[str], bool] | None = None):
        self._recorder, self._where = recorder, where or TokenHosts.environment().allows_url

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        for headers in (request.headers, request.unredirected_hdrs):
            headers.pop(HEADER.capitalize(), None)  # of an earlier use of the same request
        if self._where(request.full_url):
            attributes = _request_attributes(request.get_method(), request.full_url)
            for pair in self._recorder.headers(name="request", attributes=attributes).items():
                request.add_unredirected_header(*pair)
        return request

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        if self._where(request.full_url):
            self._recorder.receive_headers(response.headers, name="response",
                                           attributes={"status": getattr(response, "status", None)})
        return response

    https_request, https_response = http_request, http_response


class TokenHosts:
    """To which hosts tokens may travel: a list with commas between, as LIGHTCONE_TOKEN_HOSTS has it.

    Names (`orders.internal`), domains with all names below them (`*.internal`), addresses
    (`10.0.0.7`, `fd00::7`), networks (`10.0.0.0/8`, `fd00::/8`), or `*`. Names are compared without
    regard to case, and never looked up: a network allows hosts that are called by their addresses.

    Raises ValueError if a part of the list is none of these.
    """

    def __init__(self, hosts: str):
        self._all, self._names, self._domains = False, set(), []
        self._networks: list[Any] = []
        for part in hosts.lower().split(","):
            part = part.strip(" ")
            if part == "*":
                self._all = True
            elif re.fullmatch(r"\*\.[\w.-]+", part):
                self._domains.append(part[1:])
            elif (network := _network(part)) is not None:
                self._networks.append(network)
            elif re.fullmatch(r"[\w.-]+", part):
                self._names.add(part)
            else:
                raise ValueError(f"expected a host, a domain or a network, found {part!r}")

    @classmethod
    def environment(cls) -> TokenHosts:
        """What LIGHTCONE_TOKEN_HOSTS says: all hosts where it is not set, none where it is no list."""
        try:
            return cls(os.environ.get("LIGHTCONE_TOKEN_HOSTS") or "*")
        except ValueError:
            nowhere = cls("*")
            nowhere._all = False
            return nowhere

    def allows(self, host: str) -> bool:
        """Whether tokens may travel to a host: a name or an address, without a port."""
        if self._all:
            return True
        host = host.lower().strip("[]")
        host = host[:-1] if host.endswith(".") else host
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host in self._names or any(host.endswith(one) for one in self._domains)
        return any(address in network for network in self._networks)

    def allows_url(self, url: str) -> bool:
        try:
            return self.allows(urlsplit(url).hostname or "")
        except ValueError:
            return self._all


def _network(text: str) -> Any:
    """The network, or the one address, of a text; None where it is none."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def instrument_requests(session: Any, recorder: Recorder,
                        where: Callable[[str], bool] | None = None) -> None:
    """Does for a `requests.Session` what LightconeProcessor does for urllib, at the adapters that
    are mounted for HTTP now; so each step of a redirection is a message of its own. A second call
    for the same session changes nothing."""
    for prefix, adapter in session.adapters.items():
        if prefix.startswith("http") and not hasattr(adapter.send, "is_lightcone"):
            adapter.send = _carrying(adapter.send, recorder,
                                     where or TokenHosts.environment().allows_url)


def _carrying(send: Any, recorder: Recorder, where: Callable[[str], bool]) -> Any:
    """The `send` of an adapter, with tokens."""
    def carrying_send(request: Any, *arguments: Any, **options: Any) -> Any:
        request.headers.pop(HEADER, None)  # copied from the step before by a redirection
        if not where(request.url):
            return send(request, *arguments, **options)
        attributes = _request_attributes(request.method, request.url)
        request.headers.update(recorder.headers(name="request", attributes=attributes))
        response = send(request, *arguments, **options)
        recorder.receive_headers(response.headers, name="response",
                                 attributes={"status": response.status_code})
        return response

    carrying_send.is_lightcone = True  # type: ignore[attr-defined]
    return carrying_send


class WSGIMiddleware:
    """Wraps a WSGI application: receives the token of each request that carries one, and, with
    `answer`, sends one back with the answer to such a request.

    A token tells the names of processes, and any client can invent one: use `answer=False` where
    strangers may call. Where LIGHTCONE_TOKEN_HOSTS is set, only clients whose address is in it get one.
    """

    def __init__(self, app: Any, recorder: Recorder, answer: bool = True):
        self._app, self._recorder, self._answer = app, recorder, answer
        self._hosts = TokenHosts.environment()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        token = environ.get("HTTP_LIGHTCONE")
        if token is None:
            return self._app(environ, start_response)
        path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")
        attributes = {"method": environ.get("REQUEST_METHOD", ""), "path": path}
        self._recorder.receive_headers({HEADER: token}, name="request", attributes=attributes)
        if not self._answer or not self._hosts.allows(environ.get("REMOTE_ADDR", "")):
            return self._app(environ, start_response)
        answers: list[dict[str, str]] = []  # an application may start its response twice

        def start(status: str, headers: Any, *exc_info: Any) -> Any:
            if not answers:
                details = {"status": status.split(" ")[0]}
                answers.append(self._recorder.headers(name="response", attributes=details))
            return start_response(status, [*headers, *answers[0].items()], *exc_info)

        return self._app(environ, start)


def _with_bad(attributes: dict[str, Any], bad: list[str]) -> dict[str, Any]:
    """The attributes, with the beginning of the first of what came in the place of tokens."""
    return {**attributes, "bad_token": bad[0][:BAD_TOKEN_CHARACTERS_MAX]} if bad else attributes


def _level(number: int) -> str:
    """The level's word for a number as in `logging`, where 25 is taken for a notice."""
    words = ((50, "critical"), (40, "error"), (30, "warning"), (25, "notice"), (20, "info"),
             (10, "debug"))
    return next((word for least, word in words if number >= least), "trace")


def _socket_address(address: str) -> tuple[int, tuple[str, int]]:
    """The family and the address of `IP:PORT`; raises ValueError if it is none."""
    host, _, port = address.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    if not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"address: expected IP:PORT, found {address!r}")
    is_six = ipaddress.ip_address(host).version == 6
    return (socket.AF_INET6 if is_six else socket.AF_INET), (host, int(port))


def _line(event: dict[str, Any]) -> bytes:
    """The event as a line of JSON, without what is empty; raises LightconeError if it is too long.
    Halves of surrogate pairs, which no UTF-8 can hold, become question marks."""
    line = _json({key: value for key, value in event.items() if value})
    body = line.encode("utf-8", "replace") + b"\n"
    if len(body) > BODY_BYTES_MAX:
        raise LightconeError(f"expected at most {BODY_BYTES_MAX} bytes, found {len(body)}", 413)
    return body


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_text)


def _json_or_text(value: Any) -> Any:
    """The value if JSON can say it, otherwise (NaN, a cycle) its text."""
    try:
        _json(value)
        return value
    except Exception:
        return _text(value)


def _text(value: Any) -> str:
    """The value as text, whatever it is."""
    try:
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _shortened(text: str) -> str:
    beyond = len(text) - LOG_CHARACTERS_MAX
    return text if beyond <= 0 else f"{text[:LOG_CHARACTERS_MAX]}… ({beyond} more characters)"


def _rfc3339(time: Time) -> str | None:
    if isinstance(time, (int, float)):
        time = datetime.fromtimestamp(time, timezone.utc)
    return time.astimezone(timezone.utc).isoformat() if isinstance(time, datetime) else time


def _request_attributes(method: str, url: str) -> dict[str, str]:
    """Method and URL, without the parts in which secrets are found: user, query and fragment."""
    try:
        parts = urlsplit(url)
        url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        url = ""
    return {"method": method, "url": url}


def _parsed_answer(answer: bytes, is_send: bool) -> Sent:
    """Raises ValueError if it is no answer. The token ends up in a header, so it is checked."""
    line = json.loads(answer)
    found = line if isinstance(line, dict) else {}
    identifier, token = found.get("id"), found.get("token") if is_send else ""
    if not (isinstance(identifier, str) and isinstance(token, str)
            and (_TOKEN.fullmatch(token) or not is_send)):
        raise ValueError(f"expected an event's id, and a send's token, found {answer[:200]!r}")
    return Sent(identifier, token)


def _parsed_problem(status: int, answer: bytes) -> LightconeError:
    try:
        problem = dict(json.loads(answer))
    except (TypeError, ValueError):
        problem = {}
    message = problem.get("detail") or problem.get("title") or _text(answer[:200])
    return LightconeError(f"the agent answered {status}: {message}", status, problem.get("line"),
                          problem.get("field"))
