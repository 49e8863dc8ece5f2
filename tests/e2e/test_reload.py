# SPDX-License-Identifier: MIT
"""SIGHUP: a configuration is taken over as a whole, or not at all; nobody is disconnected."""
import signal
import socket
import ssl

import pytest

from harness.events import jobs, is_for_job, progress
from harness.processes import DEADLINE, wait_for
from harness.rest import UNVERIFIED
from harness.websocket import TEXT, frame


def reload(hub, outcome):
    """HUP; waits for what the hub says then."""
    start = len(hub.process.output.splitlines())
    hub.process.signal(signal.SIGHUP)
    hub.process.wait_line(outcome, start=start)
    return "\n".join(hub.process.output.splitlines()[start:])


def shown_certificate(hub):
    """What a new connection is shown."""
    plain = socket.create_connection(("127.0.0.1", hub.tls_port.number), DEADLINE)
    with UNVERIFIED.wrap_socket(plain) as connection:
        return ssl.DER_cert_to_PEM_cert(connection.getpeercert(True))


def test_options_are_taken_over_at_once_and_nobody_is_disconnected(new_hub):
    hub = new_hub({"clients": {"max": "10", "patterns_max": "1", "heartbeat": "30s"}})
    with hub.client() as client, hub.rpc() as rpc:
        two = {"action": "subscribe", "events": ["job.*", "task.*"]}
        assert client.ask(two)["type"] == "error"
        hub.configure({"clients": {"max": "1", "patterns_max": "2", "heartbeat": "200ms",
                                   "message_max": "1K"}})
        assert "restart" not in reload(hub, "reloaded")
        assert client.ask(two)["action"] == "subscribed"
        client.until_type("ping")  # the heartbeat, no longer after 30 s
        with hub.raw() as surplus:
            assert surplus.status == 503
        event = progress()
        rpc.publish(event)
        client.until(is_for_job(event["payload"]["job_id"]))
        client.send({"type": "ping", "more": "x" * 2000})
        assert client.wait_closed()[0] == 1009


def test_what_needs_a_restart_is_named_and_stays(new_hub):
    hub = new_hub()
    with hub.client() as client:
        hub.configure({"hub": {"prefix": "/latest", "ring_bytes": "1M"},
                       "log": {"path": hub.run / "other.db"}, "mounts": {"bpf": "off"}})
        said = reload(hub, "only a restart changes")
        for name in ("[hub] prefix", "[hub] ring_bytes", "[log] path"):
            assert name in said, said
        assert "[mounts]" not in said
        assert len([line for line in said.splitlines() if "restart" in line]) == 1
        assert client.ask({"type": "ping"}) == {"type": "pong"}
    with hub.client() as client, hub.rpc() as rpc:
        event = progress()
        rpc.publish(event)
        assert jobs([client.receive()]) == [event["payload"]["job_id"]]
    assert not (hub.run / "other.db").exists()


def test_endpoints_come_change_and_go(new_hub):
    hub = new_hub({"endpoint /ws/old": {"events": "job.*"}})
    with hub.client("/ws/old") as old, hub.client("/ws/tasks") as tasks, \
            hub.client("/ws/detection") as closed, hub.rpc() as rpc:
        hub.configure({"endpoint /ws/new": {"events": "job.*", "envelope": "data"},
                       "endpoint /ws/tasks": {"events": "job.*"},
                       "endpoint /ws/detection": {"auth": "token"}})
        reload(hub, "reloaded")
        assert old.wait_closed()[0] == 4500
        assert closed.wait_closed()[0] == 4001
        with hub.client("/ws/new") as new:
            event = progress()
            rpc.publish(event)
            assert tasks.receive()["job_id"] == event["payload"]["job_id"]
            assert new.receive()["data"] == event["payload"]
        with hub.raw("/ws/old") as nobody:
            assert nobody.status == 101  # a user of that name, who has not shown a token yet


