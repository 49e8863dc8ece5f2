# SPDX-License-Identifier: MIT
"""WebSocket clients: what they subscribe to, what they are told, where they resume."""
import json
import socket
import time

import pytest
import websockets

from harness.events import (RFC3339_MS, assert_standard, completed, is_for_job, jobs,
                            mounted, progress, task, unique, unmounted)
from harness.processes import STALL_S, wait_for
from harness.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

MESSAGE_MAX = 65536


@pytest.fixture
def client(hub):
    with hub.client() as client:
        yield client


def marked(rpc, client, *events):
    """Publish, and all that the client gets of it: up to an event that everybody gets."""
    if events:
        rpc.publish(*events)
    end = {"type": "notification", "payload": {"type": "test", "title": unique(), "message": "m",
                                               "level": "info"}}
    rpc.publish(end)
    seen = client.until(lambda message: message.get("payload") == end["payload"])
    return seen[:-1]


# ---- subscribing (seed 002) ---------------------------------------------------------------------

def test_a_new_client_gets_every_event(rpc, client):
    events = [progress(), task(), mounted("/m/new"), unmounted("/m/new")]
    seen = marked(rpc, client, *events)
    assert [message["type"] for message in seen] == [event["type"] for event in events]
    for message, event in zip(seen, events):
        assert_standard(message, event)
    assert [message["sequence"] for message in seen] == sorted(
        message["sequence"] for message in seen)


def test_the_first_subscribe_turns_everything_into_only_these(rpc, client):
    answer = client.ask({"action": "subscribe", "events": ["job.progress", "notification"]})
    assert answer == {"action": "subscribed", "events": ["job.progress", "notification"]}
    wanted = progress()
    seen = marked(rpc, client, completed(), wanted, task())
    assert [message["payload"] for message in seen] == [wanted["payload"]]


def test_a_later_subscribe_adds_to_the_first(rpc, client):
    client.subscribe("notification", "job.progress")
    client.subscribe("task.*")
    assert [message["type"] for message in marked(rpc, client, task(), completed(), progress())] \
        == ["task.update", "job.progress"]


def test_a_wildcard_matches_its_domain_and_nothing_beside_it(rpc, client):
    client.subscribe("notification", "job.*")
    seen = marked(rpc, client, progress(), completed(), task(), mounted("/m/w"),
                  unmounted("/m/w"))
    assert [message["type"] for message in seen] == ["job.progress", "job.completed"]


def test_a_star_is_everything(rpc, client):
    client.subscribe("notification")
    assert marked(rpc, client, progress()) == []
    client.subscribe("*")
    assert len(marked(rpc, client, progress(), task())) == 2


def test_a_subscription_to_an_empty_list_means_no_events(hub, rpc, client):
    assert client.ask({"action": "subscribe", "events": []}) == {"action": "subscribed",
                                                                 "events": []}
    event = progress()
    rpc.publish(event)
    assert client.ask({"type": "ping"}) == {"type": "pong"}
    client.subscribe("notification")
    assert marked(rpc, client, progress()) == []


def test_an_empty_list_takes_earlier_patterns_away(rpc, client):
    client.subscribe("notification", "job.*", "task.*")
    assert client.ask({"action": "subscribe", "events": []}) == {"action": "subscribed",
                                                                 "events": []}
    rpc.publish(progress(), task())
    client.subscribe("notification")
    assert marked(rpc, client, progress(), task()) == []


def test_unsubscribe_takes_patterns_away(rpc, client):
    client.subscribe("notification", "job.*", "task.*")
    answer = client.ask({"action": "unsubscribe", "events": ["job.*"]})
    assert answer == {"action": "unsubscribed", "events": ["job.*"]}
    assert [message["type"] for message in marked(rpc, client, progress(), task())] == [
        "task.update"]


def test_unsubscribe_without_a_list_takes_all_away(rpc, client):
    client.subscribe("job.*", "task.*")
    answer = client.ask({"action": "unsubscribe"})
    assert answer["action"] == "unsubscribed"
    assert sorted(answer["events"]) == ["job.*", "task.*"]
    rpc.publish(progress(), task())
    client.subscribe("notification")
    assert marked(rpc, client) == []


