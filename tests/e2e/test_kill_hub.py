# SPDX-License-Identifier: MIT
"""kill -9 of the hub: nothing that was acknowledged is lost, nobody gets an event twice."""
import random
import threading

import pytest
from websockets import InvalidStatusCode

from harness.events import is_for_job, progress, unique
from harness.mounts import Mounts
from harness.processes import DEADLINE, Failure, wait_for
from harness.rpc import Closed, Fault, Rpc

ROUNDS = 20


class Publisher(threading.Thread):
    """Publishes until the hub is gone; remembers what was acknowledged."""

    def __init__(self, socket, prefix, pipelined):
        super().__init__(daemon=True)
        self.acknowledged = {}  # job -> (epoch, sequence)
        self.sent = 0
        self.running = threading.Event()
        self._rpc = Rpc(socket)
        self._prefix = prefix
        self._pipelined = pipelined

    def run(self):
        try:
            while True:
                asked = {}
                for _ in range(self._pipelined):
                    job = f"{self._prefix}-{self.sent}"
                    self.sent += 1
                    asked[self._rpc.request("publish", events=[progress(job)])] = job
                for number, job in asked.items():
                    answer = self._rpc.result(number)
                    self.acknowledged[job] = (answer["epoch"], answer["sequences"][0])
                    self.running.set()
        except (Closed, OSError, Failure):
            pass
        finally:
            self.running.set()
            self._rpc.close()


def everything_after(rpc, after):
    """The whole log behind a sequence, by pages."""
    found = []
    while True:
        page = rpc.call("events", after=after, limit=1000)
        if not page["events"]:
            return found
        found += page["events"]
        after = page["next"]


@pytest.mark.parametrize("durability", ["disk", "process"])
def test_every_acknowledged_event_is_there_after_many_kills(new_hub, durability):
    hub = new_hub({"log": {"durability": durability}})
    chance = random.Random(7)
    with hub.rpc() as rpc:
        epoch, last = rpc.greeting["epoch"], rpc.greeting["sequence"]
    for round_number in range(ROUNDS):
        publishers = [Publisher(hub.socket, f"r{round_number}p{n}", pipelined)
                      for n, pipelined in enumerate((1, 1, 16))]
        for publisher in publishers:
            publisher.start()
        for publisher in publishers:
            assert publisher.running.wait(DEADLINE)
        wanted = chance.randrange(1, 60)
        wait_for(lambda: len(publishers[0].acknowledged) >= wanted or
                 not publishers[0].is_alive(), "some acknowledgements")
        hub.kill()
        for publisher in publishers:
            publisher.join(DEADLINE)
            assert not publisher.is_alive()
        hub.start()
        with hub.rpc() as rpc:
            assert rpc.greeting["epoch"] == epoch, "the same log, the same epoch"
            log = everything_after(rpc, last)
            last = rpc.greeting["sequence"]
        sequences = [event["sequence"] for event in log]
        assert sequences == sorted(set(sequences))
        there = {event["payload"]["job_id"]: event["sequence"] for event in log}
        assert len(there) == len(log), "no event is there twice"
        for publisher in publishers:
            assert publisher.acknowledged, "the round published nothing"
            for job, (acknowledged_epoch, sequence) in publisher.acknowledged.items():
                assert there.get(job) == sequence, f"{job} was acknowledged and is not there"
                assert acknowledged_epoch == epoch


