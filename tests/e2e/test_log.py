# SPDX-License-Identifier: MIT
"""The log while it is trimmed, and when it is not well: who reads is told, and it heals by itself."""
import os
import sqlite3
import time

import pytest

from harness.events import progress
from harness.processes import DEADLINE, wait_for
from harness.rpc import Fault


def trimmed_to(rpc, keep):
    """Wait until the log keeps no more than that; its newest sequence. The hub's own news count."""
    def head():
        status = rpc.call("status")
        return status["sequence"] if status["oldest"] == status["sequence"] + 1 - keep else None
    return wait_for(head, "trimming")


def test_a_reader_of_pages_is_told_exactly_what_is_gone(new_hub):
    hub = new_hub({"log": {"keep_events": "100"}})
    with hub.rpc() as rpc:
        epoch = rpc.greeting["epoch"]
        for _ in range(3):
            rpc.publish(*[progress() for _ in range(200)])
        head = trimmed_to(rpc, 100)
        page = rpc.call("events", after=1, limit=10)
        assert page["complete"] is False and page["reason"] == "trimmed"
        assert (page["missed_from"], page["missed_to"]) == (f"{epoch}-2", f"{epoch}-{head - 100}")
        assert page["state"] == [] and page["events"][0]["sequence"] == head - 99
        assert rpc.call("events", after=head - 100)["complete"] is True
        assert rpc.call("events")["events"][0]["sequence"] == head - 99


def test_a_subscriber_is_told_of_the_gap_that_opens_while_it_reads(new_hub):
    """It does not read; ring and log move on; then it does."""
    hub = new_hub({"log": {"keep_events": "500"}, "hub": {"ring_bytes": "1M"}})
    big = [{"type": "job.progress", "payload": {"job_id": "x", "pad": "x" * 4000}}] * 100
    with hub.rpc(role="cli") as reader, hub.rpc() as rpc:
        reader.call("subscribe")
        for _ in range(40):
            rpc.publish(*big)
        head = trimmed_to(rpc, 500)
        last, gaps = 0, []
        while last < head:
            method, params = reader.notification()
            if method == "gap":
                assert params["reason"] == "lagged"
                assert int(params["missed_from"].split("-")[1]) == last + 1
                last = int(params["missed_to"].split("-")[1])
                gaps.append(params)
            else:
                assert params["sequence"] == last + 1
                last = params["sequence"]
        assert gaps


def fault_of(rpc, event, **more):
    try:
        rpc.publish(event, **more)
    except Fault as fault:
        return fault
    return None