def test_unsubscribing_what_was_not_subscribed_is_acknowledged(rpc, client):
    client.subscribe("job.*", "notification")
    assert client.ask({"action": "unsubscribe", "events": ["task.*"]})["action"] == "unsubscribed"
    assert len(marked(rpc, client, progress())) == 1


def test_a_channel_is_subscribed_to_and_left(rpc, client):
    assert client.ask({"type": "subscribe", "channel": "jobs"}) == {"type": "subscribed",
                                                                    "channel": "jobs"}
    client.subscribe("notification")
    assert [message["type"] for message in marked(rpc, client, progress(), task())] == [
        "job.progress"]
    assert client.ask({"type": "unsubscribe", "channel": "jobs"}) == {"type": "unsubscribed",
                                                                      "channel": "jobs"}
    assert marked(rpc, client, progress()) == []


def test_each_client_has_its_own_subscription(hub, rpc):
    with hub.client() as jobs_only, hub.client() as tasks_only, hub.client() as everything:
        jobs_only.subscribe("job.*", "notification")
        tasks_only.subscribe("task.*", "notification")
        events = [progress(), task()]
        rpc.publish(*events)
        assert [m["type"] for m in marked(rpc, jobs_only)] == ["job.progress"]
        assert [m["type"] for m in marked(rpc, tasks_only)][:1] == ["task.update"]
        assert [m["type"] for m in marked(rpc, everything)][:2] == ["job.progress",
                                                                    "task.update"]


def test_an_event_with_a_recipient_goes_to_no_one_else(rpc, client):
    secret = progress(to="somebody-else")
    assert marked(rpc, client, secret) == []


# ---- messages that are wrong ----------------------------------------------------------------------

@pytest.mark.parametrize("message,hint", [
    ("{", ""), ("", ""), ("null", ""), ("7", ""), ('"ping"', ""), ("[]", ""), ("{}", ""),
    ('{"action":"subscribe","action":"unsubscribe"}', "action"),
    ({"action": "dance"}, "subscribe"), ({"type": "dance"}, "ping"), ({"action": 7}, "subscribe"),
    ({"type": None}, ""), ({"action": "subscribe"}, "events"),
    ({"action": "subscribe", "events": "job.*"}, "events"),
    ({"action": "subscribe", "events": [7]}, "events"),
    ({"action": "subscribe", "events": ["job*"]}, "/events/0"),
    ({"action": "subscribe", "events": ["*.progress"]}, "/events/0"),
    ({"action": "subscribe", "events": [""]}, ""),
    ({"action": "subscribe", "events": ["task.*", "job..x"]}, "/events/1"),
    ({"action": "subscribe", "events": ["x" * 129]}, ""),
    ({"action": "unsubscribe", "events": [{}]}, "events"),
    ({"type": "subscribe"}, "channel"), ({"type": "subscribe", "channel": "no_such"}, "channel"),
    ({"type": "subscribe", "channel": 7}, "channel"),
    ({"action": "resume"}, "since"), ({"action": "resume", "since": "x"}, "since"),
    ({"action": "resume", "since": -1}, "since"),
    ("[" * 3000, ""), ('{"a":' * 3000, ""),
], ids=str)
def test_a_message_that_is_wrong_is_told_so_and_the_client_lives_on(rpc, client, message, hint):
    client.send(message)
    answer = client.until_type("error")
    assert set(answer) <= {"type", "payload", "timestamp"}
    assert RFC3339_MS.match(answer["timestamp"])
    assert answer["payload"]["code"] in ("malformed", "invalid_params", "unknown_method",
                                         "unknown_type", "too_large", "not_found")
    text = answer["payload"]["message"] + answer["payload"].get("pointer", "")
    assert answer["payload"]["message"] and hint in text, answer
    event = progress()
    assert marked(rpc, client, event)[-1]["payload"] == event["payload"], "still gets everything"