def test_a_client_that_comes_back_with_its_position_misses_nothing(new_hub):
    hub = new_hub()
    seen, position = [], None
    acknowledged = []
    for round_number in range(ROUNDS // 2):
        path = "/ws/events" + (f"?since={position}" if position else "")
        client = hub.client(path)
        if position:
            resumed = client.receive()
            assert resumed["type"] == "connection.resumed", resumed
            assert resumed["payload"]["complete"] is True, resumed
        publisher = Publisher(hub.socket, f"c{round_number}", 4)
        epoch = publisher._rpc.greeting["epoch"]
        publisher.start()
        wait_for(lambda: len(publisher.acknowledged) > 40, "some acknowledgements")
        seen.append(client.receive())
        hub.kill()
        publisher.join(DEADLINE)
        acknowledged += publisher.acknowledged
        try:
            while True:
                seen.append(client.receive())
        except Failure:
            assert client.end is not None, "the connection ended with the hub"
        client.close()
        position = f"{epoch}-{seen[-1]['sequence']}"
        hub.start()
    with hub.client(f"/ws/events?since={position}") as client, hub.rpc() as rpc:
        client.receive()
        end = progress()
        rpc.publish(end)
        seen += client.until(is_for_job(end["payload"]["job_id"]))
    sequences = [message["sequence"] for message in seen]
    assert sequences == sorted(set(sequences)), "in order, and none twice"
    jobs = {message["payload"]["job_id"] for message in seen}
    assert set(acknowledged) <= jobs, "every acknowledged event was seen"


def test_nothing_is_shown_before_it_is_safe(new_hub):
    """What a client has seen is in the log after a kill at that very moment."""
    hub = new_hub()
    for _ in range(ROUNDS // 2):
        with hub.client() as client:
            publisher = Publisher(hub.socket, unique("v"), 16)
            publisher.start()
            first = client.receive()
            hub.kill()
            publisher.join(DEADLINE)
            shown = [first]
            try:
                while True:
                    shown.append(client.receive())
            except Failure:
                pass
        hub.start()
        with hub.rpc() as rpc:
            log = everything_after(rpc, first["sequence"] - 1)
        assert log[:len(shown)] == shown


def test_retained_state_survives_a_kill(new_hub):
    hub = new_hub()
    with hub.rpc() as rpc:
        for name in ("a", "b"):
            rpc.publish({"type": "device.mounted", "payload": {
                "device_node": "/dev/sdz1", "mount_path": f"/m/{name}", "label": None}})
        rpc.publish({"type": "device.unmounted", "payload": {"device_node": "/dev/sdz1",
                                                             "mount_path": "/m/a"}})
        before = rpc.call("state", type="device.mounted")["events"]
    hub.kill()
    hub.start()
    with hub.rpc() as rpc:
        assert rpc.call("state", type="device.mounted")["events"] == before
        assert [event["payload"]["mount_path"] for event in before] == ["/m/b"]


def test_a_key_is_remembered_across_a_kill(new_hub):
    hub = new_hub()
    event, key = progress(), unique("key")
    with hub.rpc() as rpc:
        answer = rpc.publish(event, key=key)
    hub.kill()
    hub.start()
    with hub.rpc() as rpc:
        again = rpc.publish(event, key=key)
        assert again["sequences"] == answer["sequences"]
        with pytest.raises(Fault):
            rpc.publish(progress(), key=key)


# ---- with everything around it ----------------------------------------------------------------

def test_the_whole_house_comes_back_by_itself(own_stack):
    """curl publishes, a browser listens, mounts happen, and the hub is killed three times."""
    stack, mounts = own_stack, Mounts(own_stack)
    rest = stack.rest()
    acknowledged, seen = [], []
    status = rest.read("/api/status")
    position = f"{status['epoch']}-{status['sequence']}"
    stop = threading.Event()

    def publish():
        while not stop.is_set():
            event = progress(unique("house"))
            try:
                answer = rest.post("/api/events", event, timeout=DEADLINE)
            except OSError:
                continue
            if answer.status == 201:
                acknowledged.append(event["payload"]["job_id"])
            else:
                assert answer.status == 503, answer
                assert answer.headers["Retry-After"]

    publisher = threading.Thread(target=publish, daemon=True)
    publisher.start()
    paths = []
    for _ in range(3):
        client = connect(stack, position)
        resumed = client.receive()["payload"]
        assert resumed["complete"] is True, resumed
        had = len(acknowledged)
        wait_for(lambda: len(acknowledged) > had + 20, "publishing")
        seen.append(client.receive())
        epoch = rest.read("/api/status")["epoch"]
        old = stack.kill("hostcast-ws")
        paths.append(str(mounts.tmpfs()))
        try:
            while True:
                seen.append(client.receive())
        except Failure:
            assert client.end is not None
        client.close()
        position = f"{epoch}-{seen[-1]['sequence']}"
        stack.wait_restarted("hostcast-ws", old)
    had = len(acknowledged)
    wait_for(lambda: len(acknowledged) > had + 20, "publishing after the last kill")
    stop.set()
    publisher.join(DEADLINE)

    with connect(stack, position) as client:
        assert client.receive()["payload"]["complete"] is True
        mark = mounts.tmpfs()
        end = progress()
        seen += client.until(lambda message: message["payload"].get("mount_path") == str(mark))
        assert rest.post("/api/events", end).status == 201
        seen += client.until(is_for_job(end["payload"]["job_id"]))
    sequences = [message["sequence"] for message in seen]
    assert sequences == sorted(set(sequences)), "in order, and none twice"
    shown = {message["payload"].get("job_id") for message in seen}
    assert set(acknowledged) <= shown
    told = [message["payload"]["mount_path"] for message in seen
            if message["type"] == "device.mounted"]
    assert [path for path in told if path in paths] == paths
    log = []
    after = 0
    while True:
        page = rest.read(f"/api/events?after={after}&limit=1000")
        if not page["events"]:
            break
        log += page["events"]
        after = page["next"]
    assert set(acknowledged) <= {event["payload"].get("job_id") for event in log}


def connect(stack, position):
    """Through Apache, again and again until there is a hub, as a browser does."""
    path = "/ws/events" + (f"?since={position}" if position else "")

    def attempt():
        try:
            return stack.through_apache(path)
        except (OSError, InvalidStatusCode):
            return None
    return wait_for(attempt, "a connection through Apache")
