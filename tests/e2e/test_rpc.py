# SPDX-License-Identifier: MIT
"""The UNIX socket: what it takes, what it refuses, and that one peer does not disturb another."""
import contextlib
import json
import os
import socket
import struct
import subprocess

import msgpack
import pytest

from harness.events import (EPOCH, POSITION, RFC3339_MS, assert_standard, completed, is_for_job,
                            mounted, progress, unique, unmounted)
from harness.processes import DEADLINE, Failure, REPO, wait_for
from harness.rpc import Closed, Fault

FRAME_MAX = 1 << 20


@pytest.fixture(autouse=True)
def others_go_on(hub):
    """A peer that was connected before publishes after whatever happened in between."""
    with hub.rpc() as other:
        yield
        assert other.publish(progress())["durable"] is True


# ---- the first call ---------------------------------------------------------------------------

def test_hello_tells_where_the_log_stands_and_the_limits(hub):
    with hub.rpc() as rpc:
        greeting = rpc.greeting
        assert EPOCH.match(greeting["epoch"])
        assert 0 <= greeting["oldest"] <= greeting["sequence"] + 1
        assert greeting["limits"] and all(isinstance(value, int)
                                          for value in greeting["limits"].values())
        sequence = rpc.publish(progress())["sequences"][0]
    with hub.rpc() as rpc:
        assert rpc.greeting["sequence"] >= sequence


@pytest.mark.parametrize("role", ["publisher", "loader", "fcgi", "cli"])
def test_every_role_is_greeted(hub, role):
    with hub.rpc(role=role) as rpc:
        assert EPOCH.match(rpc.greeting["epoch"])


def test_a_loader_that_is_gone_before_it_is_greeted_was_never_there(hub):
    greeting = msgpack.packb([0, 1, "hello", [{"role": "loader", "version": 1}]])
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as loader:
            loader.connect(str(hub.socket))
            loader.send(greeting)
    with hub.rpc(role="cli") as rpc:
        assert rpc.call("detector")["running"] is False


@pytest.mark.parametrize("method", ["publish", "events", "state", "status", "types",
                                    "connections", "detector", "subscribe"])
def test_nothing_is_answered_before_hello(hub, method):
    with hub.rpc(hello=False) as rpc:
        fault = rpc.refused(method)
        assert "hello" in fault.message
        rpc.call("hello", role="publisher", version=1)
        assert rpc.publish(progress())["sequences"]


def test_a_second_hello_is_refused_and_the_first_holds(hub):
    with hub.rpc() as rpc:
        assert "hello" in rpc.refused("hello", role="loader", version=1).message
        assert rpc.publish(progress())["sequences"]


@pytest.mark.parametrize("params,hint", [
    ({}, "role"), ({"role": "publisher"}, "version"), ({"version": 1}, "role"),
    ({"role": "king", "version": 1}, "role"), ({"role": 7, "version": 1}, "role"),
    ({"role": "publisher", "version": 2}, "version"),
    ({"role": "publisher", "version": "1"}, "version"),
], ids=str)
def test_a_hello_without_role_or_version_is_refused(hub, params, hint):
    with hub.rpc(hello=False) as rpc:
        fault = rpc.refused("hello", **params)
        assert fault.code == "invalid_params"
        assert hint in fault.message + fault.pointer


# ---- publishing -------------------------------------------------------------------------------

def test_a_published_event_is_acknowledged_and_shown_in_its_envelope(hub, rpc):
    event = progress(correlation_id="c-1")
    with hub.client() as client:
        answer = rpc.publish(event)
        assert answer["epoch"] == rpc.greeting["epoch"] and answer["durable"] is True
        assert_standard(client.until(is_for_job(event["payload"]["job_id"]))[-1], event,
                        answer["sequences"][0])


def test_pipelined_requests_are_answered_each_under_its_id(rpc):
    numbers = [rpc.request("publish", events=[progress()]) for _ in range(100)]
    bad = rpc.request("publish", events=[{"type": "no.such", "payload": {}}])
    status = rpc.request("status")
    unknown = rpc.request("nonsense")
    more = [rpc.request("publish", events=[progress()]) for _ in range(100)]
    assert rpc.result(status)["epoch"]
    with pytest.raises(Fault):
        rpc.result(bad)
    with pytest.raises(Fault):
        rpc.result(unknown)
    sequences = [rpc.result(number)["sequences"][0] for number in numbers + more]
    assert sequences == sorted(sequences) and len(set(sequences)) == 200


