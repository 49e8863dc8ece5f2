# SPDX-License-Identifier: MIT
"""How a client comes in: the places a token can come from, what it grants, how long it is good."""
import datetime
import json
import time
import urllib.parse

import pytest
import websockets

from harness.events import completed, progress, task, unique
from harness.hub import Hub
from harness.tokens import Keyring, Secret, mint as sign, mutants

TIMEOUT_S = 3
HUB = {"auth": {"timeout": f"{TIMEOUT_S}s"}, "clients": {"accept_rate": "0"},
       "endpoint /ws/operators": {"events": "job.* alert.*", "auth": "token"}}

NATIVE = "hostcast.v1"


def mint(hub, subject="ann", **claims):
    return sign(Secret(hub.key.read_bytes().strip()), sub=subject,
                **{"hostcast": None, **claims})


def parse_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def first_message(hub, path, token, **more):
    client = hub.client(path, **more)
    client.send({"action": "authenticate", "token": token})
    return client


PLACES = {
    "authorization": lambda hub, path, token: hub.client(
        path, headers={"Authorization": f"Bearer {token}"}),
    "cookie": lambda hub, path, token: hub.client(
        path, headers={"Cookie": f"theme=dark; hostcast_token={token}; lang=de"}),
    "query": lambda hub, path, token: hub.client(f"{path}?token={token}"),
    "first message": first_message,
}


@pytest.fixture(params=PLACES)
def place(request):
    return PLACES[request.param]


def is_in(client, rpc):
    """Lets an event through, so that whoever is in has got it."""
    event = progress()
    rpc.publish(event)
    client.until(lambda message: message.get("payload") == event["payload"])
    return True


# ---- places -------------------------------------------------------------------------------------

def test_a_good_token_opens_from_every_place(hub, rpc, place):
    with place(hub, "/ws/operators", mint(hub)) as client:
        if place is first_message:
            assert client.receive()["action"] == "authenticated"
        assert is_in(client, rpc)


@pytest.fixture(scope="module")
def keyed():
    """(hub, ring): a hub that has a key of every kind."""
    hub = Hub()
    ring = Keyring()
    hub.configure({**HUB, "auth": {"key_file": ring.write(hub.run)}})
    try:
        yield hub.start(), ring
    finally:
        hub.close()


@pytest.mark.parametrize("algorithm", Keyring())
def test_a_good_token_of_every_algorithm_opens(keyed, place, algorithm):
    hub, ring = keyed
    with place(hub, "/ws/operators", ring.mint(algorithm)) as client:
        client.send({"action": "subscribe", "events": ["job.*"]})  # only for who is in
        client.until(lambda message: message.get("action") == "subscribed")


def refused_with(hub, place, path, token):
    """The code of the close, or the HTTP status where it does not even come to a WebSocket."""
    try:
        client = place(hub, path, token)
    except websockets.InvalidStatusCode as refusal:
        return refusal.status_code
    with client:
        return client.wait_closed()[0]


@pytest.mark.parametrize("path", ["/ws/operators", "/ws/events"])
def test_every_place_refuses_every_wrong_token(keyed, place, path):
    """Also where none is needed: a token that is not good is never taken for none."""
    hub, ring = keyed
    for name, token in mutants(ring):
        if place is PLACES["query"]:
            token = urllib.parse.quote(token)
        code = refused_with(hub, place, path, token)
        assert code == 4001 or (code == 431 and len(token) > 4000), f"{name}: {code}"
    assert "eyJ" not in hub.process.output


def test_an_endpoint_with_a_token_closes_who_sends_none(hub):
    started = time.monotonic()
    with hub.client("/ws/operators") as client, hub.client("/ws/ann") as users:
        assert client.wait_closed() == (4001, "no token came in time")
        assert client.ended_at - started > TIMEOUT_S - 0.1
        assert users.wait_closed() == (4001, "no token came in time")


def test_who_says_anything_else_first_is_closed(hub):
    with hub.client("/ws/operators") as client:
        client.send({"action": "subscribe", "events": ["job.*"]})
        assert client.receive()["payload"]["code"] == "unauthorized"
        assert client.wait_closed()[0] == 4001


