# SPDX-License-Identifier: MIT
"""What the pages of older systems show, published as their back ends would and read as their clients
do: the text of every message is the page's, without its spaces and line ends.

One thing differs: our timestamps have milliseconds, where the pages' have whole seconds. What reads
ISO 8601 reads both.
"""
import json
import re

import pytest

HUB = {"clients": {"message_rate": 0}}  # a page says more at once than a person


def compact(message):
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def with_milliseconds(page):
    return {**page, "timestamp": page["timestamp"].replace("Z", ".000Z")}


def quiet(client):
    """Nothing is on its way to this client."""
    assert client.ask({"type": "ping"}) == {"type": "pong"}


# ---- 000: {"type","payload","timestamp"} ----------------------------------------------------------------

STANDARD = [
    ("device.mounted", {"device_node": "/dev/sdb1", "mount_path": "/media/usb", "label": "STICK"}),
    ("device.unmounted", {"device_node": "/dev/sdb1", "mount_path": "/media/usb"}),
    ("detector.status", {"running": True, "monitoring_enabled": True}),
    ("job.progress", {"job_id": "j1", "percent": 40, "step": "Encoding"}),
    ("job.progress", {"job_id": "j1", "percent": 40.5, "step": "Encoding"}),
    ("job.progress", {"job_id": 7, "percent": 100, "step": "Grüße 👋 \"quoted\" \\ / \u2028"}),
    ("job.completed", {"job_id": "j1", "output_path": "/srv/out.mp4"}),
]


@pytest.mark.parametrize("name,payload", STANDARD, ids=[name for name, _ in STANDARD])
def test_the_standard_envelope_has_the_fields_of_the_page_in_its_order(hub, rpc, name, payload):
    with hub.client("/ws/events") as client:
        answer = rpc.publish({"type": name, "payload": payload,
                              "timestamp": "2025-11-29T12:00:00Z"})
        text = client.receive_text()
        front = compact({"type": name, "payload": payload,
                         "timestamp": "2025-11-29T12:00:00.000Z"})[:-1]
        assert text.startswith(front + ","), text
        # The page's readers take type, payload and timestamp; seed 002 has these beside them.
        rest = json.loads("{" + text[len(front) + 1:])
        assert list(rest) == ["sequence", "channel"]
        assert rest["sequence"] == answer["sequences"][0]


# ---- 001 ----------------------------------------------------------------------------------------------

TASK = '''
{
  "type": "task.update",
  "task": {
    "id": "a0d4...",
    "name": "scan_task",
    "status": "running",
    "progress": {
      "current": 3,
      "total": 10,
      "message": "Capturing photo 3/10"
    }
  }
}
'''

DEVICE = '''
{
  "type": "device.status",
  "device": {
    "name": "OpenScan Mini",
    "model": "mini",
    "shield": "greenshield",
    "initialized": true,
    "cameras": {
      "main": {
        "busy": false,
        "settings": { "iso": 200, "jpeg_quality": 92 }
      }
    },
    "motors": {
      "turntable": {
        "busy": true,
        "angle": 180.0,
        "settings": { "speed": 120 }
      }
    },
    "lights": {
      "ring": {
        "is_on": true,
        "settings": { "pins": [5, 6, 13] }
      }
    }
  },
  "changed": [
    "motors.turntable.busy",
    "motors.turntable.angle"
  ]
}
'''


def spread(page):
    page = json.loads(page)
    return {"type": page["type"],
            "payload": {key: value for key, value in page.items() if key != "type"}}


@pytest.mark.parametrize("path,page", [("/ws/tasks", TASK), ("/ws/device", DEVICE)],
                         ids=["task", "device"])
def test_openscan3_messages_are_the_page_byte_for_byte(hub, rpc, path, page):
    with hub.client(path) as client:
        quiet(client)
        rpc.publish(spread(page))
        assert client.receive_text() == compact(json.loads(page))
        quiet(client)


def test_openscan3_changed_is_found_by_the_hub_when_the_publisher_does_not_say(hub, rpc):
    before, after = spread(DEVICE), spread(DEVICE)
    before["payload"]["device"]["motors"]["turntable"].update(busy=False, angle=90.0)
    rpc.publish(before)
    with hub.client("/ws/device") as client:
        assert client.receive_text() == compact(
            {"type": "device.status", "device": before["payload"]["device"]}), \
            "what had changed when it was published says nothing to who has had nothing yet"
        del after["payload"]["changed"]
        rpc.publish(after)
        assert client.receive_text() == compact(json.loads(DEVICE))


def test_openscan3_whole_numbers_that_are_floats_stay_floats(hub, rpc):
    with hub.client("/ws/tasks") as client:
        rpc.publish({"type": "task.update", "payload": {"task": {
            "id": "a", "result": [180.0, 180, 0.1, -0.0, 1e100, 2**53, 2**63, -1, None, True]}}})
        assert client.receive_text() == (
            '{"type":"task.update","task":{"id":"a","result":[180.0,180,0.1,-0.0,1e+100,'
            '9007199254740992,9223372036854775808,-1,null,true]}}')


