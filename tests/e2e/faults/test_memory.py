# SPDX-License-Identifier: MIT
"""Memory is short: the n-th allocation of the hub fails, for every n of what a client makes it do;
or it may not have more than it has.

No crash; the one who asked may be refused or sent away; after that all is as before.
"""
import os
import pathlib
import resource
import socket
import struct

import pytest
import websockets

from harness.events import is_for_job, mounted, progress, unique
from harness.processes import BUILD, Failure, SANITIZED
from harness.rpc import Closed, Fault
from scale import record, sized

LIBRARY = BUILD / "short-memory.so"
FAIL_MAX = sized(40, 2_000)  # of one scenario
SHORT_S = 0.4
HUNGRY = sized(40, 400)  # who come while there is no memory

pytestmark = pytest.mark.skipif(SANITIZED, reason="sanitizers have an allocator of their own")


class Memory:
    """The words that short_memory.c reads."""

    def __init__(self, hub):
        self.path = hub.run / "memory"
        self.path.write_bytes(bytes(4096))

    def prefix(self):
        assert LIBRARY.exists(), f"{LIBRARY} is missing: run `make check`"
        return ["env", f"LD_PRELOAD={LIBRARY}", f"SHORT_MEMORY={self.path}"]

    def fail(self, n):
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("<q", n))

    def stop(self):
        """Whether one has failed."""
        with open(self.path, "rb") as file:
            left, = struct.unpack("<q", file.read(8))
        self.fail(0)
        return left <= 0


@pytest.fixture
def short(new_hub):
    hub = new_hub({"clients": {"message_rate": "0", "accept_rate": "0"},
                   "health": {"interval": "0"}}, start=False)
    hub.memory = Memory(hub)
    return hub.start(hub.memory.prefix())


def threads(hub):
    return set(os.listdir(f"/proc/{hub.process.pid}/task"))


def test_the_threads_of_a_hub_are_there_before_its_clients(short):
    """libuv aborts the program that it cannot start its threads for."""
    before = threads(short)
    with short.rpc(role="cli") as rpc:
        rpc.call("events", after=0, limit=50)
    assert threads(short) == before


def publish(hub, _client):
    with hub.rpc(timeout=SHORT_S) as rpc:
        rpc.publish(progress(), progress(), key=unique("key"))


def publish_what_is_retained(hub, _client):
    with hub.rpc(timeout=SHORT_S) as rpc:
        rpc.publish(mounted(f"/media/{unique()}"), {"type": "device.status", "payload": {
            "device": {"name": unique()}}})


def follow(hub, _client):
    with hub.rpc(role="cli", timeout=SHORT_S) as rpc:
        rpc.call("subscribe", since=hub.position)
        rpc.publish(progress())
        for _ in range(3):
            rpc.notification()


def consume(hub, _client):
    with hub.rpc(role="cli", timeout=SHORT_S) as rpc:
        rpc.call("events", consumer=unique("c"), limit=3)


def ask_history(hub, _client):
    with hub.rpc(role="cli", timeout=SHORT_S) as rpc:
        rpc.call("events", after=0, limit=50)
        rpc.call("state")
        rpc.call("status")


def resume(hub, client):
    client.send({"action": "resume", "since": hub.position})
    answer = client.until(lambda message: message.get("type") in ("connection.resumed", "error"),
                          SHORT_S)[-1]
    assert answer["type"] != "error" or answer["payload"]["code"] == "internal", answer


def subscribe(_hub, client):
    client.send({"action": "subscribe", "events": ["job.*", "task.*"]})
    client.until(lambda message: "action" in message or message["type"] == "error", SHORT_S)


def come(hub, _client):
    with hub.client(f"/ws/events?since={hub.position}", open_timeout=SHORT_S) as other:
        other.receive(SHORT_S)


def stream(hub, _client):
    with socket.create_connection(("127.0.0.1", hub.port.number), SHORT_S) as plain:
        plain.sendall(f"GET /events?since={hub.position} HTTP/1.1\r\nHost: "
                      f"127.0.0.1:{hub.port.number}\r\n\r\n".encode())
        data = b""
        while b'"sequence":20,' not in data:  # the last that it asked for
            more = plain.recv(65536)
            if not more:
                raise ConnectionError
            data += more


@pytest.mark.parametrize("scenario", [
    publish, publish_what_is_retained, ask_history, follow, consume, resume, subscribe, come, stream],
                         ids=lambda scenario: scenario.__name__)
def test_an_allocation_fails_and_the_hub_lives_on(short, scenario):
    hub, refused = short, 0
    with hub.rpc() as rpc:
        rpc.publish(*[progress() for _ in range(20)])
        hub.position = f"{rpc.greeting['epoch']}-3"
    client = hub.client()
    for n in range(1, FAIL_MAX):
        hub.memory.fail(n)
        answered = False
        try:
            scenario(hub, client)
            answered = True
        except (Failure, Fault, Closed, OSError, websockets.WebSocketException):
            refused += 1
        failed = hub.memory.stop()
        status = hub.process.popen.poll()
        assert status is None, f"n = {n}: ended with {status}\n{hub.process.output[-2000:]}"
        client.close()
        client = hub.client()
        event = progress(unique())
        with hub.rpc() as rpc:
            rpc.publish(event)
        client.until(is_for_job(event["payload"]["job_id"]))
        if answered and not failed:
            break
    client.close()
    assert n > 3, "there was nothing to fail"
    record(f"memory short: {scenario.__name__}",
           f"{n} allocations failed, one by one: {refused} times refused, no crash")


def limit(hub, more=None):
    """It may have as many bytes more than now, and no others; None: as many as it wants."""
    pages = int(pathlib.Path(f"/proc/{hub.process.pid}/statm").read_text().split()[0])
    most = resource.RLIM_INFINITY if more is None else pages * resource.getpagesize() + more
    resource.prlimit(hub.process.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def publish_much(hub, _client):
    with hub.rpc(timeout=SHORT_S) as rpc:
        rpc.publish(*[{"type": "job.progress", "payload": {
            "job_id": unique(), "percent": 1, "step": "x" * 20_000}} for _ in range(30)])


@pytest.mark.parametrize("more", [0, 64 << 10, 512 << 10])
def test_a_hub_that_gets_no_more_memory_refuses_and_lives_on(new_hub, more):
    hub = new_hub({"clients": {"message_rate": "0", "accept_rate": "0"}})
    client, others, refused = hub.client(), [], 0
    with hub.rpc() as rpc:
        rpc.publish(*[progress() for _ in range(20)])
        hub.position = f"{rpc.greeting['epoch']}-3"
    limit(hub, more)
    for n in range(HUNGRY):
        scenario = (come, publish_much, ask_history, follow)[n % 4]
        try:
            if scenario is come:
                others.append(hub.client(f"/ws/events?since={hub.position}", open_timeout=SHORT_S))
            else:
                scenario(hub, client)
        except (Failure, Fault, Closed, OSError, websockets.WebSocketException):
            refused += 1
        assert hub.process.popen.poll() is None, hub.process.output[-2000:]
    limit(hub)
    assert refused, "there was enough"
    event = progress(unique())
    with hub.client() as newcomer, hub.rpc() as rpc:
        rpc.publish(event)
        newcomer.until(is_for_job(event["payload"]["job_id"]))
    for other in [client, *others]:
        other.close()
    assert len(hub.process.lines) < HUNGRY / 2, "a line for each that is refused"
    record(f"no memory but {more >> 10} KiB", f"{refused} of {HUNGRY} refused, no crash")
