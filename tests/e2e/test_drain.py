# SPDX-License-Identifier: MIT
"""SIGTERM: clients are sent away one after the other, and told when to come back."""
import collections
import contextlib
import json
import signal
import socket
import time

import pytest

from harness.events import completed, jobs, progress
from harness.processes import DEADLINE, Readiness, STALL_S
from harness.rpc import Closed
from harness.stream import Stream

CLIENTS = 200
DRAIN_S = 4  # longer than machines stall: some clients must not feel it
RESTART_MS = 1000


def told(client):
    code, reason = client.wait_closed()
    assert code == 1001
    reason = json.loads(reason)
    assert set(reason) == {"retry_after_ms"}
    return reason["retry_after_ms"]


def stop(hub, number=signal.SIGTERM):
    """Seconds until the hub has ended, with status 0."""
    began = time.monotonic()
    hub.process.signal(number)
    assert hub.process.wait() == 0, hub.process.output
    return time.monotonic() - began


def test_all_go_within_the_time_and_come_back_over_as_long_again(new_hub):
    hub = new_hub({"hub": {"drain_seconds": f"{DRAIN_S}s"}})
    clients = [hub.client() for _ in range(CLIENTS)]
    sent = [progress() for _ in range(20)]
    with hub.rpc() as rpc:
        rpc.publish(*sent)
    began = time.monotonic()
    took = stop(hub)
    retries = [told(client) for client in clients]
    assert took <= DRAIN_S + 2 + STALL_S
    assert len(set(retries)) == CLIENTS

    # Nobody goes before its turn, and who is not held up by the machine goes then: the first is
    # asked to come back last, after twice the time, and the turns are even.
    late = []
    for client, retry in zip(clients, retries):
        turn = 1 - (retry - RESTART_MS) / 2000 / DRAIN_S
        late.append(client.ended_at - began - turn * DRAIN_S)
    assert min(late) > -0.01
    assert sorted(late)[CLIENTS // 5] < 0.5
    turns = sorted(retry - RESTART_MS for retry in retries)
    assert turns[0] > 0 and turns[-1] == 2000 * DRAIN_S
    assert max(b - a for a, b in zip(turns, turns[1:])) <= 2000 * DRAIN_S / CLIENTS + 1

    # So they come back evenly too, and nobody is asked to before there can be somebody.
    back = [(client.ended_at - began) * 1000 + retry for client, retry in zip(clients, retries)]
    assert min(back) >= 1000 * DRAIN_S + RESTART_MS - 5

    # What was committed before was delivered before.
    wanted = [event["payload"]["job_id"] for event in sent]
    for client in clients:
        assert len(client.times) == len(wanted)
        client.close()


def test_what_was_taken_is_answered_and_delivered_before_the_end(new_hub):
    hub = new_hub({"hub": {"drain_seconds": "60s"}})
    with hub.client() as client, hub.rpc() as rpc:
        acknowledged = []
        for _ in range(50):
            event = completed()
            assert len(rpc.publish(event)["sequences"]) == 1
            acknowledged.append(event["payload"]["job_id"])
        hub.process.signal(signal.SIGTERM)
        seen = client.until(lambda message: message["payload"].get("job_id") == acknowledged[-1])
        assert jobs(seen) == acknowledged
        assert told(client) > 0
        assert hub.process.wait() == 0


def test_a_publisher_that_never_pauses_is_answered_and_holds_nobody_up(new_hub):
    """What was read of it is stored and answered; from the end of the drain on nothing is read."""
    hub = new_hub({"hub": {"drain_seconds": "100ms"}})
    events = [progress() for _ in range(16)]
    with hub.client(), hub.rpc() as rpc:
        under_way = collections.deque()
        answered = 0
        with contextlib.suppress(OSError, Closed):
            while answered < 1_000_000:
                while len(under_way) < 300:
                    under_way.append(rpc.request("publish", events=events))
                last = rpc.result(under_way.popleft())["sequences"][-1]
                answered += 1
                if answered == 300:
                    hub.process.signal(signal.SIGTERM)
        with contextlib.suppress(Closed):
            while under_way:
                last = rpc.result(under_way.popleft())["sequences"][-1]
        assert hub.process.wait() == 0
    hub.start()
    with hub.rpc() as rpc:
        assert not rpc.call("events", after=last, types=["job.progress"])["events"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_clients_it_ends_at_once(new_hub, number):
    hub = new_hub({"hub": {"drain_seconds": "60s"}})
    with hub.rpc() as rpc:
        rpc.publish(progress())
        assert stop(hub, number) < 1.5 + STALL_S


def test_when_the_last_client_leaves_it_ends_at_once(new_hub):
    hub = new_hub({"hub": {"drain_seconds": "60s"}})
    with hub.client(), hub.client() as other:
        hub.process.signal(signal.SIGTERM)
        told(other)
    assert hub.process.wait() == 0


def test_nobody_is_let_in_meanwhile_and_a_second_signal_ends_it(new_hub):
    hub = new_hub({"hub": {"drain_seconds": "60s"}})
    with hub.client() as first, hub.client() as second, hub.client_at_web_socket() as third:
        hub.process.signal(signal.SIGTERM)
        told(third)  # the newest goes first
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", hub.port.number), DEADLINE).close()
        with pytest.raises(OSError):
            hub.client_at_web_socket()
        hub.process.signal(signal.SIGTERM)
        told(first)  # at once, and still told when to come back
        assert told(second) != told(first)
        assert hub.process.wait() == 0
        assert len([line for line in hub.process.lines if "told again" in line]) == 1


def test_a_second_signal_tells_streams_and_tls_clients_too(new_hub):
    hub = new_hub(start=False)
    hub.make_certificate()
    hub.configure({"tls": hub.tls_options(), "hub": {"drain_seconds": "60s"}})
    hub.start()
    with hub.tls_client() as secure, Stream(hub.port.number) as stream, hub.client() as newest:
        stream.hello()
        hub.process.signal(signal.SIGTERM)
        told(newest)
        hub.process.signal(signal.SIGTERM)
        told(secure)
        end = stream.next()
        assert end.comments[0].startswith("closing, 1001 ") and end.retry >= RESTART_MS
        assert stream.next() is None
        assert hub.process.wait() == 0


def test_no_number_of_signals_kills_it(new_hub):
    hub = new_hub({"hub": {"drain_seconds": "60s"}})
    with hub.client(), hub.rpc() as rpc:
        rpc.publish(*(progress() for _ in range(256)))
        while hub.process.popen.poll() is None:
            hub.process.signal(signal.SIGTERM)
    assert hub.process.wait() == 0


def test_a_second_signal_waits_for_nobody_who_does_not_read(new_hub):
    hub = new_hub({"hub": {"drain_seconds": "60s"}})
    with hub.raw(), hub.client() as client, hub.rpc() as rpc:
        for _ in range(20):
            rpc.publish(*(completed("x" * 3000) for _ in range(256)))
        hub.process.signal(signal.SIGTERM)
        hub.process.wait_line("stopping")  # two that are pending together are one, signal(7)
        hub.process.signal(signal.SIGTERM)
        assert hub.process.wait() == 0
        assert client.wait_closed()[0] in (1001, 1006)


def test_the_service_manager_is_asked_to_wait_for_the_drain(new_hub):
    hub = new_hub({"hub": {"drain_seconds": "90s"}}, start=False)
    manager = Readiness(hub.run)
    hub.process = hub.spawn(NOTIFY_SOCKET=str(manager.path))
    manager.wait(hub.process)
    hub.process.signal(signal.SIGTERM)
    manager.socket.settimeout(DEADLINE)
    said = dict(line.split("=") for line in manager.socket.recv(4096).decode().splitlines())
    assert said["STOPPING"] == "1" and int(said["EXTEND_TIMEOUT_USEC"]) >= 93_000_000
    assert hub.process.wait() == 0
    manager.close()


def test_clients_that_do_not_answer_hold_nobody_up(new_hub):
    hub = new_hub({"hub": {"drain_seconds": "200ms"}})
    silent = [hub.raw() for _ in range(3)]
    assert stop(hub) < 0.2 + 2 + STALL_S
    for client in silent:
        assert client.wait_close() == 1001
        client.close()
