# SPDX-License-Identifier: MIT
"""Tokens over REST and the socket: which are taken, what they grant, tickets, revocation."""
import json
import subprocess
import time

import pytest

from harness.events import progress, unique
from harness.processes import program, wait_for
from harness.rpc import Fault
from harness.tokens import Keyring, Rsa, decode, mint, mutants


@pytest.fixture(scope="module")
def ring():
    return Keyring()


@pytest.fixture
def keyed(new_hub, ring, tmp_path):
    """A hub that has one key of each kind."""
    return new_hub({"auth": {"key_file": ring.write(tmp_path)}})


def command(hub, *argv, status=0):
    """The hostcast command at that hub; its output."""
    done = subprocess.run([program("hostcast"), "-c", str(hub.config), *map(str, argv)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == status, done
    return done.stdout.strip() if status == 0 else done.stderr


def publish_as_web(hub, token):
    """As the REST program does it for a client with that token."""
    with hub.rpc(role="fcgi") as rpc:
        return rpc.publish(progress(), token=token)


def found_in(directory, needles, but=()):
    """(file, needle) of each that stands in a file below."""
    found = []
    for path in directory.rglob("*"):
        if not path.is_file() or path.name in but:
            continue
        content = path.read_bytes()
        found += [(path, needle) for needle in needles if needle.encode() in content]
    return found


# ---- good and bad ones ----------------------------------------------------------------------

@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_tokens_of_every_kind_of_key_are_taken(keyed, ring, algorithm):
    token = ring.mint(algorithm, aud=["elsewhere", "hostcast"], jti="t1")
    assert publish_as_web(keyed, token)["sequences"]


def test_no_mutant_is_taken_by_the_hub_nor_seen_in_its_log(keyed, ring):
    tokens = mutants(ring)
    assert len(tokens) >= 40 and len({token for _, token in tokens}) == len(tokens)
    taken = []
    with keyed.rpc(role="fcgi") as rpc:
        for name, token in tokens:
            for method, params in (("publish", {"events": [progress()]}), ("ticket", {}),
                                   ("connections", {}), ("revoke", {"jti": "x"}),
                                   ("detector", {"monitoring_enabled": False})):
                try:
                    taken.append((name, method, rpc.call(method, token=token, **params)))
                except Fault as fault:
                    if fault.code != "unauthorized":
                        taken.append((name, method, fault))
    assert not taken
    secrets = [token[-30:] for _, token in tokens if len(token) > 60]
    output = keyed.process.output
    assert not [secret for secret in secrets if secret in output]
    assert not found_in(keyed.run, secrets)


def test_no_mutant_is_taken_over_rest_nor_seen_in_any_log(stack):
    ring = Keyring((stack.run / "token.key").read_bytes())
    rest = stack.rest(None)
    good = ring.mint()
    assert rest.post("/api/events", progress(), token=good).status == 201
    taken = []
    for name, token in mutants(ring):
        for path, body in (("/api/events", progress()), ("/api/v1/tickets", None)):
            for headers in ({"Authorization": f"Bearer {token}"},
                            {"Cookie": f"a=b; hostcast_token={token}"}):
                answer = rest.post(path, body, headers=headers)
                if answer.status != 401 or "Bearer" not in answer.headers["WWW-Authenticate"]:
                    taken.append((name, path, answer))
    assert not taken
    secrets = [token[-30:] for _, token in mutants(ring) if len(token) > 60] + [good[-30:]]
    assert not [secret for secret in secrets if secret in stack.process.output]
    assert not found_in(stack.run, secrets)


def test_what_the_configuration_wants_is_wanted(new_hub, ring, tmp_path):
    hub = new_hub({"auth": {"key_file": ring.write(tmp_path), "audience": "us", "issuer": "them"}})
    assert publish_as_web(hub, ring.mint(aud="us", iss="them"))
    for wrong in ({"aud": "hostcast", "iss": "them"}, {"aud": "us"}, {"aud": "us", "iss": "they"}):
        with pytest.raises(Fault) as refused:
            publish_as_web(hub, ring.mint(**wrong))
        assert refused.value.code == "unauthorized"


def test_a_hub_without_keys_takes_no_token(new_hub, ring):
    hub = new_hub({"auth": {"key_file": ""}})
    with pytest.raises(Fault) as refused:
        publish_as_web(hub, ring.mint())
    assert refused.value.code == "unauthorized"


@pytest.mark.parametrize("content,why", [
    (lambda: Rsa(1024).checking, "2048"),
    (lambda: Rsa().signing, "private key"),
    (lambda: Rsa().der, "PEM"),
    (lambda: b"short", "too short"),
])
def test_a_key_that_is_none_keeps_the_hub_from_starting(new_hub, tmp_path, content, why):
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(content())
    hub = new_hub({"auth": {"key_file": path}}, start=False)
    process = hub.spawn()
    assert process.wait() == 1
    assert str(path) in process.output and why in process.output


# ---- the command ----------------------------------------------------------------------------

@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_the_command_signs_with_every_kind_of_key(keyed, ring, tmp_path, algorithm):
    path = tmp_path / "signing"
    path.touch(mode=0o600)
    path.write_bytes(ring[algorithm].signing)
    token = command(keyed, "token", "--key-file", path, "--sub", "carol", "--publish", "job.*",
                    "--jti", "t7", "--audience", "hostcast", "--issuer", "me")
    header, payload, _ = (part for part in token.split("."))
    claims = json.loads(decode(payload))
    assert json.loads(decode(header)) == {"alg": algorithm, "typ": "JWT"}
    assert (claims["sub"], claims["jti"], claims["aud"], claims["iss"]) == (
        "carol", "t7", "hostcast", "me")
    assert claims["hostcast"] == {"publish": ["job.*"], "admin": False}
    assert publish_as_web(keyed, token)["sequences"]


def test_the_command_tells_what_it_cannot_sign_with(keyed, ring, tmp_path):
    path = tmp_path / "public"
    path.write_bytes(ring["ES256"].checking)
    assert "public" in command(keyed, "token", "--key-file", path, "--sub", "a", status=1)
    assert "bytes" in command(keyed, "token", "--sub", "a" * 257, status=2)
    assert "empty" in command(keyed, "token", "--sub", "a", "--jti", "", status=2)


def test_two_tokens_of_the_command_have_names_of_their_own(hub):
    names = {json.loads(decode(hub.token().split(".")[1]))["jti"] for _ in range(3)}
    assert len(names) == 3


# ---- tickets --------------------------------------------------------------------------------

def test_a_ticket_is_had_for_a_token_and_tells_how_to_use_it(stack):
    rest = stack.rest()
    answer = rest.post("/api/v1/tickets")
    assert answer.status == 201, answer
    ticket = answer.json["ticket"]
    assert len(ticket) == 43
    assert answer.json == {"ticket": ticket, "expires_in": 30, "protocol": f"ticket.{ticket}"}
    assert answer.headers["Cache-Control"] == "no-store"
    by_cookie = rest.post("/api/v1/tickets", token=None,
                          headers={"Cookie": f"hostcast_token={stack.admin_token}"})
    assert by_cookie.status == 201 and by_cookie.json["ticket"] != ticket
    assert not found_in(stack.run, [ticket, by_cookie.json["ticket"]])


def test_a_ticket_is_not_had_otherwise(stack):
    rest = stack.rest(None)
    foreign = {"Cookie": f"hostcast_token={stack.admin_token}", "Origin": "https://evil.example"}
    for headers in ({}, foreign, {"Authorization": "Basic eA=="}):
        answer = rest.post("/api/v1/tickets", headers=headers)
        assert answer.status == 401, answer
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert rest.get("/api/v1/tickets").status == 405
    too_long = {"Authorization": f"Bearer {stack.admin_token}", "Origin": "h" * 513}
    assert rest.post("/api/v1/tickets", headers=too_long).status == 400


def test_a_ticket_opens_one_connection_from_its_origin(stack):
    origin = stack.url("", "https").rstrip("/")
    rest = stack.rest(tls=True)

    def take():
        return rest.post("/api/v1/tickets", headers={"Origin": origin}).json["protocol"]

    def connect(protocol, origin):
        return stack.through_apache("/ws/events", origin=origin,
                                    subprotocols=["hostcast.v1", protocol])

    ticket = take()
    with connect(ticket, origin) as client:
        assert client.subprotocol == "hostcast.v1"
        assert client.until_type("connection.established")["payload"]["user"] == "admin"
    with connect(ticket, origin) as client:
        assert client.wait_closed()[0] == 4001, "it was good twice"
    elsewhere = take()
    with connect(elsewhere, None) as client:
        assert client.wait_closed()[0] == 4001, "it was good without its origin"
    with connect(elsewhere, origin) as client:
        assert client.wait_closed()[0] == 4001, "it was not used up"


@pytest.mark.parametrize("written, name", [("a%2Bb", "a+b"), ("a+b", "a+b"), ("a%25b", "a%b"),
                                           ("a%26b", "a&b"), ("a%20b", "a b")])
def test_the_name_of_a_user_comes_through_apache(stack, written, name):
    token = stack.token(subject=name)
    with stack.through_apache(f"/ws/{written}?token={token}",
                              subprotocols=["hostcast.v1"]) as client:
        assert client.until_type("connection.established")["payload"]["user"] == name


# ---- revocation -----------------------------------------------------------------------------

def refused(hub, token):
    try:
        publish_as_web(hub, token)
    except Fault as fault:
        assert fault.code == "unauthorized" and "revoked" in fault.message, fault
        return True
    return False


def test_what_is_revoked_stays_so_over_a_restart(keyed, ring):
    name, user = unique("jti"), unique("user")
    one, other = ring.mint(jti=name), ring.mint(jti="other")
    old, timeless = ring.mint(sub=user, iat=int(time.time()) - 5), ring.mint(sub=user, iat=None)
    new = ring.mint("EdDSA", sub=user, iat=int(time.time()) + 20)
    assert not any(refused(keyed, token) for token in (one, other, old, timeless, new))
    command(keyed, "revoke", "--jti", name)
    command(keyed, "revoke", "--sub", user, "--until", "2999-01-01T00:00:00Z")
    for _ in range(2):
        assert refused(keyed, one) and refused(keyed, old) and refused(keyed, timeless)
        assert not refused(keyed, other) and not refused(keyed, new)
        listed = json.loads(command(keyed, "revocations", "--json"))
        assert [entry.get("jti") or entry["sub"] for entry in listed] == [name, user]
        assert listed[1]["until"] == 32472144000
        assert "for ever" in command(keyed, "revocations")
        keyed.kill()
        keyed.start()


def test_a_revocation_with_an_end_ends(keyed, ring):
    token = ring.mint(jti="brief")
    with keyed.rpc() as rpc:
        rpc.call("revoke", jti="brief", until=int(time.time()) + 5)
        assert rpc.call("revocations")["total"] == 1 or not refused(keyed, token)
        for wrong in (int(time.time()) - 1, 0, "soon", -1, 1.5):
            assert rpc.refused("revoke", jti="brief", until=wrong).code == "invalid_params"
        wait_for(lambda: not rpc.call("revocations")["total"], "the end of the revocation")
        assert rpc.call("revocations")["revocations"] == []
    assert not refused(keyed, token)


def test_revoking_is_for_administrators(keyed, ring):
    admin = ring.mint(hostcast={"admin": True})
    other = ring.mint(hostcast={"publish": ["*"]})
    with keyed.rpc(role="fcgi") as rpc:
        for method, params in (("revoke", {"jti": unique("jti")}), ("revocations", {})):
            assert rpc.refused(method, **params).code == "unauthorized"
            assert rpc.refused(method, token=other, **params).code == "forbidden"
            assert "total" in rpc.call(method, token=admin, **params)


@pytest.mark.parametrize("params", [
    {}, {"jti": ""}, {"sub": ""}, {"jti": 7}, {"jti": "x" * 257}, {"sub": "a\0b"}, {"sub": b"\xff"},
    {"jti": ["x"]},
])
def test_what_names_nothing_is_not_revoked(rpc, params):
    assert rpc.refused("revoke", **params).code == "invalid_params"


def test_many_are_revoked_at_once_and_none_is_lost(keyed):
    with keyed.rpc() as rpc:
        numbers = [rpc.request("revoke", jti=f"t{i}") for i in range(300)]
        assert all(rpc.result(number)["total"] for number in numbers)
    keyed.kill()
    keyed.start()
    listed = json.loads(command(keyed, "revocations", "--json"))
    assert [entry["jti"] for entry in listed] == [f"t{i}" for i in range(300)]


def test_a_live_connection_is_closed_with_4001_when_its_token_is_revoked(keyed, ring):
    token, other = ring.mint(jti="live"), ring.mint(sub="other")
    with keyed.client(headers={"Authorization": f"Bearer {token}"}) as client, \
            keyed.client(headers={"Authorization": f"Bearer {other}"}) as bystander:
        command(keyed, "revoke", "--jti", "live")
        assert client.wait_closed()[0] == 4001
        with keyed.rpc() as rpc:
            event = progress()
            rpc.publish(event)
        assert bystander.until_type("job.progress")["payload"] == event["payload"]


@pytest.mark.parametrize("content", ["", "{", '{"version":2,"revocations":[]}'])
def test_a_damaged_file_keeps_the_hub_from_starting(new_hub, content):
    hub = new_hub(start=False)
    (hub.run / "revocations.json").write_text(content)
    process = hub.spawn()
    assert process.wait() == 1
    assert "revocations.json" in process.output and "backup" in process.output


def test_what_cannot_be_kept_is_told_and_in_force_all_the_same(new_hub, ring, tmp_path):
    hub = new_hub({"auth": {"key_file": ring.write(tmp_path),
                            "revocations_file": "/nonexistent/revocations.json"}})
    token = ring.mint(jti="x")
    with hub.rpc() as rpc:
        assert rpc.refused("revoke", jti="x").code == "unavailable"
    assert refused(hub, token)