# ---- 002 ----------------------------------------------------------------------------------------------

def test_the_subscription_protocol_is_the_page_byte_for_byte(hub):
    with hub.client("/ws/events") as client:
        for said, answer in (
                ('{"action": "subscribe", "events": ["alert.*", "camera.status_changed"]}',
                 '{"action": "subscribed", "events": ["alert.*", "camera.status_changed"]}'),
                ('{"action": "unsubscribe", "events": ["alert.*"]}',
                 '{"action": "unsubscribed", "events": ["alert.*"]}')):
            client.send(said)
            assert client.receive_text() == compact(json.loads(answer))


def test_the_usage_example_of_the_page_arrives_with_every_field_of_its_envelope(hub, rpc):
    alert = {"id": "uuid", "event_id": 123, "severity": "high", "status": "pending",
             "dedup_key": "key", "created_at": "2025-01-01T00:00:00Z",
             "updated_at": "2025-01-01T00:00:00Z"}
    with hub.client("/ws/events") as client:
        client.subscribe("alert.*", "camera.status_changed")
        sequence = rpc.publish({"type": "alert.created", "payload": alert,
                                "correlation_id": "req-abc123",
                                "timestamp": "2025-01-01T00:00:00Z"})["sequences"][0]
        assert client.receive_text() == compact({
            "type": "alert.created", "payload": alert, "timestamp": "2025-01-01T00:00:00.000Z",
            "sequence": sequence, "channel": "alerts", "correlation_id": "req-abc123"})


# ---- 003 ----------------------------------------------------------------------------------------------

CATALOGIZER = {
    "created": '''
{
  "type": "media_update",
  "data": {
    "action": "created",
    "media_id": 42,
    "media": {
      "id": 42,
      "title": "The Matrix (1999)",
      "media_type": "video",
      "year": 1999,
      "quality": "1080p",
      "file_size": 4294967296,
      "directory_path": "/movies/The Matrix (1999)",
      "created_at": "2024-01-15T10:30:00Z",
      "updated_at": "2024-01-15T10:30:00Z"
    }
  },
  "timestamp": "2024-01-15T10:30:00Z"
}
''',
    "deleted": '''
{
  "type": "media_update",
  "data": {
    "action": "deleted",
    "media_id": 42,
    "media": {
      "id": 42,
      "title": "The Matrix (1999)"
    }
  },
  "timestamp": "2024-01-15T11:00:00Z"
}
''',
    "health": '''
{
  "type": "system_update",
  "data": {
    "action": "health_check",
    "component": "smb_storage",
    "status": "healthy",
    "message": "All SMB connections active",
    "details": {
      "connected_shares": 3,
      "total_shares": 3
    }
  },
  "timestamp": "2024-01-15T10:00:00Z"
}
''',
    "storage": '''
{
  "type": "system_update",
  "data": {
    "action": "storage_update",
    "component": "nas-backup",
    "status": "error",
    "message": "SMB connection lost to nas-backup",
    "details": {
      "host": "192.168.1.100",
      "share": "backup",
      "last_connected": "2024-01-15T09:55:00Z",
      "retry_count": 3
    }
  },
  "timestamp": "2024-01-15T10:05:00Z"
}
''',
    "service": '''
{
  "type": "system_update",
  "data": {
    "action": "service_status",
    "component": "media_analysis",
    "status": "warning",
    "message": "Analysis queue backlog detected",
    "details": {
      "queue_length": 500,
      "workers": 4,
      "estimated_completion": "2024-01-15T12:00:00Z"
    }
  },
  "timestamp": "2024-01-15T10:10:00Z"
}
''',
    "analysis": '''
{
  "type": "analysis_complete",
  "data": {
    "items_processed": 150,
    "items_identified": 142,
    "items_failed": 8,
    "duration_ms": 45000,
    "storage_root": "nas-media",
    "scan_id": 23
  },
  "timestamp": "2024-01-15T10:45:00Z"
}
''',
    "notification": '''
{
  "type": "notification",
  "data": {
    "type": "conversion",
    "title": "Conversion Complete",
    "message": "video.mp4 has been converted to mp3",
    "level": "success"
  },
  "timestamp": "2024-01-15T11:00:00Z"
}
''',
}
CHANNELS = ("media_updates", "system_updates", "analysis_updates")


@pytest.fixture(scope="module")
def token(hub):
    return hub.token(subscribe=["*"])


def from_data(page):
    return {"type": page["type"], "payload": page["data"], "timestamp": page["timestamp"]}


def test_catalogizer_messages_are_the_page_byte_for_byte(hub, rpc, token):
    """The token in the address, the three channels of useWebSocket(), and then the events."""
    pages = [json.loads(page) for page in CATALOGIZER.values()]
    with hub.client(f"/ws?token={token}") as client:
        for channel in CHANNELS:
            client.send('{"type":"subscribe","channel":"%s"}' % channel)
            assert client.receive_text() == '{"type":"subscribed","channel":"%s"}' % channel
        for page in pages:
            rpc.publish(from_data(page))
            assert client.receive_text() == compact(with_milliseconds(page))
        quiet(client)


