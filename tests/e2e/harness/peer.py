# SPDX-License-Identifier: MIT
"""A WebSocket peer that sends exactly the bytes it is given, and tells exactly what came back."""
import base64
import hashlib
import json
import socket
import ssl
import struct
import time

from harness.processes import DEADLINE, Failure
from harness.rest import UNVERIFIED
from harness.websocket import CLOSE, GUID, TEXT, frame

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 section 1.3
ACCEPT = base64.b64encode(hashlib.sha1((KEY + GUID).encode()).digest()).decode()
ANSWER_SECONDS = DEADLINE
CROSSING_SECONDS = 0.1  # for an answer that must not come
NO_CODE = 1005  # a close frame without a code, RFC 6455 section 7.1.5
DROPPED = "dropped"  # the connection ended without a close frame

# The answer to this one tells that everything before it has been dealt with.
END = {"action": "unsubscribe", "events": ["task.end"]}
END_ANSWER = {"action": "unsubscribed", "events": ["task.end"]}


def request(*, method="GET", path="/ws/tasks", http="HTTP/1.1", end="\r\n", **headers):
    """An upgrade request; a header given as None is left out, one given as a list comes so often."""
    values = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
    values.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = [f"{method} {path} {http}"]
    for name, value in values.items():
        several = value if isinstance(value, list) else [] if value is None else [value]
        lines += [f"{name}: {one}" for one in several]
    return (end.join(lines) + end + end).encode("latin-1")


class Response:
    """The head of an answer to a request; `status` is DROPPED where none came."""

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if head else DROPPED
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()


class Peer:
    """One connection."""

    def __init__(self, port, head=None, *, and_frames=b"", rest_in_octets=b"",
                 patience=ANSWER_SECONDS, tls=False):
        self.patience = patience
        self.crossing = b""  # what we have on the way while a close comes
        self.after_close = []
        self.socket = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = UNVERIFIED.wrap_socket(self.socket)
        self.input = b""
        self.ended = False
        self.said_close = False
        self.send((request() if head is None else head) + and_frames)
        self.send_octets(rest_in_octets)
        self.response = Response(self._read_head())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _fill(self, deadline):
        """More input. Whether there is."""
        left = deadline - time.monotonic()
        if self.ended or left <= 0:
            return False
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 16)
        except (socket.timeout, BlockingIOError, ssl.SSLWantReadError):
            return False
        except (ConnectionError, ssl.SSLError):
            data = b""
        self.ended = not data
        self.input += data
        return bool(data)

    def _read_head(self):
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\r\n\r\n" not in self.input:
            if not self._fill(deadline):
                if not self.ended:
                    raise Failure(f"neither an answer nor an end, but {self.input!r}")
                return b""
        head, self.input = self.input.split(b"\r\n\r\n", 1)
        return head

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError):
            pass  # what the other side said before it went can still be read

    def send_octets(self, data):
        """One at a time."""
        for at in range(len(data)):
            self.send(data[at:at + 1])

    def _take_frame(self):
        """(fin and rsv, opcode, payload) of the frame in the input, or None."""
        if len(self.input) < 2:
            return None
        at, size = 2, self.input[1] & 0x7f
        if size > 125:
            at += 2 if size == 126 else 8
            if len(self.input) < at:
                return None
            size, = struct.unpack("!H" if size == 126 else "!Q", self.input[2:at])
        if len(self.input) < at + size:
            return None
        first, second = self.input[:2]
        payload = self.input[at:at + size]
        self.input = self.input[at + size:]
        assert not second & 0x80, "a server must not mask"
        return first >> 4, first & 0x0f, payload

    def read_frame(self):
        """(opcode, payload) of the next frame; None at the end of the connection."""
        deadline = time.monotonic() + self.patience
        while (got := self._take_frame()) is None:
            if not self._fill(deadline):
                if not self.ended:
                    raise Failure("neither a frame nor an end")
                assert not self.input, f"half a frame at the end: {self.input!r}"
                return None
        bits, opcode, payload = got
        assert bits == 8, f"FIN and RSV are {bits:04b}"
        return opcode, payload

    def read_rest(self):
        """Whatever comes up to the end: the body of a refusal."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while self._fill(deadline):
            pass
        if not self.ended:
            raise Failure("the connection of a refused request does not end")
        return self.input

    def say_close(self, payload=b"\x03\xe8"):
        self.said_close = True
        self.send(frame(CLOSE, payload))

    def read_all(self):
        """All frames up to the end; a close is answered, as a peer must, and comes last.

        After a bad frame the server cannot tell where our answer begins: our end tells it.
        """
        frames = []
        while (got := self.read_frame()) is not None:
            if frames and frames[-1][0] == CLOSE:
                self.after_close.append(got)
                continue
            frames.append(got)
            if got[0] == CLOSE and not self.said_close:
                if self.crossing:
                    self.send(self.crossing)
                    self._fill(time.monotonic() + CROSSING_SECONDS)
                self.say_close(got[1][:2])
                self._end()
        return frames

    def _end(self):
        if isinstance(self.socket, ssl.SSLSocket):
            self.ended = True  # TLS has no half of a connection
            return
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already

    def read_to_close(self):
        """The frames before the close, and its code: of a connection that is to end."""
        frames = self.read_all()
        if not frames or frames[-1][0] != CLOSE:
            return frames, DROPPED
        payload = frames.pop()[1]
        return frames, struct.unpack("!H", payload[:2])[0] if payload else NO_CODE

    def read_to_answer(self):
        """The frames before the answer to END, which this sends: of a connection that lives."""
        self.send(frame(TEXT, json.dumps(END).encode()))
        frames = []
        while (got := self.read_frame()) is not None:
            if got[0] == TEXT and json.loads(got[1]) == END_ANSWER:
                return frames
            assert got[0] != CLOSE, f"closed with {got[1]!r}"
            frames.append(got)
        raise Failure(f"the connection ended; before came {frames}")
