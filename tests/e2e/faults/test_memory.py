# SPDX-License-Identifier: MIT
"""Memory is short: the n-th allocation of the hub fails, for every n of what a client makes it do.

No crash; the one who asked may be refused or sent away; after that all is as before.
"""
import os
import socket
import struct

import pytest
import websockets

from harness.events import is_for_job, progress, unique
from harness.processes import BUILD, Failure, SANITIZED
from harness.rpc import Closed, Fault
from scale import record, sized

LIBRARY = BUILD / "short-memory.so"
FAIL_MAX = sized(40, 2_000)  # of one scenario
SHORT_S = 0.4

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


def ask_history(hub, _client):
    with hub.rpc(role="cli", timeout=SHORT_S) as rpc:
        rpc.call("events", after=0, limit=50)
        rpc.call("state")
        rpc.call("status")


def resume(hub, client):
    client.send({"action": "resume", "since": hub.position})
    client.until(lambda message: message.get("type") == "connection.resumed", SHORT_S)


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


@pytest.mark.parametrize("scenario", [publish, ask_history, resume, subscribe, come, stream],
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
