# SPDX-License-Identifier: MIT
"""Durable consumers: each event once, in order, also after a crash; and what was missed, exactly."""
import subprocess

import pytest

from harness import exposition
from harness.events import completed, progress, unique
from harness.processes import program, wait_for
from harness.rpc import Fault


def code_of(call, *arguments, **params):
    with pytest.raises(Fault) as caught:
        call(*arguments, **params)
    return caught.value.code


def drain(rpc, name, take=None, **params):
    """A batch program: read, process, acknowledge, until there is nothing left."""
    seen = []
    while True:
        page = rpc.call("events", consumer=name, **params)
        if not page["events"]:
            return seen
        seen += [event["sequence"] for event in page["events"]]
        if take is not None and len(seen) >= take:
            return seen  # it dies before it has acknowledged
        rpc.call("consumer_ack", consumer=name, position=page["next"])


@pytest.fixture
def name():
    return unique("batch")


def test_what_is_not_acknowledged_is_given_again(rpc, name):
    first = rpc.publish(*[progress() for _ in range(10)])["sequences"]
    page = rpc.call("events", consumer=name, limit=1000)
    assert page["consumer"] == name and page["complete"] is True
    assert [event["sequence"] for event in page["events"]][-10:] == first
    assert rpc.call("events", consumer=name, limit=1000)["events"] == page["events"]
    answer = rpc.call("consumer_ack", consumer=name, position=page["next"])
    assert answer["position"] == page["next"] and answer["lag"] == 0
    assert rpc.call("events", consumer=name)["events"] == []
    more = rpc.publish(progress(), progress())["sequences"]
    page = rpc.call("events", consumer=name)
    assert [event["sequence"] for event in page["events"]] == more
    assert page["acknowledged"] == answer["position"]


def test_each_event_is_processed_once_over_crashes_of_both(new_hub, name):
    hub = new_hub()
    with hub.rpc() as rpc:
        published = []
        for _ in range(10):
            published += rpc.publish(*[progress() for _ in range(25)])["sequences"]
        processed = drain(rpc, name, take=70, limit=20)
        acknowledged = rpc.call("consumers")["consumers"][0]
    processed = processed[:-20]  # the last page was read, and the program died
    hub.kill()
    hub.start()
    with hub.rpc() as rpc:
        assert rpc.call("consumers")["consumers"][0] == acknowledged
        published += rpc.publish(*[progress() for _ in range(25)])["sequences"]
        processed += drain(rpc, name, limit=33)
    assert processed == published


def test_a_new_one_begins_at_the_oldest_or_now(rpc):
    rpc.publish(progress())
    late = unique("late")
    assert rpc.call("events", consumer=late, **{"from": "now"})["events"] == []
    event = rpc.publish(progress())["sequences"]
    assert [e["sequence"] for e in rpc.call("events", consumer=late)["events"]] == event
    early = rpc.call("events", consumer=unique("early"), **{"from": "oldest"})
    assert early["events"][0]["sequence"] == early["oldest"]
    for who in ({"consumer": unique("x")}, {"consumer": late}):
        assert code_of(rpc.call, "events", **who, **{"from": "then"}) == "invalid_params", who
    assert code_of(rpc.call, "events", **{"from": "now"}) == "invalid_params"


def test_filters_skip_and_the_position_passes_what_they_skip(rpc, name):
    rpc.call("events", consumer=name, **{"from": "now"})
    rpc.publish(progress(), completed("wanted"), progress())
    page = rpc.call("events", consumer=name, types=["job.completed"])
    assert [event["payload"]["job_id"] for event in page["events"]] == ["wanted"]
    assert rpc.call("consumer_ack", consumer=name, position=page["next"])["lag"] == 0


