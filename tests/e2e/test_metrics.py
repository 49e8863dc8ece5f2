# SPDX-License-Identifier: MIT
"""What the hub counts, as Prometheus reads it: through the CLI and through Apache."""
import shutil
import signal
import subprocess

import pytest

from harness import exposition
from harness.events import progress
from harness.mounts import Mounts
from harness.processes import REPO, program, wait_for
from harness.rpc import Fault

METRICS = "text/plain; version=0.0.4; charset=utf-8"


def read(hub):
    text = subprocess.run([program("hostcast"), "-c", str(hub.config), "metrics"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return exposition.parse(text)


def wait_for_metrics(hub, wanted, what):
    return wait_for(lambda: (lambda metrics: metrics if wanted(metrics) else None)(read(hub)), what)


def test_the_text_is_what_a_monitor_takes(hub):
    metrics = read(hub)

    assert metrics("hostcast_up") == 1
    assert metrics("process_resident_memory_bytes") > 1 << 20
    assert metrics("process_open_fds") < metrics("process_max_fds")
    assert metrics("process_start_time_seconds") > 1.6e9
    assert any(sample == "hostcast_build_info" for sample, _ in metrics.values)
    manual = (REPO / "ws/hostcast-ws.8").read_text()
    assert not [name for name in metrics.families if f"Li {name}" not in manual]
    if shutil.which("promtool"):
        text = subprocess.run([program("hostcast"), "-c", str(hub.config), "metrics"], check=True,
                              stdout=subprocess.PIPE).stdout
        subprocess.run(["promtool", "check", "metrics"], input=text, check=True)


def test_what_clients_get_is_counted(new_hub):
    hub = new_hub()
    with hub.rpc() as rpc, hub.client() as one, hub.client() as other:
        wait_for_metrics(hub, lambda m: m("hostcast_clients", endpoint="/ws/events") == 2,
                         "two clients")
        before = read(hub)
        answer = rpc.publish(progress(), progress(), key="k")
        rpc.publish(*[progress() for _ in range(3)])
        with pytest.raises(Fault):
            rpc.publish({"type": "no.such", "payload": {}})
        with pytest.raises(Fault):
            rpc.publish(progress(), key="k")
        for client in (one, other):
            for _ in range(5):
                client.receive()
        after = read(hub)

        def grown(sample, **labels):
            return after(sample, **labels) - before(sample, **labels)

        assert grown("hostcast_deliveries_total") == 10
        assert grown("hostcast_sent_bytes_total") > 10 * 100
        assert grown("hostcast_events_total", channel="jobs") == 5
        assert grown("hostcast_publishes_total", result="ok") == 2
        assert grown("hostcast_publishes_total", result="refused") == 1
        assert grown("hostcast_publishes_total", result="conflict") == 1
        assert grown("hostcast_publish_to_client_seconds_count") == 5
        assert 0 < grown("hostcast_publish_to_client_seconds_sum") < 60
        assert grown("hostcast_commit_events_sum") == 5
        assert grown("hostcast_log_events") == 5
        assert after("hostcast_log_bytes") > 4096
        assert after("hostcast_peers", role="publisher") == 1
        assert after("hostcast_clients_max") > 2
        assert after("hostcast_clients_limited_total", limit="address") == 0
        assert after("hostcast_clients_opened_total", endpoint="/ws/events") == 2

    metrics = wait_for_metrics(hub, lambda m: m("hostcast_clients", endpoint="/ws/events") == 0,
                               "no clients")
    assert metrics("hostcast_closes_total", code="1000") == 2
    oldest = ("hostcast_log_oldest_timestamp_seconds", ())
    metrics = wait_for_metrics(hub, lambda m: oldest in m.values, "the oldest event")
    assert abs(metrics.values[oldest] - metrics("process_start_time_seconds")) < 60

    with hub.client(f"/ws/events?since={answer['epoch']}-0") as back, \
            hub.client("/ws/events?since=0000000000000000-7") as lost:
        back.receive()
        lost.receive()
        metrics = read(hub)
        assert metrics("hostcast_resumes_total", outcome="complete") == 1
        assert metrics("hostcast_resumes_total", outcome="epoch") == 1
    with pytest.raises(Exception):
        hub.client("/ws/nowhere/at/all").close()
    assert read(hub)("hostcast_handshakes_refused_total", reason="not_found") == 1


def test_counters_go_on_over_a_reload(new_hub):
    hub = new_hub()
    with hub.client(), hub.client("/ws/tasks"):
        before = read(hub)
        hub.configure({"endpoint /ws/tasks": {"events": "job.*"}})
        hub.process.signal(signal.SIGHUP)
        hub.process.wait_line("notice: reloaded")
        after = read(hub)
    for path in ("/ws/events", "/ws/tasks"):
        assert after("hostcast_clients_opened_total", endpoint=path) == 1
    fallen = [sample for sample, value in before.values.items()
              if sample[0].endswith(("_total", "_bucket", "_sum", "_count"))
              and after.values.get(sample, 0) < value]
    assert not fallen


def test_when_it_was_started_stays_the_same(hub):
    """A monitor takes another value for another start: changes(process_start_time_seconds)."""
    assert len({read(hub)("process_start_time_seconds") for _ in range(4)}) == 1


def test_when_the_kernel_saw_it_is_for_the_loader_to_say(rpc):
    fault = rpc.refused("publish", events=[{**progress(), "boot_ns": 5}])
    assert fault.code == "invalid_params" and fault.pointer == "/events/0/boot_ns"


def test_apache_hands_them_to_this_machine(stack):
    answer = stack.rest(token=None).get("/metrics")

    assert answer.status == 200 and answer.headers["Content-Type"] == METRICS, answer
    metrics = exposition.parse(answer.body.decode())
    assert metrics("hostcast_loader_connected") == 1
    assert metrics("hostcast_peers", role="fcgi") >= 1
    assert stack.rest(token=None).post("/metrics", {}).status == 405


def test_mounts_are_timed_from_the_kernel_to_the_client(stack):
    status = stack.detector()
    if "bpf" not in status["mode"]:
        pytest.skip(f"no BPF: {status['reasons']}")
    mounts = Mounts(stack)
    with stack.straight() as client:
        watch = mounts.watch(client)
        mounts.mount("-t", "tmpfs", "none", mounts.directory())
        told = watch.exactly()
    assert len(told) == 1 and "boot_ns" not in str(told), told
    metrics = exposition.parse(stack.rest(token=None).get("/metrics").body.decode())
    assert metrics("hostcast_kernel_to_client_seconds_count") >= 1
    assert 0 < metrics("hostcast_kernel_to_client_seconds_sum") < 60


def test_without_the_hub_there_is_one_sample(own_stack):
    rest = own_stack.rest(token=None)
    rest.get("/metrics")
    own_stack.kill("hostcast-ws")
    answer = rest.get("/metrics")
    if answer.status != 200:  # else it was already started again
        assert answer.status == 503 and answer.headers["Content-Type"] == METRICS, answer
        assert exposition.parse(answer.body.decode())("hostcast_up") == 0
    wait_for(lambda: rest.get("/metrics").status == 200, "the hub's metrics again")
