# SPDX-License-Identifier: MIT
"""How busy the machine is and how the components are, told by the hub."""
import re
import time

import pytest

from harness.events import RFC3339_MS, is_for_job, progress
from harness.processes import REPO, wait_for

STACK = {"health": {"interval": "200ms"}}
COMPONENTS = {"hub", "log", "loader", "fcgi"}


def is_type(name):
    return lambda message: message.get("type") == name


def is_component(name, status):
    return lambda message: (message.get("type") == "component.status"
                            and (message.get("payload") or message["data"])["component"] == name
                            and (message.get("payload") or message["data"])["status"] == status)


def retained(rpc, name):
    return [event["payload"] for event in rpc.call("state", type=name)["events"]]


def check(payload):
    assert set(payload) == {"status", "cpu", "memory", "disk", "load", "components",
                            "uptime_seconds"}
    assert 0 <= payload["cpu"]["percent"] <= 100 and payload["cpu"]["cores"] >= 1
    for space in (payload["memory"], payload["disk"]):
        assert 0 <= space["percent"] <= 100
        assert 0 < space["available_bytes"] <= space["total_bytes"]
    assert len(payload["load"]) == 3 and set(payload["components"]) == COMPONENTS
    assert all(part["status"] in ("healthy", "warning", "error")
               for part in payload["components"].values())


def test_both_names_are_told_again_and_again_and_not_logged(new_hub):
    hub = new_hub({"health": {"interval": "100ms"}})
    with hub.client() as client, hub.rpc() as rpc:
        # From here on all components are there: a sample in which one has changed is logged. The
        # second name is told last.
        wait_for(lambda: [payload for payload in retained(rpc, "health_check")
                          if payload["components"]["loader"]["status"] == "healthy"],
                 "the loader in a sample")
        before = rpc.call("status")["sequence"]
        for _ in range(3):
            samples = [client.until(is_type(name))[-1]
                       for name in ("system.health", "health_check")]
            assert samples[0]["payload"] == samples[1]["payload"]
            check(samples[0]["payload"])
            assert RFC3339_MS.match(samples[0]["timestamp"])
        logged = rpc.call("events", after=before, types=["system.*", "health_check"])["events"]
        assert logged == []
        assert retained(rpc, "system.health") and retained(rpc, "health_check")


def test_nothing_is_missing_where_the_service_runs(new_hub, privileged):
    """What its unit leaves of /proc."""
    unit = (REPO / "conf/systemd/hostcast-ws.service").read_text()
    options = ["hidepid=" + value for value in re.findall(r"^ProtectProc=(\w+)", unit, re.M)]
    options += ["subset=" + value for value in re.findall(r"^ProcSubset=(\w+)", unit, re.M)]
    script = f'mount -t proc -o {",".join(["nosuid", *options])} proc /proc && exec "$@"'
    hub = new_hub({"health": {"interval": "1h"}}, start=False)
    hub.start(prefix=["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"])
    with hub.rpc() as rpc:
        payload, = wait_for(lambda: retained(rpc, "system.health"), "the first sample")
        check(payload)
        assert "process_open_fds" in rpc.call("metrics")["text"]


def test_one_is_told_at_the_start_and_a_late_client_gets_it(new_hub):
    hub = new_hub({"health": {"interval": "1h"}})
    bearer = {"Authorization": f"Bearer {hub.token(subscribe=['*'])}"}
    with hub.client("/ws/system-health", headers=bearer) as client:
        message = client.until(is_type("health_check"))[-1]
        assert abs(message["timestamp"] - time.time()) < 60
        check(message["data"])
        assert message["data"]["components"]["log"]["status"] == "healthy"


def test_an_application_may_tell_its_own_and_that_is_logged(new_hub):
    hub = new_hub()
    with hub.rpc() as rpc:
        answer = rpc.publish({"type": "health_check", "payload": {"scraper": "ok"}})
        assert answer["durable"] and answer["sequences"] == [1]
    hub.stop()
    hub.start()
    with hub.rpc() as rpc:
        assert rpc.call("state", type="health_check")["events"][0]["payload"] == {"scraper": "ok"}


@pytest.mark.parametrize("when", [{}, {"timestamp": "2020-01-01T00:00:00Z"}],
                         ids=["now", "with a clock of its own"])
def test_an_application_that_tells_its_own_has_the_name_for_itself(new_hub, when):
    hub = new_hub({"health": {"interval": "50ms"}})
    with hub.rpc() as rpc:
        rpc.publish({"type": "health_check", "payload": {"components": {"scraper": "ok"}}, **when})
        with hub.client() as client:
            fence = progress()  # behind whatever was under way when the hub heard of the other
            rpc.publish(fence)
            client.until(is_for_job(fence["payload"]["job_id"]))
            for _ in range(5):
                seen = client.until(is_type("system.health"))
                assert not [message for message in seen if message["type"] == "health_check"]


def test_without_an_interval_nothing_is_told(hub, rpc):
    rpc.publish(progress())
    assert not [event for event in rpc.call("state")["events"]
                if event["type"] in ("system.health", "health_check", "component.status")]


def test_a_component_that_goes_and_comes_is_told_at_once(own_stack):
    rest = own_stack.rest()
    with own_stack.straight("/ws/status") as status, own_stack.straight() as client:
        status.until(is_component("loader", "healthy"))
        old = own_stack.kill("hostcast-bpf")
        status.until(is_component("loader", "error"))
        told = client.until(lambda m: m.get("type") == "system.health"
                            and m["payload"]["components"]["loader"]["status"] == "error")
        assert told[-1]["payload"]["status"] == "degraded"
        own_stack.wait_restarted("hostcast-bpf", old)
        status.until(is_component("loader", "healthy"))
        client.until(lambda m: m.get("type") == "system.health"
                     and m["payload"]["components"]["loader"]["status"] == "healthy")
    logged = rest.read("/api/events?limit=1000&type=component.status")["events"]
    loader = [event["payload"]["status"] for event in logged
              if event["payload"]["component"] == "loader"]
    assert loader == ["healthy", "error", "healthy"]
    # The samples in which it changed are in the log, and only those.
    logged = rest.read("/api/events?limit=1000&type=system.health")["events"]
    assert 2 <= len(logged) <= 4
