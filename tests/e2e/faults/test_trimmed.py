# SPDX-License-Identifier: MIT
"""Who comes back to a history that is not all there any more is told exactly what is missing.

Each case is compared with a model of a few lines: what is announced, before the first event, and
which events follow. The hub has been restarted, so that all of them come from the log.
"""
import random

import pytest

from harness.events import mounted, progress, unique
from harness.processes import wait_for
from harness.stack import Stack
from harness.stream import Stream
from scale import record, sized

CASES = sized(200, 1_000)
CASES_A_LOG = 25
REST_CASES = 40
OTHER_EPOCH = "0123456789abcdef"


class Model:
    """A log: its epoch, and the sequences that it still has."""

    def __init__(self, greeting):
        self.epoch = greeting["epoch"]
        self.oldest = greeting["oldest"]
        self.newest = greeting["sequence"]

    def random_position(self, chance):
        sequence = chance.choice((
            chance.randint(0, self.newest + 20), chance.randint(0, self.oldest),
            self.oldest - 2, self.oldest - 1, self.oldest, self.newest - 1, self.newest,
            self.newest + 1, 2**53 + 1, 2**63 - 1))
        epoch = OTHER_EPOCH if chance.random() < 0.2 else self.epoch
        return epoch, max(0, sequence)

    def answer(self, epoch, sequence, *, goes_on_live):
        """(what is announced, sequences that follow). A client of another epoch goes on live, a
        reader of pages begins with the oldest."""
        def here(n):
            return f"{self.epoch}-{n}"

        if epoch != self.epoch:
            first = self.newest + 1 if goes_on_live else self.oldest
            return self.missing("epoch", f"{epoch}-{sequence + 1}", here(first - 1)), first
        if sequence > self.newest:
            return self.missing("future", here(self.newest + 1), here(sequence)), self.newest + 1
        if sequence + 1 < self.oldest:
            return self.missing("trimmed", here(sequence + 1), here(self.oldest - 1)), self.oldest
        return {"complete": True}, sequence + 1

    @staticmethod
    def missing(reason, missed_from, missed_to):
        return {"complete": False, "reason": reason, "missed_from": missed_from,
                "missed_to": missed_to}


def announced(answer):
    return {key: answer[key] for key in ("complete", "reason", "missed_from", "missed_to")
            if key in answer}


def sequences_until(receive, end):
    """Those of the events that come, up to and with `end`."""
    seen = []
    while not seen or seen[-1] != end:
        seen.append(receive())
    return seen


def by_websocket(hub, position):
    client = hub.client(f"/ws/events?since={position}")
    resumed = client.receive()["payload"]
    for _ in range(resumed.get("state", 0)):
        client.receive()
    return resumed, lambda: client.receive()["sequence"], client.close


def by_message(hub, position):
    client = hub.client()
    client.send({"action": "resume", "since": position})
    resumed = client.until_type("connection.resumed")["payload"]
    for _ in range(resumed.get("state", 0)):
        client.receive()
    return resumed, lambda: client.receive()["sequence"], client.close


def by_stream(hub, position):
    stream = Stream(hub.port.number, headers={"Last-Event-ID": position})
    resumed = stream.message()
    while resumed["type"] != "connection.resumed":
        resumed = stream.message()
    for _ in range(resumed["payload"].get("state", 0)):
        stream.message()
    return resumed["payload"], lambda: stream.message()["sequence"], stream.close


def by_rpc(hub, position):
    rpc = hub.rpc(role="cli")
    answer = rpc.call("subscribe", since=position)
    return answer, lambda: rpc.notification()[1]["sequence"], rpc.close


TRANSPORTS = {"?since=": (by_websocket, True), "resume": (by_message, True),
              "stream": (by_stream, True), "subscribe": (by_rpc, False)}


