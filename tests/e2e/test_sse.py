# SPDX-License-Identifier: MIT
"""Server-Sent Events: the stream of /events, its cursor, its end, and what leaving it costs."""
import json
import os
import socket
import struct
import subprocess
import time

import pytest

from harness.events import POSITION, assert_standard, completed, progress, task, unique
from harness.hub import Hub
from harness.processes import wait_for
from harness.stream import Stream

PAGE = "https://page.example"
HUB = {
    "clients": {"heartbeat": "1s", "stall_timeout": "4s", "origins": PAGE},
    "auth": {"query_token": "yes"},
    "endpoint /ws/tasks": {"events": "task.*", "auth": "token", "sse": "/tasks"},
    "endpoint /ws/{user_id}": {"auth": "user", "addressed": "only", "sse": "/events/{user_id}"},
}


@pytest.fixture
def stream(hub):
    with Stream(hub.port.number) as stream:
        stream.hello()
        yield stream


@pytest.fixture(scope="module", autouse=True)
def ending():
    """A stream whose token ends while the other tests run, a quarter of its life after the
    warning: later than machines stall."""
    hub = Hub(HUB).start()
    headers = {"Authorization": f"Bearer {hub.token(subscribe=['*'], expires='12s')}"}
    with Stream(hub.port.number, "/tasks", headers=headers) as stream:
        yield stream
    hub.close()


def position_of(hub, sequence):
    with hub.rpc() as rpc:
        return f"{rpc.call('status')['epoch']}-{sequence}"


# ---- what a client reads ------------------------------------------------------------------------

def test_the_head_is_that_of_a_stream_that_nobody_keeps(hub):
    with Stream(hub.port.number) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"
        hello = stream.hello()
        assert hello.retry == 3000  # a hub that was killed is back by then
        assert POSITION.match(hello.id)


def test_events_are_those_of_the_websocket(hub, rpc, stream):
    events = [progress(), task(), completed()]
    with hub.client() as client:
        rpc.publish(*events)
        for event in events:
            block = stream.event()
            assert_standard(block.message, event)
            assert block.name is None  # else onmessage would not get it
            assert block.id == position_of(hub, block.message["sequence"])
            assert block.message == client.receive()


def test_a_volatile_event_leaves_the_position_alone(rpc, stream):
    before = stream.last_id
    rpc.publish({"type": "gpu.stats_updated", "payload": {"gpus": []}})
    block = stream.event()
    assert block.message["type"] == "gpu.stats_updated"
    assert block.id is None and stream.last_id == before


@pytest.mark.parametrize("query", ["types=job.*", "types=job.progress,job.completed",
                                   "types=job.progress&types=job.completed", "channel=jobs",
                                   "types=job.progress&channel=jobs", "types=job.%2A"])
def test_types_and_channels_choose(hub, rpc, query):
    with Stream(hub.port.number, f"/events?{query}") as stream:
        stream.hello()
        events = [progress(), task(), completed()]
        rpc.publish(*events)
        assert stream.message()["payload"] == events[0]["payload"]
        assert stream.message()["payload"] == events[2]["payload"]


def test_a_heartbeat_is_a_comment(stream):
    assert stream.next().comments == ["ping"]


def test_curl_is_a_full_client(hub, rpc):
    curl = subprocess.Popen(["curl", "-sN", f"http://127.0.0.1:{hub.port.number}/events"],
                            stdout=subprocess.PIPE, text=True)
    try:
        assert curl.stdout.readline() == ": connected\n"
        event = progress()
        rpc.publish(event)
        line = next(line for line in curl.stdout if line.startswith("data: "))
        assert_standard(json.loads(line.removeprefix("data: ")), event)
    finally:
        curl.kill()
        curl.communicate()


def test_connections_tell_a_stream_from_a_websocket(hub, rpc, stream):
    with hub.client():
        framings = [client["framing"] for client in rpc.call("connections")["connections"]]
    assert sorted(framings)[0] == "sse" and framings.count("websocket") == 1


def test_the_unix_socket_serves_streams_as_well(hub, rpc):
    with Stream(None, unix=hub.web_socket) as stream:
        stream.hello()
        rpc.publish(progress())
        assert stream.message()["type"] == "job.progress"


