# SPDX-License-Identifier: MIT
"""WebSocket clients for tests that are not asynchronous: one of a library, one by hand."""
import asyncio
import base64
import hashlib
import json
import os
import queue
import socket
import struct
import threading
import time

import websockets

from harness.processes import DEADLINE, Failure
from harness.rest import UNVERIFIED

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3

_loop = None
_loop_lock = threading.Lock()


def _background():
    """The event loop all clients run on, in a thread of its own."""
    global _loop
    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, daemon=True).start()
    return _loop


def _await(coroutine, timeout=DEADLINE):
    return asyncio.run_coroutine_threadsafe(coroutine, _background()).result(timeout)


class End:
    """The end of a connection, in the queue behind its last message."""

    def __init__(self, code, reason):
        self.code = code
        self.reason = reason


class WebSocket:
    """A client of python3-websockets whose messages are taken one by one, with deadlines."""

    def __init__(self, url, *, unix=None, headers=None, subprotocols=None, **more):
        self.url = url
        self.times = []  # CLOCK_MONOTONIC of each message that was taken
        self.end = None
        self.ended_at = None  # CLOCK_MONOTONIC
        self._queue = queue.Queue()
        options = {"max_size": None, "ping_interval": None, "extra_headers": headers,
                   "subprotocols": subprotocols, "open_timeout": DEADLINE, "close_timeout": 5,
                   "max_queue": None, **more}
        if url.startswith("wss:"):
            options["ssl"] = UNVERIFIED
        self._socket = _await(self._open(unix, options), DEADLINE + 5)

    async def _open(self, unix, options):
        if unix:
            connection = await websockets.unix_connect(str(unix), self.url, **options)
        else:
            connection = await websockets.connect(self.url, **options)
        self._reader = asyncio.ensure_future(self._read(connection))
        return connection

    async def _read(self, connection):
        try:
            while True:
                message = await connection.recv()
                self._queue.put((time.monotonic(), message))
        except websockets.ConnectionClosed:
            self._queue.put((time.monotonic(), End(connection.close_code,
                                                   connection.close_reason)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def subprotocol(self):
        return self._socket.subprotocol

    @property
    def address(self):
        return self._socket.local_address

    def send(self, message):
        """A dict or list goes as JSON text, str as text, bytes as a binary message."""
        if not isinstance(message, (str, bytes)):
            message = json.dumps(message)
        _await(self._socket.send(message))

    def receive_text(self, timeout=DEADLINE):
        try:
            when, message = self._queue.get(timeout=max(timeout, 0.001))
        except queue.Empty:
            raise Failure(f"{self.url}: no message in {timeout:.1f} s") from None
        if isinstance(message, End):
            self.end, self.ended_at = message, when
            raise Failure(f"{self.url}: closed with {message.code} {message.reason!r}")
        self.times.append(when)
        return message

    def receive(self, timeout=DEADLINE):
        """The next message, decoded."""
        return json.loads(self.receive_text(timeout))

    def until(self, wanted, timeout=DEADLINE):
        """All messages up to and including the first for which `wanted` is true."""
        deadline = time.monotonic() + timeout
        seen = []
        while True:
            try:
                seen.append(self.receive(deadline - time.monotonic()))
            except Failure as failure:
                raise Failure(f"{failure}; came before: {seen}") from None
            if wanted(seen[-1]):
                return seen

    def until_type(self, name, timeout=DEADLINE):
        return self.until(lambda message: message.get("type") == name, timeout)[-1]

    def ask(self, message, timeout=DEADLINE):
        """Send, and the next message that is an answer, not an event."""
        self.send(message)
        return self.until(is_answer, timeout)[-1]

    def subscribe(self, *patterns):
        """From here on only these patterns are in what is received."""
        answer = self.ask({"action": "subscribe", "events": list(patterns)})
        assert answer.get("action") == "subscribed", answer
        return self

    def wait_closed(self, timeout=DEADLINE):
        """(code, reason), after whatever was still in the queue."""
        deadline = time.monotonic() + timeout
        while self.end is None:
            try:
                self.receive_text(deadline - time.monotonic())
            except Failure:
                if self.end is None:
                    raise
        return self.end.code, self.end.reason

    def close(self):
        try:
            _await(self._socket.close(), 10)
        except (asyncio.TimeoutError, TimeoutError):
            pass

    def abort(self):
        """Gone without a close frame, as when the network drops."""
        _background().call_soon_threadsafe(self._socket.transport.abort)


def is_answer(message):
    return "action" in message or message.get("type") in (
        "error", "pong", "subscribed", "unsubscribed", "connection.resumed")


# ---- by hand: for what no library sends --------------------------------------------------

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


def frame(opcode, payload=b"", *, fin=True, masked=True, rsv=0, length=None, mask=None,
          length_bytes=None):
    """The bytes of one frame; `length` may lie, and may take more bytes than it needs: 0, 2, 8."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    if length_bytes == 0:
        head = struct.pack("!BB", first, bit | size)
    elif length_bytes == 2:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4) if mask is None else mask
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


class RawWebSocket:
    """A TCP connection with an upgrade written by hand."""

    def __init__(self, port, path="/ws/events", *, host="127.0.0.1", method="GET", version="13",
                 http="1.1", headers=(), key=None, upgrade=True, timeout=DEADLINE):
        self.socket = self.connect(host, port, timeout)
        self.key = key or base64.b64encode(os.urandom(16)).decode()
        lines = [f"{method} {path} HTTP/{http}", f"Host: {host}:{port}"]
        if upgrade:
            lines += ["Upgrade: websocket", "Connection: Upgrade",
                      f"Sec-WebSocket-Key: {self.key}"]
            if version:
                lines.append(f"Sec-WebSocket-Version: {version}")
        lines += headers
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.input = self.socket.makefile("rb")
        self.status = None
        self.headers = {}
        self.body = b""
        self.rsv = 0
        self._read_head()

    def connect(self, host, port, timeout):
        return socket.create_connection((host, port), timeout)

    def _read_head(self):
        line = self.input.readline()
        if not line:
            return  # dropped without a word
        self.status = int(line.split()[1])
        for line in iter(self.input.readline, b"\r\n"):
            if not line:
                return
            name, _, value = line.decode().partition(":")
            self.headers[name.strip().lower()] = value.strip()
        if self.status == 101:
            expected = base64.b64encode(hashlib.sha1((self.key + GUID).encode()).digest())
            assert self.headers["sec-websocket-accept"] == expected.decode()
        elif "content-length" in self.headers:
            self.body = self.input.read(int(self.headers["content-length"]))

    @property
    def json(self):
        return json.loads(self.body)

    def send(self, data):
        self.socket.sendall(data)

    def read_frame(self, timeout=DEADLINE):
        """(opcode, payload), or None at the end of the stream."""
        self.socket.settimeout(timeout)
        try:
            head = self.input.read(2)
            if len(head) < 2:
                return None
            self.rsv = head[0] >> 4 & 7  # of this frame
            size = head[1] & 0x7f
            if size == 126:
                size, = struct.unpack("!H", self.input.read(2))
            elif size == 127:
                size, = struct.unpack("!Q", self.input.read(8))
            return head[0] & 0x0f, self.input.read(size)
        except ConnectionResetError:
            return None
        except socket.timeout:
            raise Failure("no frame in time") from None

    def wait_close(self, timeout=DEADLINE):
        """The code of the close frame; None when the connection just ended."""
        while True:
            got = self.read_frame(timeout)
            if got is None:
                return None
            if got[0] == CLOSE:
                return struct.unpack("!H", got[1][:2])[0] if len(got[1]) >= 2 else 1005

    def close(self):
        self.input.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