def test_catalogizer_channels_are_left_one_by_one_and_notifications_come_to_everybody(
        hub, rpc, token):
    pages = {name: json.loads(page) for name, page in CATALOGIZER.items()}
    with hub.client(f"/ws?token={token}") as client:
        rpc.publish(*[from_data(page) for page in pages.values()])
        assert client.receive_text() == compact(with_milliseconds(pages["notification"]))
        quiet(client)
        for channel in CHANNELS:
            client.ask({"type": "subscribe", "channel": channel})
        client.send({"type": "unsubscribe", "channel": "system_updates"})
        assert client.receive_text() == '{"type":"unsubscribed","channel":"system_updates"}'
        rpc.publish(*[from_data(page) for page in pages.values()])
        for name in ("created", "deleted", "analysis", "notification"):
            assert client.receive_text() == compact(with_milliseconds(pages[name]))
        quiet(client)


@pytest.mark.parametrize("bad", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_catalogizer_is_closed_with_4001_when_its_token_is_not_good(hub, bad):
    with hub.client(f"/ws?token={bad}") as client:
        assert client.wait_closed()[0] == 4001


# ---- 004 ----------------------------------------------------------------------------------------------

def test_pokertool_health_checks_come_with_seconds_as_a_number(hub, rpc, token):
    """`time.time()` of the page has microseconds; ours are milliseconds."""
    health = {"status": "healthy", "cpu": 12.5, "memory": {"percent": 40.0},
              "components": {"api": "healthy"}}
    rpc.publish({"type": "health_check", "payload": health,
                 "timestamp": "2025-10-22T12:00:00.250Z"})
    for path in ("/ws/system-health", "/ws/system_health"):
        with hub.client(path, headers={"Cookie": f"hostcast_token={token}"}) as client:
            assert client.receive_text() == compact(
                {"type": "health_check", "data": health})[:-1] + ',"timestamp":1761134400.250}'
    with hub.client("/ws/system-health", headers={"Authorization": f"Bearer {token}"}) as client:
        client.receive()
        rpc.publish({"type": "health_check", "payload": health})
        assert re.fullmatch(r'\{"type":"health_check","data":\{.*\},"timestamp":\d{10}(\.\d{1,3})?\}',
                            client.receive_text())


def test_pokertool_detections_come_without_a_token(hub, rpc):
    registry = {one["name"] for one in rpc.call("types")["types"]}
    kinds = sorted(name for name in registry if name.startswith("detection.")
                   and name not in ("detection.new", "detection.batch"))
    assert "detection.card" in kinds
    card = {"event_type": "card", "severity": "success",
            "message": "Hero cards detected: Ah, Kd", "data": {"cards": ["Ah", "Kd"]}}
    with hub.client("/ws/detection") as client:
        for name in kinds:
            payload = {**card, "event_type": name.partition(".")[2]}
            rpc.publish({"type": name, "payload": payload, "timestamp": "2025-10-22T12:00:00Z"})
            assert client.receive_text() == compact(
                {"type": name, "data": payload, "timestamp": "2025-10-22T12:00:00.000Z"})


def test_pokertool_static_routes_are_never_taken_for_a_user(hub, rpc):
    """What its page calls critical: /ws/system-health must not fall into /ws/{user_id}."""
    token = hub.token(subscribe=["*"], subject="user123")
    rpc.publish({"type": "health_check", "payload": {"status": "before"}})
    with hub.client("/ws/user123", headers={"Authorization": f"Bearer {token}"}) as user, \
            hub.client("/ws/system-health", headers={"Authorization": f"Bearer {token}"}) as health:
        assert health.receive()["data"] == {"status": "before"}
        rpc.publish({"type": "health_check", "payload": {"status": "healthy"}},
                    {"type": "job.progress", "to": "user123",
                     "payload": {"job_id": "mine", "percent": 1, "step": "s"}})
        assert health.receive()["data"] == {"status": "healthy"}
        quiet(health)
        mine = user.receive()
        assert mine["type"] == "job.progress" and mine["payload"]["job_id"] == "mine"
        quiet(user)


def test_status_shows_the_detector_and_the_back_end_first(hub, rpc):
    events = [{"type": "detector.status", "payload": {"running": True, "monitoring_enabled": False}},
              {"type": "backend.status", "payload": {"component": "api", "status": "up"}},
              {"type": "backend.status", "payload": {"component": "database", "status": "down"}}]
    rpc.publish(*[{**event, "timestamp": "2025-10-22T12:00:00Z"} for event in events])
    with hub.client("/ws/status") as client:
        seen = {client.receive_text() for _ in events}
        assert seen == {compact({"type": event["type"], "data": event["payload"],
                                 "timestamp": "2025-10-22T12:00:00.000Z"}) for event in events}
        quiet(client)