BROKEN = [  # what the file has, and what the error must name
    ("[hub]\nprot = 1\n", ":2: [hub] prot"),
    ("[hub]\n\nport = many\n", ":3: [hub] port"),
    ("[hub]\nport = 65536\n", ":2: [hub] port"),
    ("[hub]\nport = 1\nport = 2\n", ":3: [hub] port"),
    ("[hubb]\nport = 1\n", ":2: [hubb]"),
    ("port = 1\n", ":1: "),
    ("[clients]\nmax = -1\n", ":2: [clients] max"),
    ("[clients]\nmax = 1 000\n", ":2: [clients] max"),
    ("[clients]\nheartbeat = 30x\n", ":2: [clients] heartbeat"),
    ("[clients]\nheartbeat =\n", ":2: [clients] heartbeat"),
    ("[clients]\nmessage_max = 2G\n", ":2: [clients] message_max"),
    ("[clients]\ntrusted_proxies = 10.0.0.0/33\n", ":2: [clients] trusted_proxies"),
    ("[clients]\ntrusted_proxies = localhost\n", ":2: [clients] trusted_proxies"),
    ("[clients]\norigins = nonsense\n", ":2: [clients] origins"),
    ("[clients]\nfragments_max = 0\n", ":2: [clients] fragments_max"),
    ("[tls]\nport = x\n", ":2: [tls] port"),
    ("[tls]\ncertificate = relative\n", ":2: [tls] certificate"),
    ("[log]\ndurability = maybe\n", ":2: [log] durability"),
    ("[hostcast]\nlog_level = loud\n", ":2: [hostcast] log_level"),
    ("[auth]\nkey_file = /nonexistent/key\n", "/nonexistent/key"),
    ("[auth]\npublish = perhaps\n", ":2: [auth] publish"),
    ("[endpoint ws]\nauth = open\n", ":1: [endpoint ws]"),
    ("[endpoint /ws/x]\nauth = strange\n", ":2: "),
    ("[hub\nport = 1\n", ":1: "),
    ("[hub]\nport\n", ":2: "),
    ("[hub]\nport = 1\n  2\n", ":3: "),
    ("[hub]\n" + "x" * 5000, ":2: "),
    ("\0", ":1: "),
    ("[clients]\nheartbeat = 1s\nnonsense = 1\n", ":3: [clients] nonsense"),
]


@pytest.fixture(scope="module")
def steady(hub):
    """One hub and one client that outlive every broken file."""
    with hub.client() as client:
        yield hub, client


@pytest.mark.parametrize("text, named", BROKEN, ids=[named for _, named in BROKEN])
def test_a_broken_file_changes_nothing(steady, text, named):
    hub, client = steady
    good = hub.config.read_bytes()
    try:
        hub.config.write_text(text)
        said = reload(hub, "everything stays as it is")
    finally:
        hub.config.write_bytes(good)
    assert named in said, said
    assert len(said.splitlines()) == 1
    assert client.ask({"type": "ping"}) == {"type": "pong"}


def test_a_file_that_is_gone_changes_nothing(steady):
    hub, client = steady
    away = hub.config.rename(hub.config.with_suffix(".away"))
    try:
        assert str(hub.config) in reload(hub, "everything stays as it is")
    finally:
        away.rename(hub.config)
    assert client.ask({"type": "ping"}) == {"type": "pong"}
    reload(hub, "reloaded")


def test_new_connections_see_the_new_certificate_and_old_ones_go_on(new_hub):
    hub = new_hub(start=False)
    hub.make_certificate("first")
    hub.configure({"tls": hub.tls_options()})
    hub.start()
    with hub.tls_client() as old:
        first = shown_certificate(hub)
        assert shown_certificate(hub) == first
        hub.make_certificate("second", key="rsa:2048")
        assert shown_certificate(hub) == first  # nobody asked for it yet
        reload(hub, "reloaded")
        second = shown_certificate(hub)
        assert second != first
        assert old.ask({"type": "ping"}) == {"type": "pong"}

        # One that is broken, or whose key anybody may read, is refused with everything else.
        for damage in (lambda: (hub.run / "tls.key").write_text("nonsense"),
                       lambda: (hub.run / "tls.crt").unlink(),
                       lambda: hub.make_certificate("open") or (hub.run / "tls.key").chmod(0o644)):
            damage()
            assert "[tls]" in reload(hub, "everything stays as it is")
            assert shown_certificate(hub) == second
        assert old.ask({"type": "ping"}) == {"type": "pong"}
        with hub.tls_client() as young:
            assert young.ask({"type": "ping"}) == {"type": "pong"}

        # Nor does one that has expired take the place of one that has not.
        hub.make_certificate("late")
        hub.expire_certificate()
        assert "has expired" in reload(hub, "everything stays as it is")
        assert shown_certificate(hub) == second