# ---- the cursor ---------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["header", "query"])
def test_a_stream_goes_on_where_it_was(hub, rpc, how):
    first = rpc.publish(progress(), progress(), progress())["sequences"][0]
    since = position_of(hub, first)
    path = f"/events?since={since}" if how == "query" else "/events"
    headers = {"Last-Event-ID": since} if how == "header" else {}
    with Stream(hub.port.number, path, headers=headers) as stream:
        assert stream.hello().id is None
        resumed = stream.event()
        assert resumed.name == "connection.resumed" and resumed.id == since
        assert resumed.message["payload"] == {
            "from": since, "to": position_of(hub, first + 2), "replayed": 2, "complete": True}
        assert [stream.message()["sequence"] for _ in range(2)] == [first + 1, first + 2]


def test_last_event_id_counts_more_than_the_url(hub, rpc):
    first = rpc.publish(progress(), progress())["sequences"][0]
    with Stream(hub.port.number, f"/events?since={position_of(hub, 1)}",
                headers={"Last-Event-ID": position_of(hub, first)}) as stream:
        assert stream.event().message["payload"]["from"] == position_of(hub, first)
        assert stream.message()["sequence"] == first + 1


def test_a_gap_is_told_before_the_first_event(hub):
    with Stream(hub.port.number, headers={"Last-Event-ID": "00000000000000aa-7"}) as stream:
        resumed = stream.event()
        assert resumed.message["payload"]["complete"] is False
        assert resumed.message["payload"]["reason"] == "epoch"
    with Stream(hub.port.number, headers={"Last-Event-ID": resumed.id}) as stream:
        assert stream.event().message["payload"]["complete"] is True


def test_nothing_is_missed_while_the_hub_was_killed(new_hub):
    hub = new_hub()
    with Stream(hub.port.number) as stream, hub.rpc() as rpc:
        stream.hello()
        rpc.publish(progress("before"))
        assert stream.message()["payload"]["job_id"] == "before"
        hub.kill()
        assert stream.next() is None
    hub.start()
    with hub.rpc() as rpc:
        rpc.publish(progress("meanwhile"))
    with Stream(hub.port.number, headers={"Last-Event-ID": stream.last_id}) as again:
        assert again.event().message["payload"]["complete"] is True
        assert again.message()["payload"]["job_id"] == "meanwhile"


# ---- who may ------------------------------------------------------------------------------------

@pytest.mark.parametrize("path, more, status, code", [
    ("/events", {"method": "POST"}, 405, "method_not_allowed"),
    ("/events", {"method": "PUT"}, 405, "method_not_allowed"),
    ("/nothing", {}, 404, "not_found"),
    ("/ws/events", {}, 426, "upgrade_required"),
    ("/events?types=", {}, 400, "invalid_params"),
    ("/events?types=a..b", {}, 400, "invalid_params"),
    ("/events?types=job.*,", {}, 400, "invalid_params"),
    ("/events?types=" + ",".join(f"a.t{i}" for i in range(200)), {}, 400, "invalid_params"),
    ("/events?channel=nothing", {}, 400, "invalid_params"),
    ("/events?since=7", {}, 400, "invalid_params"),
    ("/events", {"headers": {"Last-Event-ID": "7"}}, 400, "invalid_params"),
    ("/events", {"headers": {"Last-Event-ID": "7" * 5000}}, 400, "invalid_params"),
    ("/events", {"headers": {"Origin": "https://other.example"}}, 403, "forbidden"),
    ("/events", {"headers": {"Authorization": "Bearer x.y.z"}}, 401, "unauthorized"),
    ("/tasks", {}, 401, "unauthorized"),
    ("/events", {"headers": {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
                             "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA"}}, 505, "malformed"),
])
def test_refusals_are_problems(hub, path, more, status, code):
    with Stream(hub.port.number, path, **more) as stream:
        assert stream.status == status
        assert stream.headers["content-type"] == "application/problem+json"
        problem = stream.body()
        assert problem["type"] == f"urn:hostcast:problem:{code}" and problem["status"] == status
        if status == 405:
            assert stream.headers["allow"] == "GET"
        if status == 401:
            assert stream.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("request_line, headers, status", [
    ("GET /events HTTP/1.1", [], 400),
    ("GET /events HTTP/1.1", ["Host: a", "Host: b"], 400),
    ("GET /events HTTP/1.1", ["Host: "], 400),
    ("GET /events HTTP/1.1", ["Host: a"], 200),
    ("GET /events HTTP/1.0", [], 200),  # it has none yet
    ("GET /events HTTP/0.9", ["Host: a"], 505),
    ("GET /events HTTP/2.0", ["Host: a"], 505),
    ("GET /events", ["Host: a"], 505),
])
def test_a_stream_is_for_whole_requests(hub, request_line, headers, status):
    with socket.create_connection(("127.0.0.1", hub.port.number), 30) as sock:
        sock.sendall("\r\n".join([request_line, *headers, "", ""]).encode())
        assert sock.recv(100).split()[1] == str(status).encode()