def test_who_waits_for_entry_gets_no_event(hub, rpc):
    with hub.client("/ws/operators") as client:
        rpc.publish(progress())
        assert client.ask({"type": "ping"}) == {"type": "pong"}


def test_a_token_in_the_url_can_be_switched_off(new_hub):
    hub = new_hub({"auth": {"query_token": "no"}})
    token = mint(hub)
    with hub.raw(f"/ws/events?token={token}") as client:
        assert client.status == 400
        assert "URL" in client.json["detail"]
    with hub.client("/ws/events", headers={"Authorization": f"Bearer {token}"}) as client:
        assert client.ask({"type": "ping"}) == {"type": "pong"}


def test_an_explicit_token_goes_before_the_cookie(hub, rpc):
    with hub.client("/ws/operators", headers={"Authorization": f"Bearer {mint(hub)}",
                                              "Cookie": "hostcast_token=stale"}) as client:
        assert is_in(client, rpc)


def test_other_authorization_schemes_are_for_others(hub):
    with hub.client("/ws/events", headers={"Authorization": "Basic YTpi"}) as client:
        assert client.ask({"type": "ping"}) == {"type": "pong"}


@pytest.mark.parametrize("value", ["Bearer", "Bearer  ", "bearer"])
def test_a_bearer_of_nothing_is_not_anonymous(hub, value):
    with hub.client("/ws/events", headers={"Authorization": value}) as client:
        assert client.wait_closed()[0] == 4001


BLANKS = [  # that are none of the token's (RFC 9110 section 5.6.3)
    "Authorization: Bearer\t{}", "Authorization: \tBearer \t {}", "Authorization: Bearer {} \t ",
    "Cookie: a=b;\thostcast_token={}", "Cookie: hostcast_token={}\t; a=b",
]


@pytest.mark.parametrize("header", BLANKS)
def test_blanks_around_a_token_are_none_of_it(hub, rpc, header):
    with hub.raw("/ws/operators", headers=[header.format(mint(hub))]) as client:
        event = progress()
        rpc.publish(event)
        assert json.loads(client.read_frame()[1])["payload"] == event["payload"]


@pytest.mark.parametrize("header", [*BLANKS, "Authorization: Bearer x\0{}"])
def test_a_bad_token_among_odd_bytes_is_not_anonymous(hub, header):
    with hub.raw("/ws/events", headers=[header.format("bad")]) as client:
        assert client.wait_close() == 4001


def test_cookies_that_cannot_be_read_are_not_none(hub):
    with hub.raw("/ws/events", headers=["Cookie: a=b\0; hostcast_token=bad"]) as client:
        assert client.status == 400


@pytest.mark.parametrize("query", ["&token=bad", "a=b&&token=bad", ";token=bad", "%74oken=bad"])
def test_a_token_is_found_wherever_it_stands_in_the_url(hub, query):
    with hub.client(f"/ws/events?{query}") as client:
        assert client.wait_closed()[0] == 4001


# ---- tickets ------------------------------------------------------------------------------------

def ticket_of(hub, rpc, **more):
    return rpc.call("ticket", token=mint(hub), **more)["ticket"]


def test_a_ticket_opens_once(hub, rpc):
    protocols = [NATIVE, f"ticket.{ticket_of(hub, rpc)}"]
    with hub.client("/ws/operators", subprotocols=protocols) as client:
        assert client.subprotocol == NATIVE
        assert client.receive()["payload"]["user"] == "ann"
    with hub.client("/ws/operators", subprotocols=protocols) as client:
        assert client.wait_closed()[0] == 4001


def test_a_ticket_is_for_the_page_that_asked_for_it(hub, rpc):
    origin = f"http://127.0.0.1:{hub.port.number}"
    bound = [NATIVE, f"ticket.{ticket_of(hub, rpc, origin=origin)}"]
    with hub.client("/ws/operators", subprotocols=bound, origin=origin) as client:
        assert client.receive()["type"] == "connection.established"
    stolen = [NATIVE, f"ticket.{ticket_of(hub, rpc, origin=origin)}"]
    with hub.client("/ws/operators", subprotocols=stolen) as client:
        assert client.wait_closed()[0] == 4001