def test_a_certificate_that_has_expired_is_shown_while_there_is_no_better_one(new_hub):
    hub = new_hub(start=False)
    hub.make_certificate("late")
    hub.expire_certificate()
    hub.configure({"tls": hub.tls_options()})
    hub.start()
    assert "has expired: clients will refuse it" in hub.process.output
    assert "has expired" in reload(hub, "reloaded")
    expired = shown_certificate(hub)
    hub.make_certificate("good")
    assert "has expired" not in reload(hub, "reloaded")
    assert shown_certificate(hub) != expired


def test_tls_goes_on_until_the_restart_that_ends_it(new_hub):
    hub = new_hub(start=False)
    hub.make_certificate("first")
    hub.configure({"tls": hub.tls_options()})
    hub.start()
    certificate = shown_certificate(hub)
    hub.configure({})
    assert "[tls] listen" in reload(hub, "only a restart changes")
    assert shown_certificate(hub) == certificate


def test_with_one_bad_file_nothing_else_is_taken_over_either(new_hub):
    hub = new_hub(start=False)
    hub.make_certificate()
    tls = hub.tls_options()
    hub.configure({"tls": tls, "clients": {"patterns_max": "1"}})
    hub.start()
    two = {"action": "subscribe", "events": ["job.*", "task.*"]}
    (hub.run / "bad").write_text("short")
    (hub.run / "bad").chmod(0o600)
    with hub.client() as client, hub.rpc() as rpc:
        for bad in ({"tls": {**tls, "key": hub.run / "bad"}}, {"auth": {"key_file": hub.run / "bad"}},
                    {"tls": {**tls, "certificate": hub.run / "bad"}}):
            hub.configure({"tls": tls, **bad, "clients": {"patterns_max": "2"},
                           "endpoint /ws/new": {"events": "job.*"}})
            assert str(hub.run / "bad") in reload(hub, "everything stays as it is")
            assert client.ask(two)["type"] == "error"
            assert "/ws/new" not in str(rpc.call("status")["endpoints"])
        hub.configure({"tls": tls, "clients": {"patterns_max": "2"}})
        reload(hub, "reloaded")
        assert client.ask(two)["action"] == "subscribed"


def test_a_certificate_that_only_a_restart_will_show_is_checked_all_the_same(new_hub):
    hub = new_hub()
    hub.configure({"tls": hub.tls_options()})
    assert str(hub.run / "tls.crt") in reload(hub, "everything stays as it is")
    hub.make_certificate()
    assert "[tls] listen" in reload(hub, "only a restart changes")


def test_a_key_of_tokens_is_replaced(new_hub):
    hub = new_hub({"endpoint /ws/mine": {"auth": "token"}})

    def status(token):
        with hub.raw("/ws/mine", headers=[f"Authorization: Bearer {token}"]) as client:
            if client.status != 101:
                return client.status
            client.send(frame(TEXT, b'{"type":"ping"}'))
            return 101 if client.read_frame() == (TEXT, b'{"type":"pong"}') else "closed"
    before = hub.token()
    assert status(before) == 101
    hub.key.write_text("k" * 64)
    reload(hub, "reloaded")
    assert status(before) != 101
    assert status(hub.token()) == 101


def test_reloads_in_a_row_leave_nothing_behind(new_hub):
    hub = new_hub(start=False)
    hub.make_certificate()
    hub.configure({"tls": hub.tls_options()})
    hub.start()
    with hub.client() as client:
        for _ in range(20):
            reload(hub, "reloaded")
        assert client.ask({"type": "ping"}) == {"type": "pong"}
    wait_for(lambda: hub.process.output.count("reloaded") >= 20, "all reloads")