def test_head_has_no_body(hub):
    with Stream(hub.port.number, method="HEAD") as stream:
        assert stream.status == 405 and stream.headers["allow"] == "GET"
        assert stream.next() is None


@pytest.mark.parametrize("place", ["header", "cookie", "query"])
def test_a_token_opens_a_stream(hub, rpc, place):
    token = hub.token(subscribe=["task.*"])
    headers = {"header": {"Authorization": f"Bearer {token}"},
               "cookie": {"Cookie": f"hostcast_token={token}"}}.get(place)
    path = f"/tasks?token={token}" if place == "query" else "/tasks"
    with Stream(hub.port.number, path, headers=headers) as stream:
        assert stream.status == 200
        stream.hello()
        rpc.publish(task())
        assert stream.message()["type"] == "task.update"


def test_a_users_stream_is_the_users(hub, rpc):
    name = unique("user")
    headers = {"Authorization": f"Bearer {hub.token(subject=name, subscribe=['*'])}"}
    with Stream(hub.port.number, "/events/somebody", headers=headers) as stream:
        assert stream.status == 403
    with Stream(hub.port.number, f"/events/{name}", headers=headers) as stream:
        stream.hello()
        rpc.publish(progress("all"), progress("mine", to=name))
        assert stream.message()["payload"]["job_id"] == "mine"


def test_a_page_on_the_list_may_read_the_stream(hub):
    with Stream(hub.port.number, headers={"Origin": PAGE}) as stream:
        assert stream.status == 200
        assert stream.headers["access-control-allow-origin"] == PAGE
        assert stream.headers["vary"] == "Origin"
    with Stream(hub.port.number) as stream:
        assert "access-control-allow-origin" not in stream.headers


# ---- the end ------------------------------------------------------------------------------------

def test_a_drain_says_when_to_come_back(new_hub):
    hub = new_hub({"hub": {"drain_seconds": "1s"}})
    with Stream(hub.port.number) as stream:
        stream.hello()
        hub.stop()
        end = stream.next()
        assert end.comments[0].startswith("closing, 1001 ")
        assert end.retry >= 1000
        assert stream.next() is None


def reset(stream):
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


LEAVE = {
    "close": Stream.close,
    "reset": reset,
    "half-close": lambda stream: stream.socket.shutdown(socket.SHUT_WR),
    "speak": lambda stream: stream.socket.sendall(b"GET / HTTP/1.1\r\n\r\n"),
}