def test_a_bad_pattern_in_a_list_changes_nothing(rpc, client):
    client.subscribe("job.*", "notification")
    client.send({"action": "subscribe", "events": ["task.*", "task*"]})
    client.until_type("error")
    assert [m["type"] for m in marked(rpc, client, task(), progress())] == ["job.progress"]


def test_more_patterns_than_allowed_are_refused(rpc, client):
    client.subscribe("notification")
    client.send({"action": "subscribe", "events": [f"job.x{n}" for n in range(65)]})
    answer = client.until_type("error")
    assert "64" in answer["payload"]["message"]
    assert marked(rpc, client, progress()) == []


def test_a_type_that_is_not_in_the_registry_may_be_subscribed_to_or_is_told(rpc, client):
    """Either is honest; silence is not."""
    answer = client.ask({"action": "subscribe", "events": ["no.such_type"]})
    assert answer.get("action") == "subscribed" or answer.get("type") == "error"


def test_a_binary_message_is_told_to_be_wrong_or_read(client):
    client.send(b'{"type":"ping"}')
    assert client.receive()["type"] in ("pong", "error")
    assert client.ask({"type": "ping"}) == {"type": "pong"}


def test_a_ping_message_is_answered_and_a_pong_taken(client):
    for _ in range(3):
        assert client.ask({"type": "ping"}) == {"type": "pong"}
    client.send({"type": "pong"})
    assert client.ask({"type": "ping"}) == {"type": "pong"}


# ---- resuming -------------------------------------------------------------------------------------

def position(rpc, sequence):
    return f"{rpc.greeting['epoch']}-{sequence}"


def test_since_replays_what_was_missed_and_says_so_first(hub, rpc):
    first = rpc.publish(progress())["sequences"][0]
    missed = [progress() for _ in range(20)]
    last = rpc.publish(*missed)["sequences"][-1]
    with hub.client(f"/ws/events?since={position(rpc, first)}") as client:
        resumed = client.receive()
        assert resumed["type"] == "connection.resumed"
        assert resumed["payload"] == {"from": position(rpc, first), "to": position(rpc, last),
                                      "replayed": 20, "complete": True}
        for event in missed:
            assert_standard(client.receive(), event)
        event = progress()
        rpc.publish(event)
        assert_standard(client.receive(), event, last + 1)


def test_since_now_replays_nothing_and_is_complete(hub, rpc):
    last = rpc.publish(progress())["sequences"][0]
    with hub.client(f"/ws/events?since={position(rpc, last)}") as client:
        payload = client.receive()["payload"]
        assert payload["replayed"] == 0 and payload["complete"] is True
        event = progress()
        rpc.publish(event)
        assert_standard(client.receive(), event, last + 1)


def test_a_bare_sequence_is_taken_within_the_epoch_there_is_or_refused(hub, rpc):
    """DESIGN names positions only; a guess at the epoch must not look complete."""
    first = rpc.publish(progress())["sequences"][0]
    with hub.raw(f"/ws/events?since={first}") as raw:
        assert raw.status in (101, 400)
        if raw.status == 400:
            assert raw.headers["content-type"] == "application/problem+json"


def test_a_position_of_another_epoch_is_told_to_be_incomplete(hub, rpc):
    last = rpc.publish(progress())["sequences"][0]
    other = "0123456789abcdef-5"
    with hub.client(f"/ws/events?since={other}") as client:
        resumed = client.receive()
        payload = resumed["payload"]
        assert resumed["type"] == "connection.resumed" and payload["complete"] is False
        assert payload["reason"]
        assert payload["from"] == other or payload["from"].startswith(rpc.greeting["epoch"])
        assert payload["to"] == position(rpc, last)
        assert "missed_from" in payload and "missed_to" in payload
        seen = marked(rpc, client, progress())
        assert len(seen) == payload["replayed"] + 1