def test_the_ids_of_the_wire_are_handed_back_whatever_they_are(rpc):
    for number in (0, 1, 127, 128, 65535, 65536, 2 ** 32 - 1):
        rpc.send_message([0, number, "status", [{}]])
        message = rpc.next_message()
        assert message[:2] == [1, number] and message[2] is None


def test_the_same_key_is_answered_the_same_without_a_second_event(hub, rpc):
    event, key = progress(), unique("key")
    first = rpc.publish(event, key=key)
    with hub.rpc() as other:
        assert other.publish(event, key=key) == first
    fault = rpc.refused("publish", events=[progress()], key=key)
    assert fault.code == "conflict"


def test_a_key_knows_its_events_in_any_order_of_their_fields(rpc):
    event, key = progress(), unique("key")
    event["payload"]["more"] = {"b": [{"y": 1, "x": 2}], "a": ""}
    first = rpc.publish(event, key=key)

    def turned(value):
        if isinstance(value, list):
            return [turned(one) for one in value]
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in reversed(list(value))}
        return value

    assert list(turned(event)) != list(event)
    assert rpc.publish(turned(event), key=key) == first
    event["payload"]["more"]["b"].append(1)
    assert rpc.refused("publish", events=[event], key=key).code == "conflict"


def test_two_users_may_choose_the_same_key(hub, rpc):
    event, key = progress(), unique("key")
    ann, bob = (hub.token(subject=unique(name), publish=["job.*"]) for name in ("ann", "bob"))
    answers = [rpc.publish(event, key=key, **who) for who in ({}, {"token": ann}, {"token": bob})]
    assert len({answer["sequences"][0] for answer in answers}) == 3
    with hub.rpc(role="fcgi") as rest:
        for token, answer in ((ann, answers[1]), (bob, answers[2])):
            assert rest.publish(event, key=key, token=token) == answer
            fault = rest.refused("publish", events=[progress()], key=key, token=token)
            assert fault.code == "conflict"


@pytest.mark.parametrize("key", ["", "x" * 129, "a\0b", "a\x1fb", "line\n", b"bytes", 7])
@pytest.mark.parametrize("event", [progress(), {"type": "gpu.stats_updated", "payload": {}}],
                         ids=["logged", "volatile"])
def test_a_key_that_is_none_is_refused(rpc, key, event):
    fault = rpc.refused("publish", events=[event], key=key)
    assert fault.code == "invalid_params" and fault.pointer == "/key"


@pytest.mark.parametrize("key", ["x", "x" * 128, "schl\u00fcssel \U0001f511", " "])
def test_a_key_is_any_other_text(rpc, key):
    event = progress()
    assert rpc.publish(event, key=key) == rpc.publish(event, key=key)


@pytest.mark.parametrize("params,code,pointer", [
    ({}, "invalid_params", "events"),
    ({"events": {}}, "invalid_params", "events"),
    ({"events": []}, "invalid_params", "events"),
    ({"events": [7]}, "invalid_params", "/events/0"),
    ({"events": [{}]}, "invalid_params", "/events/0"),
    ({"events": [{"type": "job.progress"}]}, "invalid_params", "/events/0/payload"),
    ({"events": [{"type": "job.progress", "payload": 7}]}, "invalid_params",
     "/events/0/payload"),
    ({"events": [{"type": "no.such", "payload": {}}]}, "unknown_type", "/events/0/type"),
    ({"events": [{"type": 7, "payload": {}}]}, "invalid_params", "/events/0/type"),
    ({"events": [{"type": "job.progress", "payload": {"job_id": "a", "percent": "x",
                                                      "step": "s"}}]},
     "schema", "/events/0/payload/percent"),
    ({"events": [{"type": "job.progress", "payload": {"job_id": "a", "percent": 1, "step": "s"},
                  "timestmap": 7}]}, "invalid_params", "timestmap"),
    ({"events": [{"type": "job.progress", "payload": {"job_id": "a", "percent": float("nan"),
                                                      "step": "s"}}]},
     None, "/events/0/payload/percent"),
    ({"events": [{"type": "job.progress", "payload": {"job_id": b"bytes\xff", "percent": 1,
                                                      "step": "s"}}]},
     None, "/events/0/payload/job_id"),
    ({"events": [{"type": "job.progress", "payload": {7: "x"}}]}, None, "/events/0/payload"),
    ({"events": "all"}, "invalid_params", "events"),
    ({"events": [{"type": "job.progress", "payload": {"job_id": "a", "percent": 1,
                                                      "step": "s"}}], "key": 7},
     "invalid_params", "key"),
], ids=str)
def test_a_publish_that_is_wrong_is_refused_with_its_place(rpc, params, code, pointer):
    fault = rpc.refused("publish", **params)
    if code:
        assert fault.code == code, fault.error
    assert pointer in fault.pointer + fault.message, fault.error
    assert rpc.publish(progress())["sequences"]


