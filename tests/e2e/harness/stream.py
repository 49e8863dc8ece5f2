# SPDX-License-Identifier: MIT
"""A client of Server-Sent Events by hand, as the HTML standard reads a stream (section 9.2.6)."""
import json
import socket

from harness.processes import DEADLINE, Failure
from harness.rest import UNVERIFIED


class Event:
    """One block of a stream: what a browser would make of it, and its comments."""

    def __init__(self):
        self.id = None
        self.name = None
        self.data = []
        self.retry = None
        self.comments = []

    @property
    def message(self):
        return json.loads("\n".join(self.data))

    def take(self, line):
        if line.startswith(":"):
            self.comments.append(line[1:].removeprefix(" "))
            return
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            self.id = value
        elif field == "event":
            self.name = value
        elif field == "data":
            self.data.append(value)
        elif field == "retry":
            self.retry = int(value)
        else:
            raise AssertionError(f"an unknown field: {line!r}")


class Stream:
    """GET of a stream; its head is read at once, its blocks one by one, with deadlines."""

    def __init__(self, port, path="/events", *, unix=None, tls=False, headers=None, method="GET",
                 rcvbuf=None, accept="text/event-stream"):
        self.socket = self._connect(port, unix, tls, rcvbuf)
        self.last_id = None
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"Accept: {accept}"] if accept else []
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._buffer = b""
        self._chunked = False
        self.status, self.headers = self._head()

    @staticmethod
    def _connect(port, unix, tls, rcvbuf):
        sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.settimeout(DEADLINE)
        sock.connect(str(unix) if unix else ("127.0.0.1", port))
        return UNVERIFIED.wrap_socket(sock, server_hostname="localhost") if tls else sock

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.socket.close()

    # ---- bytes ---------------------------------------------------------------------------

    def _fill(self):
        data = self.socket.recv(65536)
        self._buffer += data
        return bool(data)

    def _line(self, end):
        while end not in self._buffer:
            if not self._fill():
                raise Failure(f"the connection ended within a head: {self._buffer!r}")
        line, self._buffer = self._buffer.split(end, 1)
        return line.decode()

    def _head(self):
        first, *lines = self._line(b"\r\n\r\n").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self._chunked = headers.get("transfer-encoding") == "chunked"
        self._text = b""
        return int(first.split()[1]), headers

    def _more(self):
        """Adds to _text; False at the end."""
        if not self._chunked:
            if not self._buffer and not self._fill():
                return False
            self._text, self._buffer = self._text + self._buffer, b""
            return True
        try:
            size = int(self._line(b"\r\n"), 16)
        except Failure:
            return False
        while len(self._buffer) < size + 2:
            if not self._fill():
                return False
        self._text += self._buffer[:size]
        self._buffer = self._buffer[size + 2:]
        return size > 0

    def body(self):
        """All that comes until the end, as JSON."""
        while self._more():
            pass
        return json.loads(self._text)

    # ---- blocks --------------------------------------------------------------------------

    def next(self):
        """The next block; None at the end of the stream."""
        while b"\n\n" not in self._text:
            if not self._more():
                assert not self._text, f"a block without an end: {self._text!r}"
                return None
        block, self._text = self._text.split(b"\n\n", 1)
        event = Event()
        for line in block.decode().split("\n"):
            event.take(line)
        if event.id is not None:
            self.last_id = event.id
        return event

    def hello(self):
        event = self.next()
        assert event.comments == ["connected"] and not event.data
        return event

    def event(self):
        """The next block with data."""
        while True:
            event = self.next()
            assert event, "the stream ended"
            if event.data:
                return event

    def message(self):
        return self.event().message

    def until(self, test):
        """Messages up to, and with, the first for which test() is true."""
        seen = []
        while not (seen and test(seen[-1])):
            seen.append(self.message())
        return seen