def test_a_position_in_the_future_is_told_to_be_incomplete(hub, rpc):
    last = rpc.publish(progress())["sequences"][0]
    with hub.client(f"/ws/events?since={position(rpc, last + 1000)}") as client:
        payload = client.receive()["payload"]
        assert payload["complete"] is False and payload["reason"]
        event = progress()
        rpc.publish(event)
        assert_standard(client.until(is_for_job(event["payload"]["job_id"]))[-1], event)


@pytest.mark.parametrize("since", ["", "x", "-1", "0123456789abcdef", "0123456789abcdef-",
                                   "0123456789abcdef-01", "0123456789ABCDEF-1",
                                   "0123456789abcdef-18446744073709551616", "%ff", "a" * 300])
def test_a_since_that_is_no_position_is_refused_before_the_upgrade(hub, since):
    with hub.raw(f"/ws/events?since={since}") as raw:
        assert raw.status == 400, raw.status
        assert raw.json["type"].startswith("urn:hostcast:problem:")
        assert "since" in raw.json["detail"]


def test_resume_as_a_message_places_the_cursor(hub, rpc, client):
    first = rpc.publish(progress())["sequences"][0]
    missed = [progress() for _ in range(5)]
    rpc.publish(*missed)
    marked(rpc, client)
    client.send({"action": "resume", "since": position(rpc, first)})
    resumed = client.until_type("connection.resumed")["payload"]
    assert resumed["complete"] is True and resumed["replayed"] >= 5
    for event in missed:
        assert_standard(client.receive(), event)


def test_a_resumed_client_gets_only_what_it_subscribes_to(hub, rpc):
    """A subscription before the resume holds for what is replayed."""
    first = rpc.publish(progress())["sequences"][0]
    rpc.publish(task(), completed("resumed"), progress(), task())
    with hub.client() as client:
        client.subscribe("job.completed")
        client.send({"action": "resume", "since": position(rpc, first)})
        client.until_type("connection.resumed")
        assert client.receive()["payload"]["job_id"] == "resumed"


def test_many_events_are_replayed_in_order_while_new_ones_come(hub, rpc):
    first = rpc.publish(progress())["sequences"][0]
    for _ in range(20):
        rpc.publish(*[progress() for _ in range(256)])
    with hub.client(f"/ws/events?since={position(rpc, first)}") as client:
        client.receive()
        end = progress()
        last = rpc.publish(end)["sequences"][0]
        seen = client.until(is_for_job(end["payload"]["job_id"]))
        assert [message["sequence"] for message in seen] == list(range(first + 1, last + 1))


def test_a_trimmed_ring_is_read_from_the_log(new_hub):
    """The ring holds 1 MiB: what it no longer has comes from the database."""
    hub = new_hub({"hub": {"ring_bytes": "1M"}})
    with hub.rpc() as rpc:
        first = rpc.publish(progress())["sequences"][0]
        big = []
        for _ in range(8):
            batch = [progress() for _ in range(32)]
            for event in batch:
                event["payload"]["more"] = "x" * 10000
            rpc.publish(*batch)
            big += batch
        with hub.client(f"/ws/events?since={position(rpc, first)}") as client:
            payload = client.receive()["payload"]
            assert payload["complete"] is True and payload["replayed"] == len(big)
            for event in big:
                assert_standard(client.receive(), event)


# ---- the handshake ----------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/", "/nothing", "/ws/events/", "/ws/events/x", "/ws/", "/wsx",
                                  "/WS/EVENTS", "/api/events"])
def test_an_unknown_endpoint_is_404(hub, path):
    with hub.raw(path) as raw:
        assert raw.status == 404, raw.status
        assert raw.headers["content-type"] == "application/problem+json"
        assert raw.json["type"] == "urn:hostcast:problem:not_found"


def test_a_path_that_is_too_long_is_refused(hub):
    with hub.raw("/" + "x" * 2000) as raw:
        assert raw.status in (404, 414, 431), raw.status


def test_a_request_without_upgrade_is_426(hub):
    for path in ("/ws/events", "/ws/tasks"):
        with hub.raw(path, upgrade=False) as raw:
            assert raw.status == 426, raw.status
            assert "websocket" in raw.headers["upgrade"].lower()