def test_257_events_at_once_are_refused(rpc):
    fault = rpc.refused("publish", events=[progress() for _ in range(257)])
    assert fault.code == "too_large" and "256" in fault.message
    assert len(rpc.publish(*[progress() for _ in range(256)])["sequences"]) == 256


def test_an_event_above_64_kib_is_refused(rpc):
    event = progress()
    event["payload"]["more"] = "x" * 70000
    assert rpc.refused("publish", events=[event]).code == "too_large"
    event["payload"]["more"] = "x" * 60000
    assert rpc.publish(event)["sequences"]


def test_text_that_is_not_utf8_is_refused(hub, rpc):
    packed = msgpack.packb([0, 900, "publish", [{"events": [progress(job="AAAA")]}]])
    assert packed.count(b"AAAA") == 1
    rpc.send(packed.replace(b"AAAA", b"\xff\xfeAA"))
    error, _ = rpc.answer(900)
    assert error["code"] in ("malformed", "invalid_params", "schema")
    assert "job_id" in str(error) or "UTF-8" in str(error)


def test_a_key_twice_in_one_map_is_refused(rpc):
    payload = (b"\x84" + msgpack.packb("job_id") + msgpack.packb("a") + msgpack.packb("percent") +
               msgpack.packb(1) + msgpack.packb("percent") + msgpack.packb(2) +
               msgpack.packb("step") + msgpack.packb("s"))
    event = b"\x82" + msgpack.packb("type") + msgpack.packb("job.progress") + \
        msgpack.packb("payload") + payload
    rpc.send(b"\x94\x00" + msgpack.packb(901) + msgpack.packb("publish") + b"\x91\x81" +
             msgpack.packb("events") + b"\x91" + event)
    error, _ = rpc.answer(901)
    assert "percent" in str(error) or "twice" in str(error), error


# ---- asking -----------------------------------------------------------------------------------

def test_events_are_paged_filtered_and_ended(rpc):
    first = rpc.publish(progress())["sequences"][0]
    rpc.publish(*[progress() for _ in range(9)], completed())
    page = rpc.call("events", after=first, limit=4)
    assert [event["sequence"] for event in page["events"]] == list(range(first + 1, first + 5))
    assert page["next"] == f"{rpc.greeting['epoch']}-{first + 4}"
    page = rpc.call("events", after=page["next"], limit=1000)
    assert [event["sequence"] for event in page["events"]] == list(range(first + 5, first + 11))
    page = rpc.call("events", after=first, types=["job.completed"])
    assert [event["type"] for event in page["events"]] == ["job.completed"]
    assert rpc.call("events", after=first, channel="devices")["events"] == []
    event = page["events"][0]
    assert RFC3339_MS.match(event["timestamp"]) and event["channel"] == "jobs"


@pytest.mark.parametrize("params,hint", [
    ({"limit": 0}, "limit"), ({"limit": "x"}, "limit"), ({"limit": -1}, "limit"),
    ({"limit": 100000}, "limit"), ({"after": -1}, "after"), ({"after": "x"}, "after"),
    ({"after": {}}, "after"), ({"types": "job.*"}, "types"), ({"types": [7]}, "types"),
    ({"types": ["*x"]}, ""), ({"channel": 7}, "channel"), ({"channel": "no_such"}, "channel"),
], ids=str)
def test_a_question_that_is_wrong_is_refused(rpc, params, hint):
    fault = rpc.refused("events", **params)
    assert fault.code in ("invalid_params", "not_found"), fault.error
    assert hint in fault.message + fault.pointer, fault.error


