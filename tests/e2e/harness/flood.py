# SPDX-License-Identifier: MIT
"""Publishers that keep many requests under way and remember every acknowledgement."""
import collections
import random
import selectors
import threading
import time

import msgpack

from harness.events import unique
from harness.processes import DEADLINE, Failure
from harness.rpc import Closed, Rpc

RETRY_S = 0.02  # between two attempts at a hub that is not there, or that refused for now

Request = collections.namedtuple("Request", "names key")


class Link:
    """One publisher: a connection, and the requests on it that are not answered."""

    def __init__(self, flood, number):
        self.flood = flood
        self.number = number
        self.under_way = {}  # id -> Request
        self.again = []  # requests whose outcome is unknown, to be repeated with their key
        self.n_requests = 0
        self.rpc = None
        self.retry_at = 0

    def open(self):
        self.rpc = Rpc(self.flood.path)
        self.flood.selector.register(self.rpc.socket, selectors.EVENT_READ, self)

    def close(self):
        if self.rpc:
            self.flood.selector.unregister(self.rpc.socket)
            self.rpc.close()
            self.rpc = None

    def lost(self):
        """The hub is gone: what was under way may be stored or not."""
        self.close()
        self.flood.unknown += self.under_way.values()
        if self.flood.persistent:
            self.again += self.under_way.values()
        self.under_way.clear()
        self.retry_at = time.monotonic() + RETRY_S

    def reopen(self):
        try:
            self.open()
        except (OSError, Closed, Failure):
            self.retry_at = time.monotonic() + RETRY_S

    def next_request(self):
        if self.again:
            return self.again.pop()
        n = self.flood.take()
        if not n:
            return None
        self.n_requests += 1
        stem = f"{self.flood.prefix}.{self.number}.{self.n_requests}.{n}"
        return Request([f"{stem}.{i}" for i in range(n)],
                       unique("key") if self.flood.persistent else None)

    def fill(self):
        now = time.monotonic()
        if now < self.retry_at:
            return
        if not self.rpc:
            if not self.flood.persistent:
                return
            self.reopen()
        parts = []
        while self.rpc and len(self.under_way) < self.flood.depth:
            request = self.next_request()
            if not request:
                break
            self.rpc.last_id += 1
            self.under_way[self.rpc.last_id] = request
            params = {"events": [self.flood.event(name) for name in request.names]}
            if request.key:
                params["key"] = request.key
            parts.append(msgpack.packb([0, self.rpc.last_id, "publish", [params]]))
        if parts:
            try:
                self.rpc.send(b"".join(parts))
            except OSError:
                self.lost()

    def receive(self):
        try:
            data = self.rpc.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.lost()
            return
        self.rpc.unpacker.feed(data)
        for message in self.rpc.unpacker:
            request = self.under_way.pop(message[1])
            if message[2] is None:
                self.flood.acknowledge(request, message[3])
                continue
            self.flood.refusals.append((time.monotonic(), message[2]))
            if self.flood.persistent:
                self.again.append(request)
                self.retry_at = time.monotonic() + RETRY_S


class Flood(threading.Thread):
    """Publishes until it has published `events`, is stopped or, unless persistent, the hub is gone.

    A persistent one repeats, with its idempotency key, each request of which it does not know
    whether it was done: then every event is to be in the log exactly once.
    """

    def __init__(self, path, prefix, *, publishers=4, depth=4, batch=16, events=None, rate=None,
                 persistent=False, filler=""):
        super().__init__(daemon=True)
        self.path = path
        self.prefix = prefix
        self.depth = depth
        self.persistent = persistent
        self.acknowledged = {}  # sequence -> name
        self.acknowledged_at = []  # (CLOCK_MONOTONIC, events so far)
        self.refusals = []  # (CLOCK_MONOTONIC, error)
        self.unknown = []  # requests that were never answered
        self.epochs = set()
        self.failure = None
        self.running = threading.Event()
        self.selector = selectors.DefaultSelector()
        self._filler = filler
        self._batch = batch
        self._left = events
        self._rate = rate
        self._taken = 0
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._chance = random.Random(prefix)
        self._links = [Link(self, number) for number in range(publishers)]

    def event(self, name):
        return {"type": "job.progress",
                "payload": {"job_id": name, "percent": 50, "step": self._filler}}

    def take(self):
        """How many events the next request has; 0: none now."""
        if self._stopping.is_set():
            return 0
        n = self._chance.randint(1, self._batch)
        if self._left is not None:
            n = min(n, self._left)
            self._left -= n
        if self._rate and self._taken + n > self._rate * (time.monotonic() - self._began):
            if self._left is not None:
                self._left += n
            return 0
        self._taken += n
        return n

    def acknowledge(self, request, answer):
        sequences = answer["sequences"]
        assert len(sequences) == len(request.names), answer
        assert answer["durable"] is True, answer
        self.epochs.add(answer["epoch"])
        for sequence, name in zip(sequences, request.names):
            assert sequence not in self.acknowledged, f"{sequence} was acknowledged twice"
            self.acknowledged[sequence] = name
        self.acknowledged_at.append((time.monotonic(), len(self.acknowledged)))
        self.running.set()

    def is_done(self):
        if any(link.under_way or link.again for link in self._links):
            return False
        return self._stopping.is_set() or self._left == 0

    def run(self):
        try:
            for link in self._links:
                link.reopen() if self.persistent else link.open()
            while not self.is_done() and (self.persistent or any(l.rpc for l in self._links)):
                for link in self._links:
                    link.fill()
                for key, _ in self.selector.select(0.005):
                    key.data.receive()
        except Exception as error:  # told by join(), to whoever waits for us
            self.failure = error
        finally:
            self.running.set()
            for link in self._links:
                link.close()

    def begin(self):
        """Start, and wait for the first acknowledgement."""
        self.start()
        assert self.running.wait(DEADLINE), "nothing was acknowledged"
        return self

    def stop(self):
        """Publish no more; wait for the answers."""
        self._stopping.set()
        return self.finish()

    def finish(self, timeout=DEADLINE):
        self.join(timeout)
        assert not self.is_alive(), f"{len(self.acknowledged)} acknowledged, and then no end"
        if self.failure:
            raise self.failure
        return self


# ---- what came of it ---------------------------------------------------------------------------

def name_of(event):
    """None for what the hub itself has to say."""
    return event["payload"].get("job_id")


def read_log(rpc, after=0):
    """The whole log behind a sequence, by pages."""
    found = []
    while True:
        page = rpc.call("events", after=after, limit=1000)
        if not page["events"]:
            return found
        found += page["events"]
        after = page["next"]


def lost(flood, log):
    """Acknowledged events that are not in the log, under their sequence and with their body."""
    there = {event["sequence"]: event for event in log}
    return [(sequence, name) for sequence, name in flood.acknowledged.items()
            if sequence not in there or there[sequence]["type"] != "job.progress" or
            there[sequence]["payload"] != flood.event(name)["payload"]]


def check_log(log):
    """In order without a hole, nothing twice, and of a request all events or none."""
    sequences = [event["sequence"] for event in log]
    if log:
        assert sequences == list(range(sequences[0], sequences[0] + len(log))), "a hole in the log"
    names = collections.Counter(filter(None, map(name_of, log)))
    assert max(names.values(), default=1) == 1, f"twice: {names.most_common(3)}"
    requests = collections.Counter(name.rpartition(".")[0] for name in names if "." in name)
    torn = [stem for stem, n in requests.items() if int(stem.rpartition(".")[2]) != n]
    assert not torn, f"only a part is there of {torn[:3]}"