@pytest.mark.parametrize("version", ["8", "0", "14", "x", None])
def test_another_version_is_426_with_ours(hub, version):
    with hub.raw(version=version) as raw:
        assert raw.status in (400, 426), raw.status
        if version not in (None, "x"):
            assert raw.status == 426 and raw.headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS"])
def test_an_upgrade_by_another_method_is_refused(hub, method):
    with hub.raw(method=method, headers=["Content-Length: 0"]) as raw:
        assert raw.status != 101
        assert raw.status is None or 400 <= raw.status < 600


@pytest.mark.parametrize("key", ["short", "!" * 24, "A" * 23, "A" * 25])
def test_a_key_that_is_not_16_bytes_is_refused(hub, key):
    with hub.raw(key=key) as raw:
        assert raw.status == 400, raw.status


def test_http_1_0_is_refused(hub):
    with hub.raw(http="1.0") as raw:
        assert raw.status in (None, 400, 426, 505), raw.status


@pytest.mark.parametrize("junk", [
    b"\x00" * 1000, b"GET\r\n\r\n", b"\xff\xfe\xfd\r\n\r\n", b"\r\n" * 500,
    b"GET /ws/events HTTP/1.1\r\n" + b"X: " + b"y" * 100000 + b"\r\n\r\n",
    b"GET /ws/events HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 600,
], ids=["nul", "half", "bytes", "newlines", "long-header", "many-headers", "long-path", "tls"])
def test_junk_instead_of_a_handshake_disturbs_no_one(hub, rpc, client, junk):
    with socket.create_connection(("127.0.0.1", hub.port.number)) as one:
        try:
            one.sendall(junk)
            one.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        event = progress()
        assert marked(rpc, client, event)[-1]["payload"] == event["payload"]


def test_the_library_negotiates_compression_or_not_and_reads_the_same(hub, rpc):
    with hub.client(compression="deflate") as packed, hub.client(compression=None) as plain:
        event = progress()
        event["payload"]["more"] = "abc" * 10000
        assert marked(rpc, packed, event) != []
        assert plain.until(is_for_job(event["payload"]["job_id"]))[-1]["payload"] == \
            event["payload"]


def test_the_unix_socket_of_apache_speaks_websocket_too(hub, rpc):
    with hub.client_at_web_socket() as client:
        event = progress()
        assert_standard(marked(rpc, client, event)[-1], event)


# ---- frames (RFC 6455) --------------------------------------------------------------------------------

@pytest.fixture
def raw(hub):
    with hub.raw() as raw:
        assert raw.status == 101
        yield raw


def test_a_message_above_the_limit_is_closed_1009(hub, client):
    client.send(json.dumps({"type": "ping", "x": "y" * (MESSAGE_MAX - 100)}))
    assert client.until(lambda message: message["type"] in ("pong", "error"))
    client.send(json.dumps({"type": "ping", "x": "y" * MESSAGE_MAX}))
    assert client.wait_closed()[0] == 1009


def test_a_frame_that_announces_too_much_is_closed_before_it_comes(raw):
    raw.send(frame(BINARY, b"", length=1 << 40))
    try:
        for _ in range(64):
            raw.send(b"x" * 16384)
    except (BrokenPipeError, ConnectionResetError):
        return  # closed so early that we did not get to read why
    assert raw.wait_close() in (1009, None)


def test_fragments_that_add_up_to_too_much_are_closed_1009(raw):
    raw.send(frame(TEXT, b"[" + b" " * 30000, fin=False))
    try:
        for _ in range(5):
            raw.send(frame(CONTINUATION, b" " * 30000, fin=False))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert raw.wait_close() == 1009


@pytest.mark.parametrize("text", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
                                  b"\xc0\xaf", b'{"type":"\xe2\x82"}'])
def test_text_that_is_not_utf8_is_closed_1007(raw, text):
    raw.send(frame(TEXT, text))
    assert raw.wait_close() == 1007