def test_an_acknowledgement_moves_nothing_back_and_nothing_too_far(rpc, name):
    epoch = rpc.greeting["epoch"]
    sequences = rpc.publish(progress(), progress())["sequences"]
    rpc.call("events", consumer=name)
    here = rpc.call("consumer_ack", consumer=name, position=f"{epoch}-{sequences[1]}")
    again = rpc.call("consumer_ack", consumer=name, position=f"{epoch}-{sequences[0]}")
    assert again == here
    for position in (f"{epoch}-{sequences[1] + 1}", f"{epoch}-18446744073709551615",
                     f"0123456789abcdef-{sequences[0]}", "x", sequences[0], None):
        assert code_of(rpc.call, "consumer_ack", consumer=name,
                       position=position) == "invalid_params", position
    assert code_of(rpc.call, "consumer_ack", consumer=unique("no"),
                   position=f"{epoch}-1") == "not_found"


@pytest.mark.parametrize("bad", ["", "a b", "a/b", "ä", "x" * 65, 7])
def test_bad_names_are_refused(rpc, bad):
    assert code_of(rpc.call, "events", consumer=bad) == "invalid_params"


def test_a_consumer_gives_no_position_of_its_own(rpc, name):
    assert code_of(rpc.call, "events", consumer=name, after=1) == "invalid_params"
    assert name not in [row["name"] for row in rpc.call("consumers")["consumers"]]


def test_one_that_falls_behind_is_told_what_it_missed_until_it_acknowledges(new_hub, name):
    hub = new_hub({"log": {"keep_events": "50"}})
    with hub.rpc() as rpc:
        epoch = rpc.greeting["epoch"]
        rpc.call("events", consumer=name, **{"from": "now"})
        device = {"type": "device.mounted", "payload": {"device_node": "/dev/sdz1",
                                                        "mount_path": "/m/a", "label": None}}
        rpc.publish(device)
        for _ in range(20):
            rpc.publish(*[progress() for _ in range(256)])
        def oldest_of_50():
            status = rpc.call("status")
            return status["oldest"] if status["oldest"] == status["sequence"] - 49 else None
        first = wait_for(oldest_of_50, "trimming")
        for _ in range(2):
            page = rpc.call("events", consumer=name, limit=10)
            oldest = page["events"][0]["sequence"]
            assert oldest == first and page["complete"] is False and page["reason"] == "trimmed"
            assert page["missed_from"] == f"{epoch}-1"
            assert page["missed_to"] == f"{epoch}-{oldest - 1}"
            assert [event["payload"]["mount_path"] for event in page["state"]] == ["/m/a"]
        rpc.call("consumer_ack", consumer=name, position=page["next"])
        page = rpc.call("events", consumer=name, limit=10)
        assert page["complete"] is True and "state" not in page
        assert page["events"][0]["sequence"] == oldest + 10


def test_whose_it_is(hub, rpc, name):
    mine, others, admin = (hub.token(subject=unique("ann")), hub.token(subject=unique("bob")),
                           hub.token(admin=True))
    with hub.rpc(role="fcgi") as rest:
        assert code_of(rest.call, "events", consumer=name) == "unauthorized"
        assert code_of(rest.call, "consumers") == "unauthorized"
        position = rest.call("events", consumer=name, token=mine)["next"]
        for call in (("events", {}), ("consumer_ack", {"position": position}),
                     ("consumer_delete", {})):
            assert code_of(rest.call, call[0], consumer=name, token=others,
                           **call[1]) == "forbidden", call
        assert [row["name"] for row in rest.call("consumers", token=mine)["consumers"]] == [name]
        assert rest.call("consumers", token=others)["consumers"] == []
        assert name in [row["name"] for row in rest.call("consumers", token=admin)["consumers"]]
        rest.call("consumer_ack", consumer=name, position=position, token=admin)
        rest.call("consumer_delete", consumer=name, token=mine)
        assert code_of(rest.call, "consumer_delete", consumer=name, token=mine) == "not_found"


def test_there_are_only_so_many(new_hub):
    hub = new_hub({"log": {"consumers_max": "2"}})
    with hub.rpc() as rpc:
        for name in ("a", "b"):
            rpc.call("events", consumer=name)
        assert code_of(rpc.call, "events", consumer="c") == "forbidden"
        rpc.call("events", consumer="a")
        rpc.call("consumer_delete", consumer="a")
        rpc.call("events", consumer="c")
        assert [row["name"] for row in rpc.call("consumers")["consumers"]] == ["b", "c"]