def test_state_holds_what_is_mounted_and_forgets_what_is_not(rpc):
    path = f"/media/{unique()}"
    rpc.publish(mounted(path))
    state = rpc.call("state", type="device.mounted")
    assert POSITION.match(state["position"])
    assert path in [event["payload"]["mount_path"] for event in state["events"]]
    rpc.publish(unmounted(path))
    state = rpc.call("state", type="device.mounted")
    assert path not in [event["payload"]["mount_path"] for event in state["events"]]
    assert rpc.refused("state", type="no.such").code == "unknown_type"


def test_an_event_to_one_user_does_not_become_everybodys_state(rpc):
    def status(name, **more):
        return {"type": "device.status", "payload": {"device": {"name": name}}, **more}

    rpc.publish(status("for all"))
    rpc.publish(status("for bob", to="bob"))
    event, = rpc.call("state", type="device.status")["events"]
    assert event["payload"]["device"]["name"] == "for all"


def test_status_types_and_connections_are_answered(hub, rpc):
    status = rpc.call("status")
    assert status["epoch"] == rpc.greeting["epoch"] and status["sequence"] >= 0
    types = rpc.call("types")["types"]
    assert "device.mounted" in [one["name"] for one in types]
    with hub.client():
        assert len(rpc.call("connections")["connections"]) >= 1


def test_subscribe_notifies_of_what_is_asked_for_and_no_more(hub, rpc):
    with hub.rpc(role="cli") as follower:
        follower.call("subscribe", types=["job.completed", "device.*"])
        path = f"/media/{unique()}"
        rpc.publish(progress(), completed("follow-1"), progress(), mounted(path))
        (method, first), (_, second) = follower.notification(), follower.notification()
        assert method == "event"
        assert first["type"] == "job.completed" and first["payload"]["job_id"] == "follow-1"
        assert second["type"] == "device.mounted" and second["payload"]["mount_path"] == path
        assert second["sequence"] > first["sequence"]
        rpc.publish(unmounted(path))
        assert follower.notification()[1]["type"] == "device.unmounted"


# ---- the peer's uid -----------------------------------------------------------------------------

CLIENT = """
import sys; sys.path.insert(0, {harness!r})
from harness.rpc import Rpc, Fault
import json
rpc = Rpc({socket!r})
for event in json.loads(sys.argv[1]):
    try:
        print(json.dumps(rpc.publish(event)))
    except Fault as fault:
        print(json.dumps({{"code": fault.code, "message": fault.message}}))
"""


def publish_as(hub, uid, *events):
    """What a process of that user gets for each event."""
    code = CLIENT.format(harness=str(REPO / "tests/e2e"), socket=str(hub.socket))
    done = subprocess.run(
        ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3",
         "-c", code, json.dumps(events)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, timeout=DEADLINE)
    if done.returncode:
        assert "PermissionError" in done.stderr, done.stderr
        return None
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("uid", [33, 1000, 65534])
def test_only_root_publishes_what_the_kernel_and_the_hub_tell(hub, privileged, uid):
    hub.socket.chmod(0o666)
    detector = {"type": "detector.status", "payload": {"running": True,
                                                       "monitoring_enabled": True}}
    resumed = {"type": "connection.established", "payload": {"connection_id": "forged"}}
    answers = publish_as(hub, uid, mounted("/media/forged"), unmounted("/media/forged"),
                         detector, resumed, progress())
    assert [answer.get("code") for answer in answers[:4]] == ["forbidden"] * 4, answers
    assert answers[4].get("sequences"), "a job may be published by anyone on the socket"
    with hub.rpc() as rpc:
        assert "/media/forged" not in str(rpc.call("state", type="device.mounted"))


def test_a_token_grants_over_the_socket_what_the_uid_does_not(hub, privileged):
    hub.socket.chmod(0o666)
    token = hub.token(publish=["device.*"])
    code = CLIENT.format(harness=str(REPO / "tests/e2e"), socket=str(hub.socket)).replace(
        "rpc.publish(event)", f"rpc.publish(event, token={token!r})")
    done = subprocess.run(
        ["setpriv", "--reuid=33", "--regid=33", "--clear-groups", "/usr/bin/python3", "-c", code,
         json.dumps([mounted("/media/token"), unmounted("/media/token")])],
        check=True, stdout=subprocess.PIPE, text=True)
    assert all(json.loads(line).get("sequences") for line in done.stdout.splitlines())


# ---- hostile bytes ------------------------------------------------------------------------------

