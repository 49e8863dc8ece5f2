# SPDX-License-Identifier: MIT
"""Clients that leave and come back all the time, and check every event that they are shown.

They read frames by hand, many clients in one thread: a library would be what is measured.
"""
import base64
import json
import os
import random
import re
import selectors
import socket
import struct
import time

from harness.processes import DEADLINE, Failure

NAME = re.compile(rb'"job_id":"([^"]*)"')
SEQUENCE = re.compile(rb'"sequence":(\d+)')
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST
TAIL = 200  # bytes: what follows the payload in the standard envelope is shorter
RETRY_S = 0.02
RCVBUF = 4096  # of the drowsy ones: a short doze fills it


class Follower:
    """Keeps the position of the last event it has seen whole, and resumes from it."""

    rcvbuf = None

    def __init__(self, port, epoch, number, name):
        self.port = port
        self.epoch = epoch
        self.number = number
        self.name = name
        self.sequence = 0
        self.seen = []  # names of events, None if it is none of a Flood; seen[i] has sequence i + 1
        self.n_connects = 0
        self.behind = []  # how many events, at each return
        self.socket = None
        self.leave_at = None
        self.wake_at = None  # until then it reads nothing
        self.connect_at = 0
        self._input = b""
        self._resumed = True

    @property
    def position(self):
        return f"{self.epoch}-{self.sequence}"

    def fail(self, what):
        raise Failure(f"{self.name} {self.number}, connection {self.n_connects}, "
                      f"at {self.position}: {what}")

    # ---- connections ---------------------------------------------------------------------

    def head(self):
        raise NotImplementedError

    def connect(self):
        """Whether there is a hub."""
        try:
            self.socket = socket.socket()
            self.socket.settimeout(DEADLINE)
            if self.rcvbuf:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.rcvbuf)
            self.socket.connect(("127.0.0.1", self.port))
            self.socket.sendall(self.head())
            data = b""
            while b"\r\n\r\n" not in data:
                part = self.socket.recv(65536)
                if not part:
                    raise ConnectionResetError
                data += part
        except ConnectionError:
            self.socket.close()
            self.socket = None
            self.connect_at = time.monotonic() + RETRY_S
            return False
        self.n_connects += 1
        self._input = b""
        head, _, rest = data.partition(b"\r\n\r\n")
        self.connected(head)
        self.feed(rest)
        return True

    def connected(self, head):
        raise NotImplementedError

    def leave(self, how):
        """In the middle of whatever comes; a part of an event is none."""
        if how == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif how == "goodbye":
            self.goodbye()
        self.gone()

    def goodbye(self):
        pass

    def gone(self):
        self.socket.close()
        self.socket = None
        self.connect_at = 0

    def receive(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        if data:
            self.feed(data)
        return bool(data)

    def feed(self, data):
        raise NotImplementedError

    # ---- what it is shown ----------------------------------------------------------------

    def take(self, text):
        found = SEQUENCE.search(text, max(0, len(text) - TAIL))
        if not found:
            message = json.loads(text)
            if message.get("type") == "connection.resumed":
                self.resumed(message["payload"])
            elif message.get("type") != "ping":
                self.fail(f"unexpected {message}")
            return
        if not self._resumed:
            self.before_resumed(text)
            return
        sequence = int(found[1])
        if sequence != self.sequence + 1:
            self.fail(f"{sequence} comes next")
        self.sequence = sequence
        name = NAME.search(text)
        self.seen.append(name[1].decode() if name else None)

    def before_resumed(self, text):
        self.fail(f"before connection.resumed: {text}")

    def resumed(self, answer):
        if self._resumed:
            self.fail(f"a second {answer}")
        self._resumed = True
        if answer["complete"] is not True or answer["from"] != self.position:
            self.fail(f"not complete: {answer}")
        self.behind.append(int(answer["to"].rpartition("-")[2]) - self.sequence)


class WebSocketFollower(Follower):
    def __init__(self, *arguments, path="/ws/events"):
        super().__init__(*arguments)
        self.path = path

    def target(self):
        return f"{self.path}?since={self.position}"

    def head(self):
        key = base64.b64encode(os.urandom(16)).decode()
        return (f"GET {self.target()} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
                f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n").encode()

    def connected(self, head):
        if not head.startswith(b"HTTP/1.1 101"):
            self.fail(head)
        self._resumed = False

    def goodbye(self):
        self.socket.sendall(b"\x88\x82\0\0\0\0" + struct.pack("!H", 1000))

    def feed(self, data):
        buffer = self._input + data if self._input else data
        at, end = 0, len(buffer)
        while end - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size == 126:
                start += 2
                size = int.from_bytes(buffer[at + 2:start], "big")
            elif size == 127:
                start += 8
                size = int.from_bytes(buffer[at + 2:start], "big")
            if start + size > end:
                break
            opcode = buffer[at] & 15
            if opcode == 1:
                self.take(buffer[start:start + size])
            elif opcode == 8:
                self.closed(buffer[start:start + size])
            at = start + size
        self._input = buffer[at:]

    def closed(self, payload):
        code = int.from_bytes(payload[:2], "big")
        if code != 1001:
            self.fail(f"closed with {code} {payload[2:]}")


class AskingFollower(WebSocketFollower):
    """Comes back without a position, and asks for what it has missed with a message."""

    def target(self):
        return self.path

    def connected(self, head):
        super().connected(head)
        text = json.dumps({"action": "resume", "since": self.position}).encode()
        self.socket.sendall(bytes((0x81, 0x80 | len(text))) + b"\0\0\0\0" + text)

    def before_resumed(self, text):
        pass  # live events, which come again after connection.resumed


class StreamFollower(Follower):
    """Server-Sent Events."""

    def head(self):
        return (f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
                f"Last-Event-ID: {self.position}\r\n\r\n").encode()

    def connected(self, head):
        if not head.startswith(b"HTTP/1.1 200"):
            self.fail(head)
        self._resumed = False

    def feed(self, data):
        *blocks, self._input = (self._input + data).split(b"\n\n")
        for block in blocks:
            lines = block.split(b"\n")
            if not lines[-1].startswith(b"data: "):
                continue
            self.take(lines[-1][6:])
            if lines[0].decode() != f"id: {self.position}":
                self.fail(f"the position told is {lines[0]}")


class DrowsyFollower(WebSocketFollower):
    """Stops reading for a while, now and then."""
    rcvbuf = RCVBUF


class Crowd:
    """Followers in one thread; each leaves and comes back `reconnects` times."""

    def __init__(self, followers, reconnects, pause_s=(0.05, 0.5), seed=1):
        self.followers = followers
        self._reconnects = reconnects
        self._pause_s = pause_s
        self._chance = random.Random(seed)
        self._selector = selectors.DefaultSelector()

    def connect(self, follower):
        if not follower.connect():
            return
        self._selector.register(follower.socket, selectors.EVENT_READ, follower)
        now = time.monotonic()
        follower.leave_at = now + self._chance.uniform(*self._pause_s)
        if follower.rcvbuf and self._chance.random() < 0.5:
            self._selector.unregister(follower.socket)
            follower.wake_at = now + self._chance.uniform(*self._pause_s)

    def drop(self, follower, how):
        if follower.wake_at is None:
            self._selector.unregister(follower.socket)
        follower.wake_at = None
        if how:
            follower.leave(how)
            follower.connect_at = time.monotonic() + self._chance.choice((0, *self._pause_s))
        else:
            follower.gone()

    def turn(self, until):
        now = time.monotonic()
        for follower in self.followers:
            if not follower.socket:
                if now >= follower.connect_at:
                    self.connect(follower)
            elif now >= follower.leave_at and follower.n_connects <= self._reconnects:
                self.drop(follower, self._chance.choice(("reset", "close", "goodbye")))
            elif follower.wake_at is not None and now >= follower.wake_at:
                follower.wake_at = None
                self._selector.register(follower.socket, selectors.EVENT_READ, follower)
        for key, _ in self._selector.select(min(0.01, max(0, until - now))):
            if not key.data.receive():
                self.drop(key.data, None)

    def run(self, last, timeout):
        """Until every follower has come back often enough and has seen what `last` tells, if it
        tells anything yet; `last` is called each turn."""
        deadline = time.monotonic() + timeout
        while True:
            end = last()
            if end is not None and all(f.sequence >= end and f.n_connects > self._reconnects
                                       for f in self.followers):
                return
            if time.monotonic() > deadline:
                behind = [(f.name, f.number, f.sequence, f.n_connects) for f in self.followers
                          if f.sequence != end or f.n_connects <= self._reconnects]
                raise Failure(f"not at {end} in {timeout} s: {behind}")
            self.turn(deadline)

    def close(self):
        for follower in self.followers:
            if follower.socket:
                self.drop(follower, None)
        self._selector.close()
