# SPDX-License-Identifier: MIT
"""The check of a configuration: what would stop the hub is told before it is stopped."""
import subprocess

import pytest

from harness.events import progress
from harness.processes import program

PROGRAMS = {
    "hub": lambda config: [program("hostcast-ws"), "--check", "-c", str(config)],
    "command": lambda config: [program("hostcast"), "check-config", str(config)],
    "command -c": lambda config: [program("hostcast"), "-c", str(config), "check-config"],
}


@pytest.fixture(params=PROGRAMS)
def check(request):
    def run(hub):
        return subprocess.run(PROGRAMS[request.param](hub.config), capture_output=True, text=True,
                              timeout=30, env=hub.environment())
    return run


@pytest.fixture
def whole(new_hub):
    """All that a configuration can name is there."""
    hub = new_hub(start=False)
    hub.make_certificate()
    hub.configure({"tls": hub.tls_options()})
    (hub.run / "types.d").mkdir()
    (hub.run / "types.d/site.json").write_text(
        '{"domain":"site","channel":"site","description":"d","types":{"site.x":'
        '{"description":"d","payload":{"type":"object"}}}}')
    (hub.run / "revocations.json").write_text(
        '{"version":1,"revocations":[{"jti":"a","since":1}]}')
    (hub.run / "revocations.json").chmod(0o600)
    return hub


def test_one_that_is_good_is_said_to_be(whole, check):
    done = check(whole)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{whole.config}: ok\n", "")
    assert not (whole.run / "events.db").exists() and not whole.socket.exists()


def remake_certificate(hub):
    (hub.run / "tls.crt").rename(hub.run / "other.crt")
    hub.make_certificate("other")
    (hub.run / "other.crt").rename(hub.run / "tls.crt")


DAMAGES = {  # what is done, and what the one line must name
    "an option": (lambda hub: hub.config.write_text("[hub]\nprot = 1\n"), ":2: [hub] prot"),
    "key gone": (lambda hub: hub.key.unlink(), "[auth] key_file: {run}/key: No such file"),
    "key short": (lambda hub: hub.key.write_text("short"), "{run}/key: is too short"),
    "key open": (lambda hub: hub.key.chmod(0o644), "{run}/key: can be read by everybody"),
    "revocations": (lambda hub: (hub.run / "revocations.json").write_text("{"),
                    "{run}/revocations.json"),
    "certificate gone": (lambda hub: (hub.run / "tls.crt").unlink(),
                         "[tls] certificate: {run}/tls.crt"),
    "certificate": (lambda hub: (hub.run / "tls.crt").write_text("x"),
                    "[tls] certificate: {run}/tls.crt"),
    "its key": (lambda hub: (hub.run / "tls.key").write_text("x"), "[tls] key: {run}/tls.key"),
    "another's key": (remake_certificate, "is not the key of the certificate {run}/tls.crt"),
    "type": (lambda hub: (hub.run / "types.d/site.json").write_text('{"domain":\n"site"'),
             "{run}/types.d/site.json"),
    "type twice": (lambda hub: (hub.run / "types.d/two.json").write_text(
        (hub.run / "types.d/site.json").read_text()), "{run}/types.d/two.json"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_one_that_is_not_is_told_with_the_file_and_what_is_wrong(whole, check, name):
    damage, told = DAMAGES[name]
    damage(whole)
    done = check(whole)
    assert done.returncode not in (0, -6, -11) and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert told.format(run=whole.run) in done.stderr


def test_an_expired_certificate_is_a_warning(whole, check):
    whole.expire_certificate()
    done = check(whole)
    assert done.returncode == 0 and "has expired" in done.stderr


def test_the_hub_may_be_running(whole, check):
    whole.start()
    with whole.client() as client, whole.rpc() as rpc:
        assert check(whole).returncode == 0
        whole.key.chmod(0o644)
        assert check(whole).returncode != 0
        rpc.publish(progress())
        assert client.receive()["type"] == "job.progress"


@pytest.mark.parametrize("name", ["hostcast-bpf", "hostcast-fcgi"])
def test_the_other_programs_check_what_they_read(whole, name):
    argv = [program(name), "-t", "-c", str(whole.config)]
    assert subprocess.run(argv, check=True, capture_output=True, text=True).stdout == \
        f"{whole.config}: ok\n"
    whole.config.write_text("[mounts]\n\nreconcile = soon\n")
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 2 and ":3: [mounts] reconcile" in done.stderr