@pytest.mark.parametrize("message", [
    [], 7, None, "hello", {}, [0], [0, 1], [0, 1, "status"], [0, 1, "status", {}],
    [0, 1, "status", [7]], [0, 1, "status", [{}, {}]], [0, 1, 7, [{}]],
    [0, "one", "status", [{}]], [0, -1, "status", [{}]], [0, 2 ** 40, "status", [{}]],
    [3, 1, "status", [{}]], [0, 1, "status", [{}], 9], [0, 1, None, [{}]],
    [1, 99, None, {}], [1, 1, {"code": "internal"}, None], [2, 7, [{}]], [2, "x"],
], ids=str)
def test_msgpack_that_is_no_message_of_the_protocol_is_told_and_skipped(rpc, message):
    rpc.send_message(message)
    rpc.send_message([0, 4242, "status", [{}]])
    while True:
        answer = rpc.next_message()
        assert answer[0] == 1
        if answer[1] == 4242:
            break
        assert answer[2]["code"] in ("malformed", "invalid_params", "unknown_method"), answer
        assert answer[2]["message"]
    assert answer[2] is None and answer[3]["epoch"]


@pytest.mark.parametrize("method", ["", "nonsense", "HELLO", "publish ", "x" * 300, "é"])
def test_an_unknown_method_is_named_and_the_connection_goes_on(rpc, method):
    fault = rpc.refused(method)
    assert fault.code == "unknown_method"
    assert rpc.publish(progress())["sequences"]


def test_an_unknown_notification_does_no_harm(rpc):
    rpc.send_message([2, "nonsense", [{}]])
    assert rpc.publish(progress())["sequences"]