def test_a_ticket_alone_is_no_subprotocol(hub, rpc):
    with hub.raw(headers=[f"Sec-WebSocket-Protocol: ticket.{ticket_of(hub, rpc)}"]) as client:
        assert client.status == 400


# ---- rights -------------------------------------------------------------------------------------

def test_a_token_limits_what_is_got(hub, rpc):
    token = mint(hub, hostcast={"subscribe": ["job.progress"]})
    with PLACES["authorization"](hub, "/ws/operators", token) as client:
        wanted = progress()
        rpc.publish(completed(), wanted)
        assert client.receive()["payload"] == wanted["payload"]
        answer = client.ask({"action": "subscribe", "events": ["job.*"]})
        assert answer["action"] == "subscribed"
        rpc.publish(completed(), wanted)
        assert client.receive()["payload"] == wanted["payload"]


def test_a_subscription_that_is_not_granted_is_refused(hub, rpc):
    token = mint(hub, hostcast={"subscribe": ["job.*"]})
    with PLACES["authorization"](hub, "/ws/operators", token) as client:
        answer = client.ask({"action": "subscribe", "events": ["job.progress", "alert.*"]})
        assert answer["payload"]["code"] == "forbidden"
        assert answer["payload"]["pointer"] == "/events/1"
        answer = client.ask({"type": "subscribe", "channel": "alerts"})
        assert answer["payload"]["code"] == "forbidden"
        assert is_in(client, rpc)


def test_a_users_endpoint_is_for_that_user(hub, rpc):
    mine = {**progress(), "to": "ann"}
    with PLACES["authorization"](hub, "/ws/ann", mint(hub)) as client:
        rpc.publish(progress(), {**progress(), "to": "bob"}, mine)
        assert client.receive()["payload"] == mine["payload"]
    with PLACES["authorization"](hub, "/ws/bob", mint(hub)) as client:
        code, reason = client.wait_closed()
        assert code == 4503 and "another user" in reason
    with first_message(hub, "/ws/bob", mint(hub)) as client:
        assert client.wait_closed()[0] == 4503


NAMES = {"a%20b": "a b", "a+b@example.org": "a+b@example.org", "a%2Bb": "a+b", "a;b&c": "a;b&c",
         "%C3%A9": "\u00e9", "a%25b": "a%b", "a%3Fb%23": "a?b#", "u" * 127: "u" * 127}


@pytest.mark.parametrize("written", NAMES)
def test_a_user_may_have_any_name(hub, rpc, written):
    mine = {**progress(), "to": NAMES[written]}
    with PLACES["authorization"](hub, f"/ws/{written}", mint(hub, NAMES[written])) as client:
        rpc.publish(mine)
        assert client.receive()["payload"] == mine["payload"]
    with PLACES["authorization"](hub, f"/ws/{written}x", mint(hub, NAMES[written])) as client:
        assert client.wait_closed()[0] == 4503


def test_a_static_path_is_never_taken_for_a_user(hub, rpc):
    with PLACES["query"](hub, "/ws/system-health", mint(hub, "system-health")) as client:
        rpc.publish({**progress(), "to": "system-health"},
                    {"type": "health_check", "payload": {"status": "healthy"}})
        assert client.until_type("health_check")["data"] == {"status": "healthy"}


def test_events_to_a_user_reach_that_user_elsewhere_too(hub, rpc):
    mine = {**progress(), "to": "ann"}
    with PLACES["authorization"](hub, "/ws/events", mint(hub)) as client, \
            hub.client("/ws/events") as stranger:
        rpc.publish(mine, task())
        assert client.receive()["payload"] == mine["payload"]
        assert stranger.receive()["type"] == "task.update"


