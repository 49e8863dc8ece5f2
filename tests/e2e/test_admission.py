# SPDX-License-Identifier: MIT
"""Who may come in, how many, how fast; and how much they may say."""
import os
import select
import socket
import subprocess
import time

import pytest

from harness.events import progress
from harness.processes import DEADLINE, STALL_S, wait_for
from harness.websocket import CONTINUATION, TEXT, RawWebSocket, frame

REQUEST = (b"GET /ws/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: aG9zdGNhc3QgaXMgdXA/IQ==\r\n\r\n")


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def cpu_share(pid, seconds):
    """Of one core, over that time."""
    before = cpu_ticks(pid)
    time.sleep(seconds)  # what is measured is that nothing happens
    return (cpu_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / seconds


def close_all(clients):
    for client in clients:
        client.close()


def fill(hub, limit=2000):
    """Connects until somebody is refused; returns those who are in, and the refusal."""
    clients = []
    while len(clients) < limit:
        client = hub.raw()
        if client.status != 101:
            return clients, client
        clients.append(client)
    raise AssertionError(f"{limit} clients are in")


def assert_refused(raw, detail):
    assert raw.status == 503
    assert raw.headers["content-type"] == "application/problem+json"
    assert int(raw.headers["retry-after"]) > 0
    assert raw.json["status"] == 503 and detail in raw.json["detail"], raw.json


# ---- descriptors --------------------------------------------------------------------------------

def test_used_up_descriptors_cost_a_refusal_and_nothing_else(new_hub):
    hub = new_hub({"clients": {"max_per_address": "1000"}}, start=False)
    hub.start(prefix=["prlimit", "--nofile=64"])
    pid = hub.process.pid
    clients, refused = fill(hub)
    assert len(clients) >= 20
    assert_refused(refused, "as many clients")
    refused.close()

    # Everybody who comes now is told so at once.
    took = []
    for _ in range(20):
        began = time.monotonic()
        with hub.raw() as surplus:
            assert surplus.status == 503
            assert int(surplus.headers["retry-after"]) > 0
        took.append(time.monotonic() - began)
    assert sorted(took)[10] < 0.5 and max(took) < STALL_S

    # Also when many do not even say anything, and more than fit: nothing spins, nothing floods.
    lines = hub.process.output.count("\n")
    idle = [socket.create_connection(("127.0.0.1", hub.port.number)) for _ in range(100)]
    began = time.monotonic()
    assert cpu_share(pid, 2.5) <= 0.1
    assert hub.process.output.count("\n") - lines <= 10 * (time.monotonic() - began)

    # The other ways in are open.
    with hub.rpc() as rpc:
        event = progress()
        rpc.publish(event)
        assert rpc.call("status")["clients"] == len(clients)
        text = clients[0].read_frame()[1]
        assert event["payload"]["job_id"].encode() in text
    assert len(os.listdir(f"/proc/{pid}/fd")) < 64

    # And when they leave there is room again.
    close_all(idle)
    close_all(clients)

    def let_in():
        with hub.raw() as client:
            return client.status == 101
    wait_for(let_in, "a client let in again")


def test_silent_connections_lock_nobody_out(new_hub):
    hub = new_hub({"clients": {"max": "12", "max_per_address": "1000", "accept_rate": "0"}})
    idle = [socket.create_connection(("127.0.0.1", hub.port.number)) for _ in range(12)]
    for connection in idle:
        connection.sendall(b"GET /ws/events HTTP/1.1\r\n")  # and nothing more
    began = time.monotonic()
    clients = [hub.raw() for _ in range(6)]
    assert [client.status for client in clients] == [101] * 6
    assert time.monotonic() - began < 5 + STALL_S  # the silent ones are given up after 10 s
    close_all(idle)
    close_all(clients)


def test_turned_away_ones_get_a_status_too(new_hub):
    """More at once than there are places for those who are refused by a handshake."""
    hub = new_hub({"clients": {"max": "1", "accept_rate": "0"}})
    with hub.raw():
        waiting = [socket.create_connection(("127.0.0.1", hub.port.number)) for _ in range(120)]
        for connection in waiting:
            connection.sendall(REQUEST)
        for connection in waiting:
            connection.settimeout(DEADLINE)
            assert connection.recv(4096).startswith(b"HTTP/1.1 503 ")
    close_all(waiting)


# ---- limits -------------------------------------------------------------------------------------

def test_there_are_no_more_clients_than_max(new_hub):
    hub = new_hub({"clients": {"max": "3", "max_per_address": "3"}})
    clients, refused = fill(hub)
    assert len(clients) == 3
    assert_refused(refused, "as many clients")
    assert "[clients] max" in hub.process.output
    clients.pop().close()
    wait_for(lambda: hub.raw().status == 101, "a place that is free again")
    close_all(clients)


def test_one_address_has_its_share_and_others_theirs(new_hub):
    hub = new_hub({"clients": {"max_per_address": "2"}})
    clients, refused = fill(hub)
    assert len(clients) == 2
    assert_refused(refused, "from your address")
    # Somebody else through Apache, by the last address that it wrote; then the same once more.
    for address, statuses in (("10.0.0.1", [101, 101, 503]), ("6.6.6.6, 10.0.0.1", [503]),
                              ("10.0.0.1, 10.0.0.2", [101, 101, 503]),
                              ("2001:db8::1", [101]), ("2001:db8::2", [101]),
                              ("2001:db8::3", [503])):
        for status in statuses:
            client = through_web_socket(hub, address)
            assert client.status == status, address
            clients.append(client)
    close_all(clients)


class WebSocketAtUnix(RawWebSocket):
    def connect(self, host, port, timeout):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(str(port))
        return connection


def through_web_socket(hub, address):
    return WebSocketAtUnix(hub.web_socket, host="localhost",
                           headers=[f"X-Forwarded-For: {address}"])


def addresses(hub):
    with hub.rpc() as rpc:
        return sorted(client["address"] for client in rpc.call("connections")["connections"])


def test_a_forged_address_is_believed_only_from_who_is_trusted(new_hub):
    forged = ["X-Forwarded-For: 6.6.6.6"]
    for trusted, peer in (("", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"),
                          ("127.0.0.0/8 ::1", "6.6.6.6")):
        hub = new_hub({"clients": {"trusted_proxies": trusted}})
        with hub.raw(headers=forged) as client, through_web_socket(hub, "7.7.7.7"):
            assert client.status == 101
            assert addresses(hub) == sorted([peer, "7.7.7.7"]), trusted


def test_new_clients_come_at_the_rate_that_is_set(new_hub):
    hub = new_hub({"clients": {"accept_rate": "50"}})
    began = time.monotonic()
    waiting = [socket.create_connection(("127.0.0.1", hub.port.number)) for _ in range(80)]
    for connection in waiting:
        connection.sendall(REQUEST)
    opened = []
    while len(opened) < len(waiting):
        ready, _, _ = select.select([c for c in waiting if c not in opened], [], [], DEADLINE)
        assert ready, "no more are let in"
        for connection in ready:
            assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
        opened += ready
    # 6 at once, 74 at 50 a second
    assert 1.3 <= time.monotonic() - began <= 2.2 + STALL_S
    close_all(waiting)


def test_it_listens_where_it_is_told_to_and_nowhere_else(new_hub):
    for address, wanted in (("127.0.0.1", "0100007F"), ("127.0.0.2", "0200007F"),
                            ("::1", "00000000000000000000000001000000")):
        hub = new_hub({"hub": {"listen": address}})
        inodes = set()
        for name in os.listdir(f"/proc/{hub.process.pid}/fd"):
            try:
                target = os.readlink(f"/proc/{hub.process.pid}/fd/{name}")
            except FileNotFoundError:
                continue  # a file that was open for a moment only
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        listening = []
        for table in ("tcp", "tcp6"):
            with open(f"/proc/net/{table}") as file:
                for line in file.readlines()[1:]:
                    fields = line.split()
                    if fields[3] == "0A" and fields[9] in inodes:
                        listening.append(fields[1])
        assert listening == [f"{wanted}:{hub.port.number:04X}"]


# ---- what they say ------------------------------------------------------------------------------

def test_who_says_too_much_is_closed_and_the_others_are_not(new_hub):
    hub = new_hub({"clients": {"message_rate": "10"}})
    with hub.client() as other, hub.raw() as chatty:
        chatty.send(frame(TEXT, b'{"type":"ping"}') * 21)  # at once, however slow we are
        assert chatty.wait_close() == 4029
        assert other.ask({"type": "ping"}) == {"type": "pong"}


def test_who_keeps_to_the_rate_stays(new_hub):
    hub = new_hub({"clients": {"message_rate": "100"}})
    with hub.client() as client:
        for _ in range(150):
            assert client.ask({"type": "ping"}) == {"type": "pong"}


@pytest.mark.parametrize("size", [0, 1, 700])
def test_a_message_in_too_many_pieces_is_refused(new_hub, size):
    hub = new_hub({"clients": {"fragments_max": "16", "message_rate": "0"}})
    with hub.raw() as client:
        message = b'{"type":"ping"}'.ljust(15 + 15 * size)
        client.send(frame(TEXT, message[:15], fin=False))
        for at in range(14):
            client.send(frame(CONTINUATION, message[15 + at * size:][:size], fin=False))
        client.send(frame(CONTINUATION, message[15 + 14 * size:]))
        assert client.read_frame()[1] == b'{"type":"pong"}'
        client.send(frame(TEXT, b" ", fin=False))
        for _ in range(16):
            client.send(frame(CONTINUATION, b" " * max(size, 1), fin=False))
        assert client.wait_close() == 1008


def test_one_user_has_its_share_and_others_theirs(new_hub):
    hub = new_hub({"clients": {"max_per_user": "2"}})
    ann, ben = (hub.token(subscribe=["*"], subject=name) for name in ("ann", "ben"))

    def connect(token):
        return hub.client(headers={"Authorization": f"Bearer {token}"})

    with connect(ann) as first, connect(ann), connect(ben), hub.client() as nobody:
        with connect(ann) as third:
            assert third.wait_closed()[0] == 4053
        nobody.send({"action": "authenticate", "token": ann})
        assert nobody.wait_closed()[0] == 4053
        # Another token of who is in is no client more.
        again = first.ask({"action": "authenticate", "token": hub.token(subject="ann")})
        assert again["action"] == "authenticated"
        first.close()

        def let_in():
            with connect(ann) as client:
                client.send({"type": "ping"})
                try:
                    return client.until_type("pong")
                except AssertionError:
                    return None
        wait_for(let_in, "the place of the one who left")


def test_many_that_do_not_read_are_closed_without_a_line_for_each(new_hub):
    hub = new_hub({"clients": {"send_buffer": "4K", "stall_timeout": "300ms"}})
    clients = [hub.raw() for _ in range(20)]
    for client in clients:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    with hub.rpc() as rpc:
        def all_are_gone():
            batch = [progress() for _ in range(32)]
            for event in batch:
                event["payload"]["more"] = "x" * 10000
            rpc.publish(*batch)
            return rpc.call("status")["clients"] == 0
        began = time.monotonic()
        wait_for(all_are_gone, "the stalled clients closed")
        took = time.monotonic() - began
    close_all(clients)
    assert 1 <= hub.process.output.count("has read nothing") <= 1 + took  # one a second
