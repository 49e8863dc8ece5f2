# SPDX-License-Identifier: MIT
"""Sockets that a service manager holds open: nobody is refused while the hub is away."""
import contextlib
import re
import signal
import socket
import threading

import pytest

from harness.events import is_for_job, progress
from harness.processes import DEADLINE, REPO
from harness.rpc import Rpc

REQUEST = (b"GET /ws/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: aG9zdGNhc3QgaXMgdXA/IQ==\r\n\r\n")


def listen(address):
    """As systemd does: blocking, and known by nothing but its address."""
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(address)
    made.listen(4096)
    return made


@pytest.fixture
def held(new_hub):
    """A hub that is not started, and the sockets it has."""
    hub = new_hub(start=False)
    with contextlib.ExitStack() as stack:
        yield hub, [stack.enter_context(listen(address)) for address in (
            str(hub.socket), str(hub.web_socket), ("127.0.0.1", hub.port.number))]


def ask(family, address):
    """A client whose request is on its way."""
    client = socket.socket(family, socket.SOCK_STREAM)
    client.settimeout(DEADLINE)
    client.connect(address)
    client.sendall(REQUEST)
    return client


def status(client):
    with client, client.makefile("rb") as file:
        return int(file.readline().split()[1])


def test_who_connects_while_it_is_away_is_served_when_it_is_there(held):
    hub, sockets = held
    for how in (None, hub.stop, hub.kill):
        if how:
            how()
        plain = ask(socket.AF_INET, ("127.0.0.1", hub.port.number))
        proxied = ask(socket.AF_UNIX, str(hub.web_socket))
        program = Rpc(hub.socket, hello=False)
        event = progress()
        asked = [program.request("hello", role="publisher", version=1),
                 program.request("publish", events=[event])]
        hub.start(sockets=sockets)
        assert status(plain) == 101 and status(proxied) == 101
        assert program.result(asked[0])["epoch"]
        assert program.result(asked[1])["sequences"]
        program.close()
    assert hub.socket.exists() and hub.web_socket.exists(), "they are not the hub's to remove"


def test_a_restart_refuses_nobody(held):
    hub, sockets = held
    hub.start(sockets=sockets)
    done, clients, refused = threading.Event(), [], []

    def come():
        while not done.is_set():
            try:
                clients.append(ask(socket.AF_INET, ("127.0.0.1", hub.port.number)))
                clients.append(ask(socket.AF_UNIX, str(hub.web_socket)))
            except OSError as error:
                refused.append(error)
            done.wait(0.01)
    crowd = threading.Thread(target=come)
    crowd.start()
    with hub.rpc() as rpc:
        rpc.publish(progress())
    hub.stop()
    before = len(clients)
    while len(clients) < before + 10 and not refused:
        done.wait(0.01)
    hub.start(sockets=sockets)
    done.set()
    crowd.join()
    assert not refused
    for client in clients[before:]:
        assert status(client) == 101


def test_clients_are_sent_away_and_come_back_to_the_same_socket(held):
    hub, sockets = held
    hub.start(sockets=sockets)
    with hub.client() as client:
        hub.process.signal(signal.SIGTERM)
        assert client.wait_closed()[0] == 1001
        assert hub.process.wait() == 0
    waiting = ask(socket.AF_INET, ("127.0.0.1", hub.port.number))
    hub.start(sockets=sockets)
    assert status(waiting) == 101


def test_what_is_not_handed_over_it_opens_itself(held):
    hub, (programs, *others) = held
    for other in others:
        other.close()
    hub.web_socket.unlink()
    hub.start(sockets=[programs])
    event = progress()
    with hub.client() as client, hub.client_at_web_socket() as proxied, hub.rpc() as rpc:
        rpc.publish(event)
        for one in (client, proxied):
            one.until(is_for_job(event["payload"]["job_id"]))
    hub.stop()
    assert hub.socket.exists() and not hub.web_socket.exists()


def test_a_socket_that_the_configuration_does_not_have_is_told(held):
    hub, sockets = held
    with listen(("127.0.0.1", 0)) as stray:
        process = hub.spawn(sockets=[*sockets, stray])
        assert process.wait() == 1
        port = stray.getsockname()[1]
    lines = [line for line in process.lines if line.strip()]
    assert len(lines) == 1, process.output
    assert f"127.0.0.1 port {port} " in lines[0] and "ListenStream=" in lines[0]


def test_what_is_no_listening_socket_is_told(held):
    hub, _ = held
    with socket.socket() as idle:
        process = hub.spawn(sockets=[idle])
        assert process.wait() == 1
    assert "descriptor 3 of LISTEN_FDS" in process.output


def test_the_shipped_socket_unit_has_the_addresses_of_the_defaults():
    unit = (REPO / "conf/systemd/hostcast-ws.socket").read_text()
    sample = (REPO / "conf/hostcast.conf").read_text()

    def default(section, key):
        of_section = sample[sample.index(f"\n[{section}]\n"):]
        return re.search(rf"^#?{key} = ?(.*)$", of_section, re.M).group(1)
    wanted = [default("hostcast", "socket"), default("hub", "web_socket"),
              f"{default('hub', 'listen')}:{default('hub', 'port')}"]
    assert default("tls", "listen") == ""
    assert re.findall(r"^ListenStream=(.*)$", unit, re.M) == wanted
