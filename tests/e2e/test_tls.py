# SPDX-License-Identifier: MIT
"""TLS in the hub itself: the same clients, the same events."""
import os
import socket
import ssl
import subprocess

import pytest

from harness.events import is_for_job, jobs, progress
from harness.processes import DEADLINE, SANITIZED, STALL_S, wait_for
from harness.rest import UNVERIFIED
from harness.websocket import TEXT, frame

REQUEST = (b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: aG9zdGNhc3QgaXMgdXA/IQ==\r\n\r\n")


@pytest.fixture
def new_tls_hub(new_hub):
    def make(extra=None):
        hub = new_hub(start=False)
        hub.make_certificate()
        hub.configure({**(extra or {}), "tls": hub.tls_options()})
        return hub.start()
    return make


def dial(hub, path=b"/ws/events", context=UNVERIFIED):
    plain = socket.create_connection(("127.0.0.1", hub.tls_port.number), DEADLINE)
    wrapped = context.wrap_socket(plain)
    if path:
        wrapped.sendall(REQUEST % path)
    return wrapped


def test_clients_with_and_without_tls_get_the_same(new_tls_hub):
    hub = new_tls_hub()
    with hub.rpc() as rpc, hub.client() as plain, hub.tls_client() as encrypted:
        sent = [progress() for _ in range(200)]
        for event in sent:
            event["payload"]["more"] = "x" * 2000
        for at in range(0, len(sent), 50):
            rpc.publish(*sent[at:at + 50])
        last = is_for_job(sent[-1]["payload"]["job_id"])
        seen = plain.until(last)
        assert encrypted.until(last) == seen
        assert jobs(seen) == [event["payload"]["job_id"] for event in sent]
        assert encrypted.ask({"type": "ping"}) == {"type": "pong"}


def test_a_refusal_is_the_same_too(new_tls_hub):
    hub = new_tls_hub({"clients": {"max": "1"}})
    with dial(hub) as first:
        assert first.recv(4096).startswith(b"HTTP/1.1 101 ")
        with dial(hub) as second:
            answer = second.recv(4096)
            assert answer.startswith(b"HTTP/1.1 503 ") and b"problem+json" in answer


def test_nothing_but_tls_is_spoken_there(new_tls_hub):
    hub = new_tls_hub()
    with socket.create_connection(("127.0.0.1", hub.tls_port.number), DEADLINE) as plain:
        plain.sendall(REQUEST % b"/ws/events")
        try:
            assert not plain.recv(4096).startswith(b"HTTP/")
        except ConnectionResetError:
            pass


def test_only_http_1_1_is_offered_and_only_modern_versions(new_tls_hub):
    hub = new_tls_hub()
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with dial(hub, context=context) as client:
        assert client.selected_alpn_protocol() == "http/1.1"
        assert client.version() == "TLSv1.3"
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
    # openssl is asked, as Python's own refuses to speak the old ones
    for version, good in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True),
                          ("-tls1_3", True)):
        run = subprocess.run(["openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0",
                              "-connect", f"127.0.0.1:{hub.tls_port.number}"],
                             input="", capture_output=True, text=True, timeout=DEADLINE)
        assert (run.returncode == 0) == good, (version, run.stderr)


def test_a_client_that_does_not_read_is_closed_and_the_others_go_on(new_tls_hub):
    hub = new_tls_hub({"clients": {"send_buffer": "4K", "stall_timeout": f"{STALL_S}s"}})
    with hub.rpc() as rpc, hub.tls_client() as healthy, dial(hub) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        assert stalled.recv(4096).startswith(b"HTTP/1.1 101 ")
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


def test_many_messages_in_one_record_are_all_answered_and_hold_nobody_up(new_tls_hub):
    """The library goes round in circles if its reading is stopped while TLS has more."""
    hub = new_tls_hub({"clients": {"message_rate": "0"}})
    with hub.tls_client() as other, dial(hub) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
        client.sendall(frame(TEXT, b'{"type":"ping"}') * 500)
        answers = b""
        while answers.count(b'{"type":"pong"}') < 500:
            answers += client.recv(65536)
        client.sendall(frame(TEXT, b'{"type":"ping"}') * 500)
        client.close()
        assert other.ask({"type": "ping"}) == {"type": "pong"}


def test_an_idle_client_costs_little_memory(new_tls_hub):
    if SANITIZED:
        pytest.skip("sanitizers take memory of their own")
    hub = new_tls_hub({"clients": {"accept_rate": "0"}})
    pid = hub.process.pid

    def resident():
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def connect(number):
        clients = [dial(hub) for _ in range(number)]
        for client in clients:
            assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
        return clients
    clients = connect(50)
    before = resident()
    clients += connect(400)
    full = resident()
    assert (full - before) / 400 <= 22 * 1024
    for client in clients:
        client.close()
    wait_for(lambda: resident() < before + (full - before) / 4, "the memory given back")


def test_connections_that_are_cut_in_their_handshake_cost_nothing(new_tls_hub):
    hub = new_tls_hub()
    for size in (1, 5, 6, 100):
        with socket.create_connection(("127.0.0.1", hub.tls_port.number), DEADLINE) as cut:
            cut.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".ljust(200, b"\0")[:size])
    hello = ssl.MemoryBIO()
    half = UNVERIFIED.wrap_bio(ssl.MemoryBIO(), hello)
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    with socket.create_connection(("127.0.0.1", hub.tls_port.number), DEADLINE) as cut:
        cut.sendall(hello.read())
        assert cut.recv(16)
    with hub.rpc() as rpc, dial(hub) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
        assert rpc.call("status")["clients"] == 1
    assert len(os.listdir(f"/proc/{hub.process.pid}/fd")) < 40


@pytest.mark.parametrize("change, told", [
    ({"certificate": ""}, "[tls] certificate"),
    ({"key": ""}, "[tls] key"),
    ({"certificate": "/nowhere"}, "/nowhere"),
])
def test_a_start_without_what_it_needs_says_so(new_hub, change, told):
    hub = new_hub(start=False)
    hub.make_certificate()
    hub.configure({"tls": {**hub.tls_options(), **change}})
    process = hub.spawn()
    assert process.wait() != 0
    assert told in process.output
    process.kill()
