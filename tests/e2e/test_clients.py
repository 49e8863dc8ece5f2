# SPDX-License-Identifier: MIT
"""Clients that others wrote, each with what it does of all a client can do: connect, subscribe in
both dialects, get events, resume, ping, be pinged, close, be refused.

python3-websockets is what the other files of this directory use for all that but pings; browsers
are in tests/browser.
"""
import json
import re
import shlex
import subprocess

import pytest

from harness.events import assert_standard, is_for_job, progress, task
from harness.processes import Process, REPO

HUB = {"clients": {"heartbeat": "1s"}}
MODULES = REPO / "tests/node_modules"


@pytest.fixture
def run():
    """Starts a program that reads from us, and ends it after the test."""
    started = []

    def start(*argv):
        started.append(Process(argv, stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()


# ---- python3-websockets -------------------------------------------------------------------------------

def test_python_websockets_lives_by_its_own_pings(hub, rpc):
    """A ping with bytes that are no text every 100 ms; one without its pong would end it."""
    with hub.client(ping_interval=0.1, ping_timeout=10) as client:
        assert client.receive() == {"type": "ping"}, "the heartbeat, after 1 s"
        event = progress()
        rpc.publish(event)
        assert_standard(client.until(is_for_job(event["payload"]["job_id"]))[-1], event)
        client.close()
        assert client.wait_closed() == (1000, "")


# ---- ws, of npm -----------------------------------------------------------------------------------

class NodeWs:
    """Drives tests/e2e/clients/node_ws.js."""

    def __init__(self, run, url, *subprotocols):
        assert (MODULES / "ws").is_dir(), "npm's ws is missing: run `make deps-test`"
        self.process = run("node", REPO / "tests/e2e/clients/node_ws.js", url, *subprotocols)
        self.at = 0

    def do(self, verb, *how):
        self.process.write_line(json.dumps([verb, *how]))

    def say(self, message):
        self.do("send", json.dumps(message))

    def next(self):
        """What happened next, as the program tells it."""
        self.process.wait_line("", start=self.at)
        self.at += 1
        return json.loads(self.process.lines[self.at - 1])

    def next_message(self):
        """The next message but heartbeats."""
        while True:
            kind, *text = self.next()
            assert kind == "text", (kind, text)
            message = json.loads(text[0])
            if message != {"type": "ping"}:
                return message


@pytest.fixture
def node(hub, run):
    client = NodeWs(run, hub.url())
    assert client.next() == ["open", "", ""]
    return client


def test_node_ws_subscribes_in_both_dialects_and_gets_events(node, rpc):
    node.say({"action": "subscribe", "events": ["job.*"]})
    assert node.next_message() == {"action": "subscribed", "events": ["job.*"]}
    node.say({"type": "subscribe", "channel": "tasks"})
    assert node.next_message() == {"type": "subscribed", "channel": "tasks"}
    events = [progress(), task(), progress()]
    rpc.publish(*events)
    for event in events:
        assert_standard(node.next_message(), event)
    node.say({"action": "unsubscribe", "events": ["job.*"]})
    assert node.next_message()["action"] == "unsubscribed"
    last = task()
    rpc.publish(progress(), last)
    assert_standard(node.next_message(), last)


def test_node_ws_resumes_where_it_was(hub, rpc, run):
    first = rpc.publish(progress())["sequences"][0]
    missed = [progress() for _ in range(30)]
    rpc.publish(*missed)
    client = NodeWs(run, hub.url(f"/ws/events?since={rpc.greeting['epoch']}-{first}"))
    assert client.next()[0] == "open"
    resumed = client.next_message()
    assert resumed["type"] == "connection.resumed" and resumed["payload"]["complete"] is True
    for event in missed:
        assert_standard(client.next_message(), event)


def test_node_ws_pings_and_is_answered(node):
    node.do("ping", "are you there")
    assert node.next() == ["pong", "are you there"]
    node.say({"type": "ping"})
    assert node.next_message() == {"type": "pong"}


def test_node_ws_gets_the_heartbeat(node):
    assert node.next() == ["text", '{"type":"ping"}']


@pytest.mark.parametrize("how,answer", [((), [1005, ""]), ((1000, "done"), [1000, ""]),
                                        ((4321,), [4321, ""])], ids=str)
def test_node_ws_closes(node, how, answer):
    node.do("close", *how)
    assert node.next() == ["close", *answer]
    assert node.process.wait() == 0


def test_node_ws_offers_compression_and_reads_the_same(node, rpc):
    """It offers permessage-deflate by itself; the hub has it switched off."""
    event = progress()
    event["payload"]["more"] = "abc" * 20000
    rpc.publish(event)
    message = node.next_message()
    while not is_for_job(event["payload"]["job_id"])(message):
        message = node.next_message()
    assert_standard(message, event)


def test_node_ws_is_greeted_where_it_asks_for_our_subprotocol(hub, run):
    client = NodeWs(run, hub.url(), "hostcast.v1")
    assert client.next() == ["open", "hostcast.v1", ""]
    assert client.next_message()["type"] == "connection.established"


@pytest.mark.parametrize("path,status", [("/nothing", 404), ("/ws/events?since=x", 400)])
def test_node_ws_is_told_the_status_of_a_refusal(hub, run, path, status):
    assert NodeWs(run, hub.url(path)).next() == ["refused", status]


# ---- wscat ------------------------------------------------------------------------------------------

def run_wscat(run, url, *options):
    """On a terminal of its own: without one it says nothing but the messages it gets."""
    program = MODULES / "wscat/bin/wscat"
    assert program.exists(), "wscat is missing: run `make deps-test`"
    argv = ["node", program, "--no-color", "--slash", "--show-ping-pong", *options, "-c", url]
    return run("script", "-qefc", shlex.join(map(str, argv)), "/dev/null")


@pytest.fixture
def wscat(hub, run):
    def start(path, *options):
        client = run_wscat(run, hub.url(path), *options)
        client.wait_line("Connected")
        return client
    return start


def test_wscat_subscribes_pings_and_closes(wscat, rpc):
    client = wscat("/ws/events")
    client.write_line('{"action":"subscribe","events":["job.progress"]}')
    client.wait_line(re.escape('< {"action":"subscribed","events":["job.progress"]}'))
    event = progress()
    rpc.publish(task(), event)
    line = client.wait_line(r'< (\{"type":"job.progress".*\})')
    assert_standard(json.loads(line[1]), event)
    client.write_line('{"type":"ping"}')
    client.wait_line(re.escape('< {"type":"pong"}'))
    client.write_line("/ping there?")
    client.wait_line(r"Received pong.*there\?")
    client.write_line("/close 1000 bye")
    client.wait_line(r"Disconnected \(code: 1000")
    assert client.wait() == 0


@pytest.mark.parametrize("path", ["/ws/system-health", "/ws/user123"])
def test_wscat_reaches_the_routes_of_the_poker_page_with_a_token(hub, wscat, rpc, path):
    """Its page: `wscat -c ws://localhost:5001/ws/system-health` should connect to system health."""
    token = hub.token(subscribe=["*"], subject="user123")
    client = wscat(path, "-H", f"Authorization: Bearer {token}")
    client.write_line('{"type":"ping"}')
    client.wait_line(re.escape('< {"type":"pong"}'))
    rpc.publish({"type": "health_check", "payload": {"status": "healthy"}},
                {**progress("for-me", 5), "to": "user123"})
    if path == "/ws/system-health":
        client.wait_line(r'< \{"type":"health_check","data":\{"status":"healthy"\},"timestamp":\d')
    else:
        client.wait_line(r'< \{"type":"job.progress","payload":\{"job_id":"for-me"')
    assert ("health_check" in client.output) == (path == "/ws/system-health")


def test_wscat_without_a_token_is_closed_by_the_hub(new_hub, run):
    hub = new_hub({"auth": {"timeout": "1s"}})
    run_wscat(run, hub.url("/ws/system-health")).wait_line(r"Disconnected \(code: 4001")


def test_wscat_is_told_the_status_of_a_refusal(hub, run):
    run_wscat(run, hub.url("/nothing")).wait_line("Unexpected server response: 404")


# ---- curl -------------------------------------------------------------------------------------------

def told(client):
    """(id, message) of every event that curl has printed."""
    return [(client.lines[at - 1].removeprefix("id: "), json.loads(line.removeprefix("data: ")))
            for at, line in enumerate(client.lines) if line.startswith("data: ")]


def test_curl_reads_events_and_goes_on_behind_the_last(hub, rpc, run):
    url = f"http://127.0.0.1:{hub.port.number}/events"
    first = run("curl", "-sSN", f"{url}?types=job.*")
    first.wait_line("^: connected")
    events = [progress(), progress(), progress()]
    rpc.publish(task(), events[0])
    first.wait_line(events[0]["payload"]["job_id"])
    (ident, message), = told(first)
    assert_standard(message, events[0])
    first.kill()
    rpc.publish(task(), *events[1:])
    second = run("curl", "-sSN", "-H", f"Last-Event-ID: {ident}", f"{url}?types=job.*")
    second.wait_line(events[2]["payload"]["job_id"])
    resumed, *missed = [message for _, message in told(second)]
    assert resumed["type"] == "connection.resumed" and resumed["payload"]["complete"] is True
    for message, event in zip(missed, events[1:], strict=True):
        assert_standard(message, event)


def test_curl_is_told_what_a_websocket_endpoint_wants(hub):
    answer = subprocess.run(["curl", "-sS", "-i", f"http://127.0.0.1:{hub.port.number}/ws/events"],
                            stdout=subprocess.PIPE, check=True, text=True).stdout
    assert answer.startswith("HTTP/1.1 426 ") and "upgrade: websocket" in answer.lower()
    assert json.loads(answer.partition("\n\n")[2])["status"] == 426