@pytest.mark.parametrize("data", [
    frame(3, b"x"), frame(7, b"x"), frame(11, b"x"), frame(15, b"x"), frame(TEXT, b"x", rsv=2),
    frame(TEXT, b"x", rsv=1), frame(CONTINUATION, b"x"), frame(PING, b"x", fin=False),
    frame(PING, b"x" * 126), frame(CLOSE, b"x" * 126),
    frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"),
], ids=["op3", "op7", "op11", "op15", "rsv2", "rsv3", "lone-continuation", "ping-fragment",
        "long-ping", "long-close", "text-in-text"])
def test_frames_against_the_protocol_are_closed_1002(raw, data):
    raw.send(data)
    assert raw.wait_close() in (1002, None)


def test_pings_are_answered_with_their_payload_even_inside_a_fragmented_message(raw):
    raw.send(frame(TEXT, b'{"type":', fin=False) + frame(PING, b"now") +
             frame(CONTINUATION, b'"ping"}'))
    assert raw.read_frame() == (PONG, b"now")
    opcode, payload = raw.read_frame()
    assert opcode == TEXT and json.loads(payload) == {"type": "pong"}


def test_frames_that_trickle_in_byte_by_byte_are_read(raw):
    for byte in frame(TEXT, b'{"type":"ping"}'):
        raw.send(bytes([byte]))
    assert json.loads(raw.read_frame()[1]) == {"type": "pong"}


def test_a_close_is_answered_with_a_close(raw):
    raw.send(frame(CLOSE, b"\x03\xe8bye"))
    assert raw.wait_close() in (1000, 1005)
    assert raw.read_frame() is None


def test_a_client_that_just_vanishes_is_forgotten(hub, rpc):
    before = rpc.call("status")["clients"]
    gone = [hub.client() for _ in range(20)]
    assert rpc.call("status")["clients"] == before + 20
    for client in gone:
        client.abort()
    wait_for(lambda: rpc.call("status")["clients"] == before, "the clients forgotten")


def test_hundred_clients_get_every_event_once_and_in_order(hub, rpc):
    clients = [hub.client() for _ in range(100)]
    try:
        batches = [[progress() for _ in range(20)] for _ in range(5)]
        for batch in batches:
            rpc.publish(*batch)
        wanted = [event["payload"]["job_id"] for batch in batches for event in batch]
        for client in clients:
            assert jobs(client.until(is_for_job(wanted[-1]))) == wanted
    finally:
        for client in clients:
            client.close()


# ---- other endpoints ------------------------------------------------------------------------------------

def test_tasks_come_in_the_spread_envelope_of_seed_001_and_nothing_else(hub, rpc):
    with hub.client("/ws/tasks") as client:
        event = task()
        rpc.publish(progress(), event)
        assert client.receive() == {"type": "task.update", "task": event["payload"]["task"]}


def test_device_status_comes_as_a_snapshot_and_then_as_changes(hub, rpc):
    def status(busy, **more):
        return {"type": "device.status", "payload": {
            "device": {"name": "OpenScan Mini", "model": "mini", "shield": "greenshield",
                       "initialized": True, "cameras": {}, "lights": {},
                       "motors": {"turntable": {"busy": busy, "angle": 180.0}}}, **more}}
    rpc.publish(status(False))
    with hub.client("/ws/device") as client:
        assert client.receive() == {"type": "device.status", **status(False)["payload"]}
        changed = status(True, changed=["motors.turntable.busy"])
        rpc.publish(changed)
        assert client.receive() == {"type": "device.status", **changed["payload"]}


def test_status_starts_with_the_detector_as_it_is(hub, rpc):
    rpc.publish({"type": "detector.status", "payload": {"running": True,
                                                        "monitoring_enabled": True}})
    with hub.client("/ws/status") as client:
        first = client.receive()
        assert first["type"] == "detector.status"
        assert first["data"] == {"running": True, "monitoring_enabled": True}
        assert RFC3339_MS.match(first["timestamp"])
        assert "payload" not in first
        rpc.publish(progress())
        rpc.publish({"type": "detector.status", "payload": {"running": True,
                                                            "monitoring_enabled": False}})
        assert client.receive()["data"]["monitoring_enabled"] is False