def test_a_resume_waits_for_the_token(hub, rpc):
    missed = progress()
    before = rpc.call("status")
    rpc.publish(missed)
    since = f"{before['epoch']}-{before['sequence']}"
    with hub.client(f"/ws/operators?since={since}") as client:
        client.send({"action": "authenticate", "token": mint(hub)})
        assert client.receive()["action"] == "authenticated"
        assert client.receive()["payload"]["complete"] is True
        assert client.until(lambda message: message.get("payload") == missed["payload"])


# ---- time ---------------------------------------------------------------------------------------

LIFE_S = 10  # a quarter of it is between the warning and the end: longer than machines stall


def test_a_token_that_ends_is_warned_of_and_closed_but_for_a_renewal(hub, rpc):
    expires = time.time() + LIFE_S
    later = expires + 3600
    clients = [PLACES["authorization"](hub, "/ws/operators", mint(hub, exp=expires))
               for _ in range(2)]
    for client in clients:
        warning = client.until_type("connection.expiring", timeout=60)
        assert abs(parse_time(warning["payload"]["expires_at"]) - expires) < 0.01
        assert 0 < warning["payload"]["expires_in_ms"] <= LIFE_S * 1000 / 4
        if client is clients[0]:
            answer = client.ask({"action": "authenticate", "token": mint(hub, exp=later)})
            assert answer["action"] == "authenticated"
            assert abs(parse_time(answer["expires_at"]) - later) < 0.01
    renewed, ended = clients
    assert ended.wait_closed() == (4001, "the token has expired")
    assert time.time() > expires - 0.01
    assert is_in(renewed, rpc)
    renewed.close()


def test_a_renewal_with_another_users_or_a_bad_token_changes_nothing(hub, rpc):
    with PLACES["authorization"](hub, "/ws/operators", mint(hub)) as client:
        for token, code in ((mint(hub, "bob"), "forbidden"), ("junk", "unauthorized")):
            answer = client.ask({"action": "authenticate", "token": token})
            assert answer["payload"]["code"] == code
        assert is_in(client, rpc)


def test_a_renewal_brings_the_new_rights(hub, rpc):
    narrow = mint(hub, hostcast={"subscribe": ["job.completed"]})
    with PLACES["authorization"](hub, "/ws/operators", narrow) as client:
        assert client.ask({"action": "authenticate", "token": mint(hub)})["action"]
        assert is_in(client, rpc)


def test_who_came_without_a_token_can_bring_one_later(hub, rpc):
    mine = {**progress(), "to": "ann"}
    with hub.client("/ws/events") as client:
        assert client.ask({"action": "authenticate", "token": mint(hub)})["action"]
        rpc.publish(mine)
        assert client.receive()["payload"] == mine["payload"]


def test_a_bad_token_closes_who_came_without_one(hub):
    with hub.client("/ws/events") as client:
        client.send({"action": "authenticate", "token": "junk"})
        assert client.wait_closed()[0] == 4001


def test_a_revoked_token_ends_its_connections(hub, rpc):
    user = unique("user")
    with PLACES["authorization"](hub, "/ws/operators", mint(hub, user, jti=unique())) as client, \
            PLACES["authorization"](hub, "/ws/operators", mint(hub)) as other:
        assert is_in(client, rpc)
        rpc.call("revoke", sub=user)
        assert client.wait_closed()[0] == 4001
        assert is_in(other, rpc)


# ---- the greeting -------------------------------------------------------------------------------

def test_who_speaks_our_protocol_is_greeted(hub, rpc):
    sequence, = rpc.publish(progress())["sequences"]
    with hub.client("/ws/events", subprotocols=[NATIVE]) as client:
        greeting = client.receive()
        status = rpc.call("status")
        assert greeting["type"] == "connection.established"
        payload = greeting["payload"]
        assert payload["position"] == f"{status['epoch']}-{sequence}"
        assert payload["oldest"] == f"{status['epoch']}-{status['oldest']}"
        assert payload["heartbeat_ms"] == 30000
        assert payload["limits"]["message_bytes"] == 65536
        ids = [entry["id"] for entry in rpc.call("connections")["connections"]]
        assert payload["connection_id"] in ids


def test_who_does_not_is_not_greeted(hub, rpc):
    with hub.client("/ws/events") as client:
        event = progress()
        rpc.publish(event)
        assert client.receive()["payload"] == event["payload"]