def heal(rpc, event, key, timeout=DEADLINE):
    """The answer to the same event with the same key, once there is one."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return rpc.publish(event, key=key)
        except Fault as fault:
            assert fault.code in ("unavailable", "storage_full"), fault
            assert time.monotonic() < deadline, f"it does not heal: {fault}"
            time.sleep(0.05)


def test_a_log_that_is_deleted_begins_anew_and_everybody_is_told(new_hub):
    hub = new_hub()
    path = hub.run / "events.db"
    device = {"type": "device.mounted", "payload": {"device_node": "/dev/sdz1",
                                                    "mount_path": "/m/a", "label": None}}
    with hub.rpc() as rpc, hub.rpc(role="cli") as follower, hub.client() as client:
        before = rpc.greeting["epoch"]
        follower.call("subscribe")
        rpc.publish(device, *[progress() for _ in range(9)])
        rpc.call("events", consumer="batch")
        for _ in range(10):
            client.receive()
        for suffix in ("", "-wal", "-shm"):
            os.unlink(f"{path}{suffix}")
        event = progress()
        assert fault_of(rpc, event, key="k").code == "unavailable"
        answer = heal(rpc, event, "k")
        after = answer["epoch"]
        assert after != before and answer["sequences"][0] >= 11, "sequences go on"
        assert client.wait_closed() == (4010, "position lost")
        for _ in range(10):
            follower.notification()
        assert follower.notification() == ("gap", {
            "reason": "epoch", "missed_from": f"{before}-11", "missed_to": f"{after}-10"})
        assert follower.notification()[1]["sequence"] == 11
        status = rpc.call("status")
        assert (status["epoch"], status["oldest"], status["log"]["degraded"]) == (after, 11, False)
        page = rpc.call("events", consumer="batch")
        assert page["reason"] == "epoch" and page["missed_from"] == f"{before}-1"
    with hub.client(f"/ws/events?since={before}-10") as client:
        payload = client.receive()["payload"]
        assert (payload["complete"], payload["reason"], payload["state"]) == (False, "epoch", 1)
        assert client.receive()["payload"]["mount_path"] == "/m/a"
    assert hub.process.output.count("begins anew") == 1
    hub.stop()
    hub.start()
    with hub.rpc() as rpc:
        assert rpc.greeting["epoch"] == after
        assert [event["payload"]["mount_path"] for event in rpc.call("state")["events"]
                if event["type"] == "device.mounted"] == ["/m/a"]
        assert rpc.call("consumers")["consumers"][0]["name"] == "batch"


def test_an_older_copy_of_the_log_goes_on_with_another_epoch_and_clients_are_told(new_hub):
    """What follows would have sequences that they have seen with other events."""
    hub = new_hub()
    path = hub.run / "events.db"
    with hub.rpc() as rpc:
        before = rpc.greeting["epoch"]
        rpc.publish(*[progress() for _ in range(9)])
    hub.stop()
    copy = path.read_bytes()
    hub.start()
    with hub.rpc() as rpc:
        assert rpc.publish(progress())["sequences"] == [10]
    hub.kill()
    for suffix in ("-wal", "-shm"):
        os.unlink(f"{path}{suffix}")
    path.write_bytes(copy)
    hub.start()
    told = hub.process.wait_line("acknowledged events, 10 to 10, are not in it.* epoch ([0-9a-f]*)")
    with hub.rpc() as rpc:
        after, sequence = rpc.greeting["epoch"], rpc.greeting["sequence"]
        assert before != after == told[1] and sequence == 9
        assert rpc.publish(progress())["sequences"] == [10]
    with hub.client(f"/ws/events?since={before}-10") as client:
        payload = client.receive()["payload"]
        assert (payload["complete"], payload["reason"]) == (False, "epoch")
        assert payload["missed_to"] == f"{after}-10"


def test_a_log_that_somebody_locks_is_degraded_until_they_let_go(new_hub):
    hub = new_hub()
    other = sqlite3.connect(hub.run / "events.db", isolation_level=None)
    with hub.rpc() as rpc, hub.client() as client:
        first = progress()
        rpc.publish(first)
        assert client.receive()["payload"] == first["payload"]
        other.execute("BEGIN IMMEDIATE")
        event = progress()
        assert fault_of(rpc, event, key="k").code == "unavailable"
        log = rpc.call("status")["log"]
        assert log["degraded"] is True and "locked" in log["error"]
        assert rpc.call("events", limit=1)["events"], "reading goes on"
        other.execute("ROLLBACK")
        other.close()
        wait_for(lambda: not rpc.call("status")["log"]["degraded"], "healing by itself")
        rpc.publish(event, key="k")
        got = client.until(lambda message: message["payload"] == event["payload"])
        assert got
    assert hub.process.output.count("the log is not well") == 1
    assert hub.process.output.count("the log is well again") == 1


@pytest.mark.parametrize("durability", ["process", "none"])
def test_a_key_answers_the_same_for_events_that_are_on_their_way(new_hub, durability):
    hub = new_hub({"log": {"durability": durability}})
    with hub.rpc() as rpc:
        event, other = progress(), progress()
        asked = [rpc.request("publish", events=[event], key="same") for _ in range(20)]
        conflict = rpc.request("publish", events=[other], key="same")
        answers = [rpc.result(number) for number in asked]
        assert all(answer == answers[0] for answer in answers)
        with pytest.raises(Fault) as caught:
            rpc.result(conflict)
        assert caught.value.code == "conflict"
        assert rpc.call("status")["sequence"] == answers[0]["sequences"][0]


def test_a_key_for_what_is_not_logged_keeps_nothing(new_hub):
    hub = new_hub()
    volatile = {"type": "gpu.stats_updated", "payload": {}}
    with hub.rpc() as rpc, hub.client() as client:
        for _ in range(2):
            answer = rpc.publish(volatile, key="v")
            assert answer["durable"] is False and answer["sequences"] == [None]
            assert client.receive()["type"] == "gpu.stats_updated"
        assert rpc.publish(progress(), key="v")["durable"] is True