def trimmed_log(new_hub, chance):
    """A hub with a new log of which a random part is left."""
    keep, n = chance.randint(1, 120), chance.randint(1, 250)
    hub = new_hub({"log": {"keep_events": keep}})
    with hub.rpc() as rpc:
        for _ in range(n):
            rpc.request("publish", events=[progress()])
        rpc.result(rpc.last_id)
        wait_for(lambda: rpc.call("status")["log"]["events"] <= keep, "the log to be trimmed")
    hub.stop()
    hub.configure()  # so that it stays as it is
    return hub.start()


def test_what_is_missing_is_announced_exactly(new_hub):
    chance = random.Random(11)
    reasons = dict.fromkeys((None, "epoch", "future", "trimmed"), 0)
    for number in range(CASES):
        if number % CASES_A_LOG == 0:
            hub = trimmed_log(new_hub, chance)
        with hub.rpc() as rpc:
            model = Model(rpc.greeting)
            epoch, sequence = model.random_position(chance)
            name, (ask, goes_on_live) = chance.choice(list(TRANSPORTS.items()))
            wanted, first = model.answer(epoch, sequence, goes_on_live=goes_on_live)
            answer, receive, close = ask(hub, f"{epoch}-{sequence}")
            why = f"{name} {epoch}-{sequence}, log {vars(model)}: {answer}"
            assert announced(answer) == wanted, why
            end = rpc.publish(progress(unique()))["sequences"][0]
            assert sequences_until(receive, end) == list(range(first, end + 1)), why
            close()
        reasons[wanted.get("reason")] += 1
    assert all(reasons.values()), reasons
    record("trimmed history", f"{CASES} random cases, {CASES - reasons[None]} with something "
           "missing: each announced exactly")


@pytest.fixture
def trimmed_stack(privileged):
    stack = Stack({"log": {"keep_events": 60}})
    try:
        yield stack.start()
    finally:
        stack.close()


def test_pages_over_rest_announce_it_as_well(trimmed_stack):
    chance, rest = random.Random(12), trimmed_stack.rest()
    for _ in range(2):
        assert rest.post("/api/events", [progress() for _ in range(120)]).status == 201
    with trimmed_stack.rpc() as rpc:
        wait_for(lambda: rpc.call("status")["log"]["events"] <= 60, "the log to be trimmed")
    for _ in range(REST_CASES):
        with trimmed_stack.rpc() as rpc:
            model = Model(rpc.greeting)
        epoch, sequence = model.random_position(chance)
        wanted, first = model.answer(epoch, sequence, goes_on_live=False)
        page = rest.read(f"/api/events?after={epoch}-{sequence}&limit=1000")
        assert announced(page) == wanted, (vars(model), epoch, sequence, page)
        sequences = [event["sequence"] for event in page["events"]]
        assert sequences == list(range(first, first + len(sequences)))
        assert page["next"] == f"{model.epoch}-{sequences[-1] if sequences else first - 1}"


def test_what_was_not_for_a_client_is_no_gap_once_it_is_trimmed(new_hub):
    """Heartbeats tell whoever keeps positions how far it is."""
    hub = new_hub({"log": {"keep_events": 20}, "clients": {"heartbeat": "200ms"}})
    with Stream(hub.port.number, "/events?types=job.*") as stream, hub.rpc() as rpc, \
            hub.client("/ws/tasks", subprotocols=["hostcast.v1"]) as client:
        newest = rpc.publish(*[mounted() for _ in range(100)])["sequences"][-1]
        position = f"{rpc.greeting['epoch']}-{newest}"
        wait_for(lambda: rpc.call("status")["log"]["events"] <= 20, "the log to be trimmed")
        client.until(lambda message: message.get("position") == position)
        while stream.last_id != position:
            assert stream.next()
    with Stream(hub.port.number, "/events?types=job.*",
                headers={"Last-Event-ID": position}) as stream:
        assert stream.message()["payload"]["complete"] is True
    with hub.client(f"/ws/tasks?since={position}") as client:
        assert client.receive()["complete"] is True
