# SPDX-License-Identifier: MIT
"""Events for tests, and what every event must look like on the wire."""
import itertools
import re
import uuid

RFC3339_MS = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
POSITION = re.compile(r"^[0-9a-f]{16}-(0|[1-9][0-9]*)$")
EPOCH = re.compile(r"^[0-9a-f]{16}$")

_numbers = itertools.count(1)


def progress(job=None, percent=None, **fields):
    """A job.progress event as seed 000 shows it."""
    number = next(_numbers)
    return {"type": "job.progress",
            "payload": {"job_id": job or f"job-{number}",
                        "percent": number % 101 if percent is None else percent,
                        "step": f"step {number}"}, **fields}


def completed(job=None, **fields):
    return {"type": "job.completed",
            "payload": {"job_id": job or f"job-{next(_numbers)}", "output_path": "/srv/out.mp4"},
            **fields}


def task(status="running", **fields):
    """A task.update event as seed 001 shows it."""
    return {"type": "task.update",
            "payload": {"task": {"id": unique("task"), "name": "scan_task", "status": status,
                                 "progress": {"current": 3, "total": 10,
                                              "message": "Capturing photo 3/10"}}}, **fields}


def mounted(path="/media/usb", **fields):
    return {"type": "device.mounted",
            "payload": {"device_node": "/dev/sdz1", "mount_path": path, "label": "STICK"},
            **fields}


def unmounted(path="/media/usb", **fields):
    return {"type": "device.unmounted",
            "payload": {"device_node": "/dev/sdz1", "mount_path": path}, **fields}


def unique(prefix="x"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def is_for_job(job):
    """Whether a message in the standard envelope is about this job."""
    return lambda message: message.get("payload", {}).get("job_id") == job


def jobs(messages):
    return [message["payload"]["job_id"] for message in messages
            if str(message.get("type", "")).startswith("job.")]


def assert_standard(message, event, sequence=None):
    """`message` is `event` in the standard envelope, no field more and none less."""
    assert message["type"] == event["type"]
    assert message["payload"] == event["payload"]
    assert RFC3339_MS.match(message["timestamp"]), message
    if "timestamp" in event:
        assert message["timestamp"] == event["timestamp"]
    assert isinstance(message["sequence"], int) and message["sequence"] > 0
    if sequence is not None:
        assert message["sequence"] == sequence
    assert message["channel"] and isinstance(message["channel"], str)
    assert message.get("correlation_id") == event.get("correlation_id")
    assert set(message) <= {"type", "payload", "timestamp", "sequence", "channel",
                            "correlation_id", "to"}, message
