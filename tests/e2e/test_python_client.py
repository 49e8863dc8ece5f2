# SPDX-License-Identifier: MIT
"""The example clients of the OpenScan3 page, with nothing changed but the URL."""
import subprocess

import pytest

from harness.events import task, unique
from harness.processes import Process, wait_for

HUB = {"hub": {"prefix": "/latest"}, "clients": {"heartbeat": "1s"}}

TASKS = '''\
import asyncio
import json
import websockets

async def listen_to_tasks():
    async with websockets.connect("ws://localhost:8000/latest/ws/tasks") as ws:
        async for message in ws:
            payload = json.loads(message)
            if payload.get("type") == "ping":
                await ws.send(json.dumps({"type": "pong"}))
                continue

            task = payload.get("task", {})
            print(f"Task {task.get('id')} -> {payload.get('type')} ({task.get('status')})")

if __name__ == "__main__":
    asyncio.run(listen_to_tasks())
'''

DEVICE = '''\
import asyncio
import json
import websockets

async def listen_to_device():
    async with websockets.connect("ws://localhost:8000/latest/ws/device") as ws:
        async for message in ws:
            payload = json.loads(message)
            if payload.get("type") == "ping":
                continue

            changed = payload.get("changed") or []
            print(f"Device update ({', '.join(changed) or 'full snapshot'})")

if __name__ == "__main__":
    asyncio.run(listen_to_device())
'''


@pytest.fixture
def run(hub):
    """Runs a page's program against the hub; returns it once the hub counts it as connected."""
    started = []

    def start(text):
        assert text.count("ws://localhost:8000") == 1
        program = hub.run / f"{unique('client')}.py"
        program.write_text(text.replace("ws://localhost:8000",
                                        f"ws://127.0.0.1:{hub.port.number}"))
        with hub.rpc() as rpc:
            before = rpc.call("status")["clients"]
            started.append(Process(["/usr/bin/python3", "-u", program]))
            wait_for(lambda: rpc.call("status")["clients"] > before, "the client's connection")
        return started[-1]

    yield start
    for process in started:
        process.kill()


def test_the_task_client_prints_every_update_in_order_and_answers_pings(hub, rpc, run):
    client = run(TASKS)
    events = [task(status) for status in ("pending", "running", "completed")]
    for event in events:
        rpc.publish(event)
    for event in events:
        one = event["payload"]["task"]
        client.wait_line(f"^Task {one['id']} -> task.update \\({one['status']}\\)$")
    assert len(client.lines) == 3

    # It lives through heartbeats: its own pong messages are taken.
    with hub.client("/latest/ws/tasks") as other:
        assert other.receive() == {"type": "ping"}
        assert other.receive() == {"type": "ping"}
    last = task("archived")
    rpc.publish(last)
    client.wait_line(r"\(archived\)$")
    assert client.popen.poll() is None and len(client.lines) == 4


def test_the_device_client_prints_the_snapshot_and_what_changed(rpc, run):
    device = {"name": "OpenScan Mini", "model": "mini", "shield": "greenshield",
              "initialized": True, "cameras": {}, "motors": {}, "lights": {}}
    rpc.publish({"type": "device.status", "payload": {"device": device}})
    client = run(DEVICE)
    client.wait_line(r"^Device update \(full snapshot\)$")
    rpc.publish({"type": "device.status", "payload": {
        "device": device, "changed": ["motors.turntable.busy", "motors.turntable.angle"]}})
    client.wait_line(r"^Device update \(motors.turntable.busy, motors.turntable.angle\)$")
    assert client.popen.poll() is None


def test_the_page_is_served_by_the_package_of_debian():
    version = subprocess.run(["/usr/bin/python3", "-c",
                              "import websockets; print(websockets.version.version)"],
                             stdout=subprocess.PIPE, check=True, text=True).stdout
    assert version.strip(), "python3-websockets"