HOSTILE = {
    "never-used": b"\xc1",
    "array-of-4g": b"\xdd\xff\xff\xff\xff",
    "map-of-4g": b"\xdf\xff\xff\xff\xff",
    "text-of-4g": b"\xdb\xff\xff\xff\xff",
    "bytes-of-4g": b"\xc6\xff\xff\xff\xff",
    "extension-of-4g": b"\xc9\xff\xff\xff\xff\x01",
    "array-of-256m": b"\xdd\x10\x00\x00\x00",
    "inside-a-message": b"\x94\x00\x01\xa7publish\x91\xdf\x7f\xff\xff\xff",
    "deep": b"\x91" * 33 + b"\xc0",
    "deeper": b"\x91" * 65536,
    "deep-maps": b"\x81\xa1x" * 20000,
    "many-values": b"\xdd" + struct.pack("!I", 200000) + b"\xc0" * 200000,
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
    "text-above-the-frame": b"\x94\x00\x01\xa7publish\x91\x81\xa6events\xdb" +
                            struct.pack("!I", FRAME_MAX + 1) + b"x" * 100,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_bytes_that_cannot_be_followed_are_told_and_the_connection_ends(hub, data):
    rss = resident(hub)
    with hub.rpc() as rpc:
        try:
            rpc.send(data)
            ended = collect_errors(rpc)
        except (BrokenPipeError, ConnectionResetError):
            ended = [{"code": "malformed", "message": "-"}]
    assert ended, "an error is told before the connection is closed"
    assert ended[-1]["code"] in ("malformed", "too_large"), ended
    assert ended[-1]["message"]
    assert resident(hub) - rss < 8 << 20


def test_behind_the_reason_why_it_is_closed_a_subscriber_gets_no_event(hub, rpc):
    """What it had not read yet comes first."""
    with hub.rpc(role="cli") as reader:
        reader.call("subscribe")
        long = progress()
        long["payload"]["step"] = "x" * 30000
        for _ in range(40):
            rpc.publish(long)
        reader.send(b"\xc1")
        rpc.publish(progress())
        methods = []
        with contextlib.suppress(Closed):
            while True:
                methods.append(reader.notification()[0])
    assert methods[-1] == "error"
    assert "error" not in methods[:-1]


def collect_errors(rpc):
    """The errors up to the end of the connection, which must come."""
    errors = []
    while True:
        try:
            message = rpc.next_message()
        except Closed:
            return errors
        if message[0] == 2:  # told without an id, where none could be read
            assert message[1] == "error", message
            errors.append(message[2][0])
        else:
            assert message[0] == 1 and message[2], message
            errors.append(message[2])


def resident(hub):
    """Bytes; a sanitized program's own bookkeeping is not what is measured."""
    with open(f"/proc/{hub.process.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_a_frame_of_just_the_limit_is_read_and_one_byte_more_is_not(hub):
    def frame_of(size):
        empty = msgpack.packb([0, 1, "status", [{"x": "y" * 70000}]])
        return msgpack.packb([0, 1, "status", [{"x": "y" * (70000 + size - len(empty))}]])

    fits = frame_of(FRAME_MAX)
    assert len(fits) == FRAME_MAX
    with hub.rpc() as rpc:
        rpc.send(fits)
        assert rpc.answer(1)  # whatever it says of "x": it was read
        assert rpc.publish(progress())["sequences"]
        try:
            rpc.send(frame_of(FRAME_MAX + 1))
            errors = collect_errors(rpc)
            assert errors and errors[-1]["code"] == "too_large"
        except (BrokenPipeError, ConnectionResetError):
            pass


def test_a_message_that_trickles_in_byte_by_byte_is_read(rpc):
    for byte in msgpack.packb([0, 77, "publish", [{"events": [progress()]}]]):
        rpc.send(bytes([byte]))
    assert rpc.result(77)["sequences"]


def test_a_peer_that_leaves_in_the_middle_of_a_message_leaves_nothing_behind(hub):
    before = descriptors(hub)
    for _ in range(50):
        with hub.rpc() as rpc:
            rpc.send(msgpack.packb([0, 1, "publish", [{"events": [progress()]}]])[:-7])
    for _ in range(50):
        with hub.rpc(hello=False):
            pass
    wait_for(lambda: descriptors(hub) <= before + 1, "the descriptors of the peers that left")


def descriptors(hub):
    return len(os.listdir(f"/proc/{hub.process.pid}/fd"))


def test_a_peer_that_does_not_read_its_answers_does_not_stop_the_others(hub, rpc):
    """Its answers pile up: the hub must stop reading from it, not grow or hang."""
    before = resident(hub)
    with hub.rpc() as deaf:
        deaf.socket.settimeout(1)
        request = msgpack.packb([0, 1, "types", [{}]])
        sent = 0
        try:
            while sent < 20000:
                deaf.send(request * 100)
                sent += 100
        except (socket.timeout, BrokenPipeError, ConnectionResetError):
            pass
        for _ in range(20):
            assert rpc.publish(progress())["sequences"]
        assert resident(hub) - before < 64 << 20


def test_descriptors_passed_to_the_hub_do_not_stay_open(hub):
    before = descriptors(hub)
    with hub.rpc() as rpc:
        with open("/dev/null") as file:
            socket.send_fds(rpc.socket, [msgpack.packb([0, 5, "status", [{}]])],
                            [file.fileno()] * 8)
        try:
            rpc.answer(5)
        except (Closed, Failure):
            pass
        assert descriptors(hub) <= before + 2


def test_there_may_be_so_many_programs_and_the_next_is_told(new_hub):
    hub = new_hub(start=False)
    hub.start(prefix=["prlimit", "--nofile=128"], loader=False)  # enough for 12
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(hub.rpc()) for _ in range(12)]
        for _ in range(30):
            with pytest.raises(Fault) as refused:
                hub.rpc()
            assert refused.value.code == "unavailable"
            assert "there are 12 programs" in refused.value.message
        refused = hub.rpc(hello=False)
        with pytest.raises(Fault):
            refused.call("hello", role="cli", version=1)
        with pytest.raises(Closed):
            refused.next_message()
        warnings = [line for line in hub.process.lines if "is refused" in line]
        assert 1 <= len(warnings) <= 10 and f"pid {os.getpid()}" in warnings[0]

        # Whoever is there goes on, and the loader finds room whenever it comes.
        stack.enter_context(hub.rpc(role="loader"))
        assert all(program.publish(progress())["sequences"] for program in programs)
        with hub.client() as client:
            programs[0].publish(progress())
            client.receive()
        programs[0].close()
        wait_for(lambda: programs[1].call("status")["peers"] == 12, "the end of one of them")
        with hub.rpc() as late:
            assert late.publish(progress())["sequences"]


def test_programs_that_say_nothing_make_room_for_one_that_does(new_hub):
    hub = new_hub(start=False)
    hub.start(prefix=["prlimit", "--nofile=64"])
    silent = []
    try:
        for _ in range(40):
            silent.append(socket.socket(socket.AF_UNIX))
            silent[-1].connect(str(hub.socket))
        with hub.rpc() as rpc:
            assert rpc.publish(progress())["durable"] is True
            assert rpc.call("status")["peers"] <= 10
    finally:
        for connection in silent:
            connection.close()