def test_detections_come_in_the_data_envelope(hub, rpc):
    registry = {one["name"]: one for one in rpc.call("types")["types"]}
    assert "detection.new" in registry
    with hub.client("/ws/detection") as client:
        rpc.publish(progress())
        assert client.ask({"type": "ping"}) == {"type": "pong"}


# ---- time -------------------------------------------------------------------------------------------

def test_an_idle_client_is_pinged_after_the_heartbeat_and_a_busy_one_is_not(new_hub):
    hub = new_hub({"clients": {"heartbeat": "1s"}})
    with hub.client() as client, hub.rpc() as rpc:
        began = time.monotonic()
        rpc.publish(progress())
        client.receive()
        assert client.receive() == {"type": "ping"}
        assert 0.9 <= client.times[-1] - began < 2.5 + STALL_S
        client.send({"type": "pong"})
        assert client.receive() == {"type": "ping"}


def test_a_client_that_answers_no_ping_is_taken_for_dead(new_hub):
    hub = new_hub({"clients": {"heartbeat": "500ms", "pong_timeout": f"{2 * STALL_S}s"}})
    with hub.raw() as silent, hub.client() as lively, hub.rpc() as rpc:
        assert silent.wait_close() in (None, 1001, 1002, 1008, 1011)
        event = progress()
        rpc.publish(event)
        lively.until(is_for_job(event["payload"]["job_id"]))


def test_a_client_that_reads_nothing_is_closed_and_the_others_do_not_notice(new_hub):
    hub = new_hub({"clients": {"stall_timeout": f"{STALL_S}s", "send_buffer": "4K"}})
    with hub.rpc() as rpc, hub.client() as healthy:
        with hub.raw() as stalled:
            assert stalled.status == 101
            assert rpc.call("status")["clients"] == 2
            sent = []

            def stalled_is_gone():
                batch = [progress() for _ in range(32)]
                for event in batch:
                    event["payload"]["more"] = "x" * 10000
                rpc.publish(*batch)
                sent.extend(event["payload"]["job_id"] for event in batch)
                return rpc.call("status")["clients"] == 1
            wait_for(stalled_is_gone, "the stalled client closed")
        assert jobs(healthy.until(is_for_job(sent[-1]))) == sent


def test_a_prefix_stands_before_every_endpoint(new_hub):
    hub = new_hub({"hub": {"prefix": "/latest"}})
    with hub.rpc() as rpc, hub.client("/latest/ws/tasks") as client:
        event = task()
        rpc.publish(event)
        assert client.receive()["task"] == event["payload"]["task"]
    with hub.raw("/ws/tasks") as raw:
        assert raw.status == 404


def test_term_tells_every_client_that_we_are_going_away(new_hub):
    hub = new_hub()
    clients = [hub.client() for _ in range(5)]
    with hub.rpc() as rpc:
        event = progress()
        rpc.publish(event)
    hub.stop()
    for client in clients:
        assert client.wait_closed()[0] == 1001
        client.close()


def test_a_refusal_reaches_a_browser_through_the_library_as_a_status(hub):
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        hub.client("/nothing")
    assert refused.value.status_code == 404


def test_the_hub_does_not_spin_while_nothing_happens(new_hub):
    """User and system time over a stretch in which clients are connected and silent."""
    hub = new_hub({"clients": {"heartbeat": "2s"}})

    def cpu_ticks():
        with open(f"/proc/{hub.process.pid}/stat") as file:
            fields = file.read().rpartition(") ")[2].split()
        return int(fields[11]) + int(fields[12])
    clients = [hub.client() for _ in range(10)]
    with hub.raw("/nothing"):
        pass
    clients[0].abort()
    before = cpu_ticks()
    assert clients[1].receive() == {"type": "ping"}
    assert cpu_ticks() - before <= 20, "ticks of 10 ms in 2 s"
    for client in clients[1:]:
        client.close()