def test_the_greeting_comes_before_what_was_missed(hub, rpc):
    status = rpc.call("status")
    rpc.publish(progress())
    with hub.client(f"/ws/events?since={status['epoch']}-{status['sequence']}",
                    subprotocols=[NATIVE]) as client:
        assert [client.receive()["type"] for _ in range(3)] == [
            "connection.established", "connection.resumed", "job.progress"]


def test_cloudevents_are_a_subprotocol(hub, rpc):
    with hub.client("/ws/tasks", subprotocols=["cloudevents.json"]) as client:
        assert client.subprotocol == "cloudevents.json"
        event = task()
        published = rpc.publish(event)
        message = client.receive()
        assert message["specversion"] == "1.0"
        assert message["type"] == "task.update"
        assert message["data"] == event["payload"]
        assert message["id"] == f"{published['epoch']}-{published['sequences'][0]}"
        assert message["datacontenttype"] == "application/json"


def test_cloudevents_without_a_position_have_ids_of_their_own(hub, rpc):
    volatile = {"type": "gpu.stats_updated", "payload": {}}
    with hub.client("/ws/events", subprotocols=["cloudevents.json"]) as client, \
            hub.client("/ws/events", subprotocols=["cloudevents.json"]) as other:
        rpc.publish(*[volatile] * 5)
        first = [client.until_type("gpu.stats_updated")["id"] for _ in range(5)]
        assert len(set(first)) == 5
        assert [other.until_type("gpu.stats_updated")["id"] for _ in range(5)] == first
        told = [each.ask("nonsense")["id"] for each in (client, other)]
        assert len({*told, *first}) == 7


def test_of_several_subprotocols_the_first_known_counts(hub, rpc):
    with hub.client("/ws/events", subprotocols=["x", "cloudevents.json", NATIVE]) as client:
        assert client.subprotocol == "cloudevents.json"
        rpc.publish(progress())
        assert client.receive()["specversion"] == "1.0"


# ---- pages --------------------------------------------------------------------------------------

LISTED = "https://example.org"
LOOK_ALIKES = [
    "https://example.org.evil.org", "https://evil-example.org", "https://sub.example.org",
    "http://example.org", "https://example.org:8443", "https://EXAMPLE.org",
    "HTTPS://example.org", "https://example.org@evil.org", "https://user@example.org",
    "https://ex%61mple.org", "https://xn--exmple-4nf.org", "https://example.org.",
    "https://example.org/", "null", "https://example.org" + "a" * 300,
    "https://" + "a" * 5000 + ".org",
]


@pytest.fixture(scope="module")
def listed_hub():
    hub = Hub({"clients": {"origins": f"https://other.org:8443, {LISTED}"}})
    try:
        yield hub.start()
    finally:
        hub.close()


@pytest.mark.parametrize("origin", LOOK_ALIKES, ids=lambda origin: origin[:40])
def test_a_page_that_looks_like_ours_may_not_connect(listed_hub, origin):
    with listed_hub.raw(headers=[f"Origin: {origin}"]) as client:
        assert client.status == 403
        assert client.json["type"] == "urn:hostcast:problem:forbidden"


def test_two_origins_are_none_of_the_list(listed_hub):
    with listed_hub.raw(headers=[f"Origin: {LISTED}", f"Origin: {LISTED}"]) as client:
        assert client.status == 403


def test_a_listed_page_may_connect_and_who_is_no_page(listed_hub):
    for headers in ([f"Origin: {LISTED}"], ["Origin: https://other.org:8443"], []):
        with listed_hub.raw(headers=headers) as client:
            assert client.status == 101


def test_the_page_of_the_same_host_may_connect_by_default(hub):
    own = f"http://127.0.0.1:{hub.port.number}"
    with hub.raw(headers=[f"Origin: {own}"]) as client:
        assert client.status == 101
    for other in ("http://127.0.0.1", "http://127.0.0.2:8080", "null"):
        with hub.raw(headers=[f"Origin: {other}"]) as client:
            assert client.status == 403