def ticks(pid):
    """CPU time in hundredths of a second: user and system, proc(5)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def descriptors(hub):
    return len(os.listdir(f"/proc/{hub.process.pid}/fd"))


@pytest.mark.parametrize("tls", [False, True])
def test_clients_that_left_cost_nothing(new_hub, tls):
    hub = new_hub({"clients": {"heartbeat": "1h"}}, start=False)
    if tls:
        hub.make_certificate()
        hub.configure({"clients": {"heartbeat": "1h"}, "tls": hub.tls_options()})
    hub.start()
    before = descriptors(hub)
    streams = []
    for leave in LEAVE.values():
        for _ in range(25):
            streams.append(Stream((hub.tls_port if tls else hub.port).number, tls=tls))
            streams[-1].hello()
        for stream in streams[-25:]:
            leave(stream)
    wait_for(lambda: descriptors(hub) <= before, "the end of the streams")
    with hub.rpc() as rpc:
        assert rpc.call("status")["clients"] == 0
    began = ticks(hub.process.pid)
    time.sleep(1)
    assert ticks(hub.process.pid) - began <= 10
    for stream in streams:
        stream.close()


def test_who_half_closes_is_let_go(stream):
    stream.socket.shutdown(socket.SHUT_WR)
    assert [event for event in iter(stream.next, None) if event.data] == []


def test_bytes_behind_the_request_do_no_harm(hub):
    before = ticks(hub.process.pid)
    with Stream(hub.port.number, headers={"Content-Length": "5"}) as stream:
        stream.hello()
        assert stream.next().comments == ["ping"]
    assert ticks(hub.process.pid) - before <= 20


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("body", [b"he", b"hello", b"hello, and more"])
def test_who_sends_a_body_is_let_go(hub, rpc, body, at_once):
    head = b"GET /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
    with socket.create_connection(("127.0.0.1", hub.port.number), 30) as sock:
        sock.sendall(head + body if at_once else head)
        assert sock.recv(1)
        if not at_once:
            sock.sendall(body)
        wait_for(lambda: rpc.call("status")["clients"] == 0, "the hub to let it go")


def test_a_stalled_stream_ends_and_the_others_do_not_notice(hub, rpc, stream):
    with Stream(hub.port.number, rcvbuf=4096) as stalled:
        stalled.hello()
        for _ in range(40):
            rpc.publish(*[{"type": "job.progress", "payload": {
                "job_id": "big", "percent": 1, "step": "x" * 20000}}] * 2)
        for _ in range(80):
            assert stream.message()["payload"]["job_id"] == "big"
        wait_for(lambda: "has read nothing for 4000 ms" in hub.process.output, "the stall")
        wait_for(lambda: rpc.call("status")["clients"] == 1, "its end")


def test_the_end_of_a_token_ends_the_stream(ending):
    expiring = ending.event()
    assert expiring.name == "connection.expiring"
    last = [event for event in iter(ending.next, None)][-1]
    assert last.comments[0].startswith("closing, 4001 ")


# ---- through Apache -----------------------------------------------------------------------------

@pytest.mark.parametrize("tls", [False, True])
def test_apache_passes_each_event_on_at_once(stack, tls):
    port = (stack.https if tls else stack.http).number
    with Stream(port, "/events?types=job.*", tls=tls) as stream, stack.rpc() as rpc:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-store"
        assert stream.hello().id
        for number in range(3):
            rpc.publish(progress(f"job-{number}"))
            assert stream.message()["payload"]["job_id"] == f"job-{number}"
        since = stream.last_id
    with Stream(port, tls=tls, headers={"Last-Event-ID": since}) as stream:
        assert stream.event().message["payload"]["complete"] is True


def test_apache_without_the_hub_lets_an_event_source_come_back(own_stack):
    """A browser takes an error for the end, for good; others want to know."""
    own_stack.web_socket.unlink()
    port = own_stack.http.number
    for accept in ("*/*", None):
        with Stream(port, "/events?types=job.*", accept=accept) as stream:
            assert stream.status == 503
    for path in ("/events", "/events?types=job.*&since=x"):
        with Stream(port, path, headers={"Last-Event-ID": "0123456789abcdef-7"}) as stream:
            assert stream.status == 200
            assert stream.headers["content-type"] == "text/event-stream"
            only = stream.next()
            assert only.comments == ["the hub is away"] and only.retry == 3000
            assert only.id is None and not only.data
            assert stream.next() is None


def test_apache_has_nothing_to_say_of_what_is_right(stack):
    errors = stack.run / "apache/error.log"
    before = errors.read_text()
    token = stack.token(subscribe=["*"])
    for path in ("/events", "/events?types=job.*", f"/events?token={token}"):
        with Stream(stack.http.number, path) as stream:
            assert stream.status == 200 and stream.hello().id
    for path in (f"/ws?token={token}", f"/ws/events?token={token}"):
        with stack.through_apache(path) as client:
            assert client.ask({"type": "ping"}) == {"type": "pong"}
    assert errors.read_text()[len(before):] == ""


def test_apache_lets_a_stream_go_that_its_client_has_left(stack):
    def streams():
        with stack.rpc() as rpc:
            return rpc.call("status")["clients"]

    def ended():
        with stack.rpc() as rpc:
            rpc.publish(progress())  # it sees that the client is gone when it writes
        return not streams()

    with Stream(stack.http.number) as stream:
        stream.hello()
        assert streams()
    wait_for(ended, "the end of the stream")