def test_all_that_there_may_be_fit_into_one_list(new_hub):
    hub = new_hub({"log": {"consumers_max": "2000", "durability": "process"}})
    token = hub.token(subject="s" * 256)
    with hub.rpc() as rpc:
        rpc.publish(progress())
        asked = [rpc.request("events", consumer=f"{i:064d}", limit=1, token=token)
                 for i in range(2000)]
        for number in asked:
            rpc.result(number)
        assert len(rpc.call("consumers")["consumers"]) == 2000
        assert code_of(rpc.call, "events", consumer="more") == "forbidden"


def test_many_acknowledgements_at_once_end_with_the_farthest(rpc, name):
    epoch = rpc.greeting["epoch"]
    sequences = rpc.publish(*[progress() for _ in range(100)])["sequences"]
    rpc.call("events", consumer=name)
    order = sequences[::-1] + sequences
    asked = [rpc.request("consumer_ack", consumer=name, position=f"{epoch}-{sequence}")
             for sequence in order]
    for number in asked:
        assert rpc.result(number)["position"] == f"{epoch}-{sequences[-1]}"


def test_an_acknowledgement_of_nothing_new_writes_nothing(new_hub, name):
    """So that a program that asks every second does not keep the disk awake."""
    hub = new_hub()

    def n_commits(rpc):
        return exposition.parse(rpc.call("metrics")["text"])("hostcast_commit_duration_seconds_count")

    with hub.rpc() as rpc:
        rpc.publish(progress(), progress())
        rpc.call("events", consumer=name)
        before = n_commits(rpc)
        first = rpc.call("consumer_ack", consumer=name, position=f"{rpc.greeting['epoch']}-2")
        assert n_commits(rpc) == before + 1
        for sequence in (2, 2, 1):
            assert first == rpc.call("consumer_ack", consumer=name,
                                     position=f"{rpc.greeting['epoch']}-{sequence}")
        assert n_commits(rpc) == before + 1
    hub.kill()
    hub.start()
    with hub.rpc() as rpc:
        before = n_commits(rpc)
        rpc.call("consumer_ack", consumer=name, position=first["position"])
        assert n_commits(rpc) == before
        assert rpc.call("consumers")["consumers"] == [first]


def test_over_rest_and_by_command(stack, name):
    rest = stack.rest()

    def command(*arguments):
        done = subprocess.run([program("hostcast"), "-c", str(stack.config), *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done
        return done.stdout

    assert rest.read(f"/api/events?consumer={name}&from=now&type=job.*")["events"] == []
    sequences = rest.post("/api/events", [progress(), progress()]).json["sequences"]
    page = rest.read(f"/api/events?consumer={name}&type=job.*&limit=1")
    assert [event["sequence"] for event in page["events"]] == sequences[:1]
    answer = rest.post(f"/api/consumers/{name}/ack", {"position": page["next"]})
    assert answer.status == 200 and answer.json["position"] == page["next"]
    for body in ({}, {"position": 7}, {"position": page["next"], "x": 1}, {"position": "x"}, []):
        assert rest.post(f"/api/consumers/{name}/ack", body).status == 400, body
    assert rest.post(f"/api/consumers/{unique('no')}/ack",
                     {"position": page["next"]}).status == 404
    row, = (row for row in rest.read("/api/consumers")["consumers"] if row["name"] == name)
    assert row["position"] == page["next"] and row["lag"] >= 1
    assert rest.get("/api/consumers", token=None).status == 401
    for query in ("consumer=", "consumer", "consumer=&after=1", f"consumer={name}&from=", "from=now"):
        assert rest.get(f"/api/events?{query}").status == 400, query

    listed = command("events", "--consumer", name, "--type", "job.*")
    assert str(sequences[1]) in listed and str(sequences[0]) not in listed.split()
    position = listed.splitlines()[-1].split()[-1]
    command("consumer", "ack", name, position)
    assert name in command("consumer")
    assert command("events", "--consumer", name, "--type", "job.*").startswith("next:")
    assert rest.request("DELETE", f"/api/consumers/{name}").status == 204
    assert rest.request("DELETE", f"/api/consumers/{name}").status == 404
