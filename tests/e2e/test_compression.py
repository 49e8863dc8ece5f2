# SPDX-License-Identifier: MIT
"""permessage-deflate: who gets deflated frames, what they cost, and what may not come in by it."""
import json
import os
import zlib

import pytest

from harness.events import progress
from harness.processes import SANITIZED
from harness.websocket import CONTINUATION, PING, PONG, TEXT, RawWebSocket, frame

MESSAGE_MAX = 65536
HUB = {"clients": {"compression": "on", "compression_min": "512", "message_rate": "0"}}
OFFER = "Sec-WebSocket-Extensions: permessage-deflate"
RSV1 = 4


def deflate(text):
    """As a client does it: RFC 7692 section 7.2.1."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = stream.compress(text.encode()) + stream.flush(zlib.Z_SYNC_FLUSH)
    return data.removesuffix(b"\0\0\xff\xff")


def inflate(payload):
    return zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff").decode()


@pytest.fixture
def client(hub):
    with hub.raw(headers=[OFFER]) as client:
        yield client


def big(size=3000):
    event = progress()
    event["payload"]["step"] = "all work and no play " * (size // 21)
    return event


def next_text(client):
    opcode, payload = client.read_frame()
    assert opcode == TEXT
    return payload


# ---- what goes out ------------------------------------------------------------------------------

def test_frames_are_deflated_from_a_length_on_and_stand_alone(rpc, client):
    for event, rsv in ((progress(), 0), (big(), RSV1), (big(60000), RSV1), (progress(), 0)):
        rpc.publish(event)
        payload = next_text(client)
        assert client.rsv == rsv
        text = inflate(payload) if rsv else payload.decode()  # with a new window each
        assert json.loads(text)["payload"] == event["payload"]
        assert not rsv or len(payload) < len(text) / 5


def test_both_kinds_of_clients_get_the_same(hub, rpc):
    with hub.client() as deflated, hub.client(compression=None) as plain:
        rpc.publish(*[event for _ in range(20) for event in (progress(), big())])
        seen = [deflated.receive() for _ in range(40)]
        assert seen == [plain.receive() for _ in range(40)]


def test_events_from_the_log_are_deflated_too(new_hub):
    hub = new_hub({"clients": {"compression": "on"}, "hub": {"ring_bytes": "1M"}})
    with hub.rpc() as rpc:
        epoch = rpc.publish(big())["epoch"]
        for _ in range(20):  # more than the ring holds
            rpc.publish(*[big(60000)] * 2)
    with hub.raw(f"/ws/events?since={epoch}-0", headers=[OFFER]) as client:
        assert json.loads(next_text(client))["payload"]["complete"] is True
        for sequence in range(1, 42):
            payload = next_text(client)
            assert client.rsv == RSV1
            assert json.loads(inflate(payload))["sequence"] == sequence


@pytest.mark.parametrize("offer, answer", [
    ("permessage-deflate", True),
    ("permessage-deflate; client_max_window_bits", True),
    ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", True),
    ("permessage-deflate; client_max_window_bits=10, permessage-deflate", True),
    ("permessage-deflate; server_max_window_bits=10", False),
    ("permessage-deflate; server_max_window_bits=10, permessage-deflate", False),
    ("permessage-deflate, permessage-deflate; client_max_window_bits", False),
    ("permessage-deflate; nonsense", False),
    ("x-webkit-deflate-frame", False),
])
def test_an_offer_that_cannot_be_kept_is_declined_and_the_client_lives(hub, rpc, offer, answer):
    with hub.raw(headers=[f"Sec-WebSocket-Extensions: {offer}"]) as client:
        assert client.status == 101
        assert client.headers.get("sec-websocket-extensions") == (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            if answer else None)
        rpc.publish(big())
        next_text(client)
        assert client.rsv == (RSV1 if answer else 0)


def test_it_is_off_unless_asked_for(new_hub):
    hub = new_hub()
    with hub.raw(headers=[OFFER]) as client:
        assert "sec-websocket-extensions" not in client.headers
        client.send(frame(TEXT, deflate('{"type":"ping"}'), rsv=RSV1))
        assert client.wait_close() in (1002, None)


# ---- what comes in ------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [10, 200, 511, 512, 513, 5000, MESSAGE_MAX - 100])
def test_deflated_messages_are_read(client, size):
    text = json.dumps({"action": "subscribe", "events": ["job.*"],
                       "pad": os.urandom(size)[:size // 4].hex() + "x" * (size // 2)})
    client.send(frame(TEXT, deflate(text), rsv=RSV1))
    assert json.loads(next_text(client)) == {"action": "subscribed", "events": ["job.*"]}


def test_fragments_pings_and_plain_messages_go_between(client):
    payload = deflate('{"type":"ping"}')
    client.send(frame(TEXT, payload[:4], fin=False, rsv=RSV1) + frame(PING, b"?")
                + frame(CONTINUATION, payload[4:8], fin=False) + frame(CONTINUATION, payload[8:])
                + frame(TEXT, b'{"type":"ping"}'))
    got = [client.read_frame() for _ in range(3)]
    assert got.count((TEXT, b'{"type":"pong"}')) == 2
    assert (PONG, b"?") in got


@pytest.mark.parametrize("sent, code", [
    (lambda: frame(TEXT, b"\xff\xff\xff\xff", rsv=RSV1), 1007),
    (lambda: frame(TEXT, deflate("x" * 1000)[:-3], rsv=RSV1), 1007),
    (lambda: frame(TEXT, zlib.compress(b"\xff\xfe\xfd" * 50, wbits=-15) + b"\0", rsv=RSV1), 1007),
    (lambda: frame(TEXT, deflate(" ")[:1], fin=False, rsv=RSV1)
     + frame(CONTINUATION, deflate(" ")[1:], rsv=RSV1), 1002),
    (lambda: frame(TEXT, deflate("x" * (MESSAGE_MAX + 1)), rsv=RSV1), 1009),
    (lambda: frame(TEXT, deflate("\0" * (1 << 20)), rsv=RSV1), 1009),
    (lambda: frame(TEXT, b"{}", rsv=2), 1002),
])
def test_what_is_wrong_is_refused(client, sent, code):
    client.send(sent())
    assert client.wait_close() in ((code, None) if code == 1002 else (code,))


def resident_kb(hub):
    with open(f"/proc/{hub.process.pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss_Anon:"))


def test_bombs_take_no_memory(hub):
    bomb = frame(TEXT, deflate("\0" * (64 << 20)), rsv=RSV1)
    assert len(bomb) <= MESSAGE_MAX + 14
    before = resident_kb(hub)
    clients = [hub.raw(headers=[OFFER]) for _ in range(20)]
    for client in clients:
        client.send(bomb)
    assert [client.wait_close() for client in clients] == [1009] * 20
    assert SANITIZED or resident_kb(hub) - before <= 4096  # a sanitizer keeps what is freed
    for client in clients:
        client.close()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is its own")
def test_an_idle_client_costs_no_more_than_a_plain_one(new_hub):
    """Each has said and heard something deflated: that is when windows are allocated."""
    def cost(offer):
        hub = new_hub({"clients": {"compression": "on"}})
        with hub.rpc() as rpc:
            before = resident_kb(hub)
            clients = [hub.raw(headers=[OFFER] if offer else []) for _ in range(200)]
            payload = deflate('{"type":"ping"}') if offer else b'{"type":"ping"}'
            for client in clients:
                client.send(frame(TEXT, payload, rsv=RSV1 if offer else 0))
                assert next_text(client) == b'{"type":"pong"}'
            rpc.publish(big())
            for client in clients:
                next_text(client)
            after = resident_kb(hub)
        for client in clients:
            client.close()
        return (after - before) / 200

    plain, deflated = cost(False), cost(True)
    print(f"KiB a client: {plain:.1f} plain, {deflated:.1f} deflated")
    assert deflated <= plain + 2
