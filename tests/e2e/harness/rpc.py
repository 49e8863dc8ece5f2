# SPDX-License-Identifier: MIT
"""A blocking MessagePack-RPC client, written from the specification and not from our C code."""
import socket
import time

import msgpack

from harness.processes import DEADLINE, Failure


class Fault(Exception):
    """The error of an answer: {"code","message","details"}."""

    def __init__(self, error):
        super().__init__(str(error))
        self.error = error
        self.code = error.get("code")
        self.message = error.get("message", "")
        details = error.get("details") or {}
        self.pointer = details.get("pointer", error.get("pointer", ""))


class Closed(Exception):
    """The hub has closed the connection."""


class Rpc:
    def __init__(self, path, *, role="publisher", hello=True, timeout=DEADLINE):
        self.timeout = timeout
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        self.notifications = []
        self.answers = {}
        self.last_id = 0
        self.greeting = None
        if hello:
            self.greeting = self.call("hello", role=role, version=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """Raw bytes, for what no well-behaved client would send."""
        self.socket.sendall(data)

    def send_message(self, message):
        self.send(msgpack.packb(message))

    def request(self, method, **params):
        """Send without waiting; the id of the answer."""
        self.last_id += 1
        self.send_message([0, self.last_id, method, [params]])
        return self.last_id

    def next_message(self, timeout=None):
        """The next message of whatever kind."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            try:
                return next(self.unpacker)
            except StopIteration:
                pass
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failure("no message from the hub in time")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise Failure("no message from the hub in time") from None
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed()
            self.unpacker.feed(data)

    def answer(self, number):
        """(error, result) of a request."""
        while number not in self.answers:
            message = self.next_message()
            if message[0] == 2:
                self.notifications.append(message)
            else:
                assert message[0] == 1 and len(message) == 4, message
                self.answers[message[1]] = message[2:]
        return self.answers.pop(number)

    def result(self, number):
        error, result = self.answer(number)
        if error is not None:
            assert result is None
            raise Fault(error)
        return result

    def call(self, method, **params):
        return self.result(self.request(method, **params))

    def notification(self, timeout=None):
        """(method, params) of the next notification."""
        while not self.notifications:
            message = self.next_message(timeout)
            if message[0] == 2:
                self.notifications.append(message)
            else:
                self.answers[message[1]] = message[2:]
        _, method, params = self.notifications.pop(0)
        return method, params[0]

    def publish(self, *events, **more):
        return self.call("publish", events=list(events), **more)

    def refused(self, method, **params):
        """The fault that a request gets; an answer without one is a failure."""
        try:
            result = self.call(method, **params)
        except Fault as fault:
            return fault
        raise AssertionError(f"{method} was not refused: {result}")
