#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the golden vectors events.json and rpc.json, which C, JavaScript and Python read alike.

    /usr/bin/python3 tests/data/golden.py           write both files
    /usr/bin/python3 tests/data/golden.py --check   fail if they are stale

Nothing here asks our programs: the bytes come from python3-msgpack, the JSON texts from the rules
of the wire format, so that two implementations have to agree.

events.json
    origin    epoch and source of the CloudEvents texts
    now       the timestamp of an event that has none (unix milliseconds)
    events    name
              msgpack_hex   the event as it comes in
              packed_hex    how it goes out again; absent: the same bytes
              event         its fields. A sequence above 2^53 is decimal text; "payload" is absent
                            where a number in it does not survive a JSON reader
              envelopes     the exact text of each: standard, data, data_unix, spread, cloudevents
    refused   name, msgpack_hex, pointer: bytes that are no event, and the field to blame

rpc.json
    streams   name
              bytes    the stream in pieces: hex text, or {"hex", "times"} for a run
              expect   what a reader makes of it, in order: {"request": {id, method, params}},
                       {"response": {id, error, result}}, {"notification": {method, params}},
                       {"refused": {id}} a whole value that is no message: the stream goes on,
                       {"broken": code} the stream ends here. Then the reader wants more bytes
"""
import datetime
import json
import pathlib
import sys

import msgpack

HERE = pathlib.Path(__file__).parent
NOW = 1769860800123
EPOCH = "0123456789abcdef"
SOURCE = "/hostcast/golden"
FRAME_MAX = 1024 * 1024
DEPTH_MAX = 24
ELEMENTS_MAX = 65536


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


# ---- the rules of the JSON texts ---------------------------------------------------------------


def text_of(string):
    """Two-character escapes for quote, backslash, \\n, \\r, \\t; \\u00xx for other controls; the
    rest as it is."""
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    escaped = (short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in string)
    return '"' + "".join(escaped) + '"'


def json_of(value):
    if isinstance(value, dict):
        return "{" + ",".join(text_of(k) + ":" + json_of(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_of, value)) + "]"
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value)  # of a float: the shortest that reads back equal, with ".0" where whole


def rfc3339(unix_ms):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=unix_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03d}Z".rjust(24, "0")


def unix_seconds(unix_ms):
    return f"{'-' if unix_ms < 0 else ''}{abs(unix_ms) // 1000}.{abs(unix_ms) % 1000:03d}"


def joined(*members):
    return "{" + ",".join(text_of(k) + ":" + v for k, v in members if v is not None) + "}"


def envelopes_of(event, unix_ms):
    def optional(key):
        return json_of(event[key]) if key in event else None

    type_, payload = json_of(event["type"]), json_of(event["payload"])
    time = json_of(rfc3339(unix_ms))
    place = event.get("sequence") or "volatile-0"
    spread = [(k, json_of(v)) for k, v in event["payload"].items() if k != "type"]
    return {
        "standard": joined(("type", type_), ("payload", payload), ("timestamp", time),
                           ("sequence", optional("sequence")), ("channel", optional("channel")),
                           ("correlation_id", optional("correlation_id"))),
        "data": joined(("type", type_), ("data", payload), ("timestamp", time)),
        "data_unix": joined(("type", type_), ("data", payload),
                            ("timestamp", unix_seconds(unix_ms))),
        "spread": joined(("type", type_), *spread),
        "cloudevents": joined(("specversion", '"1.0"'), ("id", json_of(f"{EPOCH}-{place}")),
                              ("source", json_of(SOURCE)), ("type", type_), ("time", time),
                              ("datacontenttype", '"application/json"'),
                              ("channel", optional("channel")),
                              ("correlationid", optional("correlation_id")), ("data", payload)),
    }


# ---- events ------------------------------------------------------------------------------------

ORDER = ["type", "payload", "timestamp", "sequence", "channel", "correlation_id", "to"]


def fits_a_json_reader(value):
    """Whether every number survives a reader with doubles, or with 64-bit integers, only."""
    if isinstance(value, dict):
        return all(map(fits_a_json_reader, value.values()))
    if isinstance(value, list):
        return all(map(fits_a_json_reader, value))
    return not isinstance(value, int) or abs(value) <= 2**53


def vector(name, type_, payload, unix_ms, incoming=None, **fields):
    """`incoming`: the bytes that come in, where they are not the ones that go out."""
    event = {"type": type_, "payload": payload, "timestamp": rfc3339(unix_ms), **fields}
    event = {key: event[key] for key in ORDER if key in event}
    shown = dict(event)
    if not fits_a_json_reader(payload):
        del shown["payload"]
    if shown.get("sequence", 0) > 2**53:
        shown["sequence"] = str(shown["sequence"])
    ret = {"name": name, "msgpack_hex": (incoming or pack(event)).hex()}
    if incoming:
        ret["packed_hex"] = pack(event).hex()
    return {**ret, "event": shown, "envelopes": envelopes_of(event, unix_ms)}


def at(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


def nested(levels, innermost):
    value = innermost
    for _ in range(levels):
        value = {"a": value}
    return value


def from_the_seeds():
    noon = at("2025-11-29T12:00:00Z")
    task = {"id": "a0d4...", "name": "scan_task", "status": "running",
            "progress": {"current": 3, "total": 10, "message": "Capturing photo 3/10"}}
    device = {
        "name": "OpenScan Mini", "model": "mini", "shield": "greenshield", "initialized": True,
        "cameras": {"main": {"busy": False, "settings": {"iso": 200, "jpeg_quality": 92}}},
        "motors": {"turntable": {"busy": True, "angle": 180.0, "settings": {"speed": 120}}},
        "lights": {"ring": {"is_on": True, "settings": {"pins": [5, 6, 13]}}},
    }
    matrix = {
        "id": 42, "title": "The Matrix (1999)", "media_type": "video", "year": 1999,
        "quality": "1080p", "file_size": 4294967296,
        "directory_path": "/movies/The Matrix (1999)",
        "created_at": "2024-01-15T10:30:00Z", "updated_at": "2024-01-15T10:30:00Z",
    }
    return [
        vector("a device is mounted", "device.mounted",
               {"device_node": "/dev/sdb1", "mount_path": "/media/usb", "label": "BACKUP"},
               noon, sequence=1, channel="devices"),
        vector("a device is unmounted", "device.unmounted",
               {"device_node": "/dev/sdb1", "mount_path": "/media/usb"},
               noon + 1, sequence=2, channel="devices"),
        vector("the status of the detector", "detector.status",
               {"running": True, "monitoring_enabled": False}, noon + 2, sequence=3,
               channel="devices"),
        vector("a job makes progress", "job.progress",
               {"job_id": "j-17", "percent": 50, "step": "ripping"}, noon + 3, sequence=4,
               channel="jobs"),
        vector("a job is completed", "job.completed",
               {"job_id": "j-17", "output_path": "/srv/out.iso"}, noon + 4, sequence=5,
               channel="jobs"),
        vector("a task is updated", "task.update", {"task": task},
               at("2026-01-31T23:59:59.999Z"), sequence=6, channel="tasks"),
        vector("the status of a device, with what changed", "device.status",
               {"device": device, "changed": ["motors.turntable.busy", "motors.turntable.angle"]},
               at("2026-02-28T00:00:00.001Z"), sequence=7, channel="devices"),
        vector("an alert is created", "alert.created",
               {"id": "uuid", "event_id": 123, "severity": "high", "status": "pending",
                "dedup_key": "key", "created_at": "2026-01-31T12:00:00Z",
                "updated_at": "2026-01-31T12:00:00Z"},
               NOW, sequence=8, channel="alerts", correlation_id="req-abc123"),
        vector("media is created", "media_update",
               {"action": "created", "media_id": 42, "media": matrix},
               at("2024-01-15T10:30:00Z"), sequence=9, channel="media_updates"),
        vector("media is deleted", "media_update",
               {"action": "deleted", "media_id": 42,
                "media": {"id": 42, "title": "The Matrix (1999)"}},
               at("2024-01-15T11:00:00Z"), sequence=10, channel="media_updates"),
        vector("a component is healthy", "system_update",
               {"action": "health_check", "component": "smb_storage", "status": "healthy",
                "message": "All SMB connections active",
                "details": {"connected_shares": 3, "total_shares": 3}},
               at("2024-01-15T10:00:00Z"), sequence=11, channel="system_updates"),
        vector("a storage is lost", "system_update",
               {"action": "storage_update", "component": "nas-backup", "status": "error",
                "message": "SMB connection lost to nas-backup",
                "details": {"host": "192.168.1.100", "share": "backup",
                            "last_connected": "2024-01-15T09:55:00Z", "retry_count": 3}},
               at("2024-01-15T10:05:00Z"), sequence=12, channel="system_updates"),
        vector("a service has a backlog", "system_update",
               {"action": "service_status", "component": "media_analysis", "status": "warning",
                "message": "Analysis queue backlog detected",
                "details": {"queue_length": 500, "workers": 4,
                            "estimated_completion": "2024-01-15T12:00:00Z"}},
               at("2024-01-15T10:10:00Z"), sequence=13, channel="system_updates"),
        vector("an analysis is complete", "analysis_complete",
               {"items_processed": 150, "items_identified": 142, "items_failed": 8,
                "duration_ms": 45000, "storage_root": "nas-media", "scan_id": 23},
               at("2024-01-15T10:45:00Z"), sequence=14, channel="analysis_updates"),
        vector("a notification has a type of its own, which gives way in spread", "notification",
               {"type": "conversion", "title": "Conversion Complete",
                "message": "video.mp4 has been converted to mp3", "level": "success"},
               at("2024-01-15T11:00:00Z"), sequence=15, channel="notifications"),
        vector("a health check, in seconds since 1970", "health_check",
               {"cpu_percent": 12.5, "memory_percent": 40, "scraper": "running"},
               at("2025-10-19T08:00:00.250Z"), sequence=16, channel="system_health"),
        vector("cards are detected", "detection.card",
               {"event_type": "card", "severity": "success",
                "message": "Hero cards detected: Ah, Kd", "data": {"cards": ["Ah", "Kd"]}},
               at("2025-10-22T00:00:00Z"), sequence=17, channel="detection"),
    ]


def at_the_edges():
    def plain(name, payload, **fields):
        return vector(name, "device.mounted", payload, NOW, **{"sequence": 1, **fields})

    type_, stamp = "device.mounted", rfc3339(NOW)
    publisher = {"type": type_, "payload": {"a": 1}}
    backwards = {"to": "u", "correlation_id": "c", "channel": "devices", "sequence": 9,
                 "timestamp": stamp, "payload": {"a": 1}, "type": type_}
    unset = {"type": type_, "payload": {"a": 1}, "timestamp": None, "channel": None,
             "correlation_id": None, "to": None, "sequence": None}
    wide = (bytes.fromhex("df00000002 db00000004") + b"type"
            + bytes.fromhex("da000e") + b"device.mounted"
            + bytes.fromhex("db00000007") + b"payload"
            + bytes.fromhex("de0001 d90161 cf0000000000000001"))
    return [
        plain("the payload is empty", {}),
        plain("maps, arrays and texts are empty", {"map": {}, "array": [], "text": "", "": 1}),
        plain("text is any Unicode",
              {"latin": "Größe", "han": "漢字", "emoji": "💾🇪🇺", "combined": "é", "right": "שלום",
               "line": "\u2028\u2029", "mark": "\ufeff", "last": "\U0010ffff", "ключ": "значение"}),
        plain("text has quotes, backslashes and slashes",
              {'say "hi"': 'C:\\temp\\"x"', "path": "/media/a/b", "html": "</script>&'"}),
        plain("text has every control character", {"c0": "".join(map(chr, range(32))),
                                                   "nul": "a\0b", "del": "\x7f", "c1": "\x85"}),
        plain("text is as long as each of its heads allows",
              {"fixstr": "a" * 31, "str8": "b" * 32, "str8 full": "c" * 255, "str16": "d" * 256}),
        plain("integers at the ends of their encodings",
              {"u": [0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296],
               "i": [-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649]}),
        plain("integers that a double holds", {"max": 2**53, "min": -(2**53)}),
        plain("integers that only 64 bits hold",
              {"a": 2**53 + 1, "b": 2**63 - 1, "c": 2**63, "d": 2**64 - 1, "e": -(2**63)}),
        plain("floats read back equal and stay floats",
              {"f": [0.1, 1e300, 5.0, -0.0, 0.0, -2.5, 1e-300, 0.30000000000000004,
                     1.7976931348623157e308, 180.0, 1705314600.25]}),
        plain("null and booleans are values", {"null": None, "yes": True, "no": [False, None]}),
        plain("a payload has more fields than a short map",
              {f"field_{i}": i for i in range(40)}),
        plain("arrays hold more than a short array", {"a": list(range(20))}),
        plain("a payload is as deep as a publish can carry", nested(19, 1)),
        plain("one user gets it", {"a": 1}, to="user-7", channel="devices"),
        plain("all fields are set", {"a": 1}, channel="devices", correlation_id="c-1", to="ünï"),
        plain("the correlation id needs escapes", {"a": 1}, correlation_id='"\\\n\u00e9'),
        plain("text fields are as long as they may be", {"a": 1}, correlation_id="c" * 128,
              to="t" * 128, channel="h" * 64),
        vector("a type is as long as it may be", "t" * 64, {"a": 1}, NOW, sequence=1),
        vector("a volatile event has no sequence", "job.progress", {"percent": 1}, NOW,
               channel="jobs"),
        plain("the sequence is beyond a double", {"a": 1}, sequence=2**53 + 1),
        plain("the sequence is the greatest", {"a": 1}, sequence=2**64 - 1),
        vector("before 1970", "job.progress", {"a": 1}, -1, sequence=1),
        vector("half a second before 1970", "job.progress", {"a": 1}, -500, sequence=1),
        vector("at 1970", "job.progress", {"a": 1}, 0, sequence=1),
        vector("on a leap day", "job.progress", {"a": 1}, at("2024-02-29T23:59:59.050Z"),
               sequence=1),
        vector("in the last millisecond of the calendar", "job.progress", {"a": 1},
               at("9999-12-31T23:59:59.999000+00:00"), sequence=1),
        vector("a publisher gives no timestamp: it is now", type_, {"a": 1}, NOW,
               incoming=pack(publisher)),
        vector("fields that are nil are unset", type_, {"a": 1}, NOW, incoming=pack(unset)),
        vector("the order of the fields does not matter", type_, {"a": 1}, NOW,
               incoming=pack(backwards), sequence=9, channel="devices", correlation_id="c", to="u"),
        vector("wide encodings become short ones", type_, {"a": 1}, NOW, incoming=wide),
        vector("an offset becomes UTC", type_, {"a": 1}, at("2026-01-31T10:00:00.5Z"),
               incoming=pack({**publisher, "timestamp": "2026-01-31T12:00:00.5+02:00"})),
        vector("seconds alone get milliseconds", type_, {"a": 1}, at("2026-01-31T12:00:00Z"),
               incoming=pack({**publisher, "timestamp": "2026-01-31T12:00:00Z"})),
        vector("digits behind the milliseconds are cut", type_, {"a": 1},
               at("2026-01-31T12:00:00.123Z"),
               incoming=pack({**publisher, "timestamp": "2026-01-31T12:00:00.123999999Z"})),
    ]


def refused_events():
    good = {"type": "a.b", "payload": {}}
    rows = [
        ("an array", ["a.b", {}], ""),
        ("text", "a.b", ""),
        ("nil", None, ""),
        ("an empty map", {}, "/type"),
        ("no type", {"payload": {}}, "/type"),
        ("no payload", {"type": "a.b"}, "/payload"),
        ("the type is nil", {**good, "type": None}, "/type"),
        ("the type is empty", {**good, "type": ""}, "/type"),
        ("the type is a number", {**good, "type": 1}, "/type"),
        ("the type is binary", {**good, "type": b"a.b"}, "/type"),
        ("the type is too long", {**good, "type": "t" * 65}, "/type"),
        ("the payload is nil", {**good, "payload": None}, "/payload"),
        ("the payload is an array", {**good, "payload": []}, "/payload"),
        ("the payload is JSON text", {**good, "payload": "{}"}, "/payload"),
        ("the timestamp is a number", {**good, "timestamp": 1769860800}, "/timestamp"),
        ("the timestamp is empty", {**good, "timestamp": ""}, "/timestamp"),
        ("the timestamp has no offset", {**good, "timestamp": "2026-01-31T12:00:00"},
         "/timestamp"),
        ("the timestamp has a day that is not", {**good, "timestamp": "2026-02-29T12:00:00Z"},
         "/timestamp"),
        ("the sequence is negative", {**good, "sequence": -1}, "/sequence"),
        ("the sequence is a float", {**good, "sequence": 1.0}, "/sequence"),
        ("the sequence is text", {**good, "sequence": "1"}, "/sequence"),
        ("the channel is too long", {**good, "channel": "c" * 65}, "/channel"),
        ("the correlation id is empty", {**good, "correlation_id": ""}, "/correlation_id"),
        ("the correlation id is a number", {**good, "correlation_id": 7}, "/correlation_id"),
        ("the correlation id is too long", {**good, "correlation_id": "c" * 129},
         "/correlation_id"),
        ("the user is too long", {**good, "to": "t" * 129}, "/to"),
        ("the user is a list", {**good, "to": ["u"]}, "/to"),
        ("a field is misspelt", {**good, "timestmap": "2026-01-31T12:00:00Z"}, "/timestmap"),
        ("a field is of another letter case", {**good, "Type": "a.b"}, "/Type"),
        ("a field has no name", {**good, "": 1}, "/"),
        ("a field name needs escapes in its pointer", {**good, "a/b~c": 1}, "/a~1b~0c"),
        ("a field name is a number", {**good, 1: 1}, ""),
        ("a field name is binary", {**good, b"to": "u"}, ""),
    ]
    return [{"name": n, "msgpack_hex": pack(v).hex(), "pointer": p} for n, v, p in rows]


# ---- RPC ---------------------------------------------------------------------------------------


def request(id_, method, params=None):
    """Without `params`: they are too long to stand here."""
    ret = {"id": id_, "method": method}
    return {"request": ret if params is None else {**ret, "params": params}}


def response(id_, error, result):
    return {"response": {"id": id_, "error": error, "result": result}}


def notification(method, params):
    return {"notification": {"method": method, "params": params}}


def refused(id_=0):
    return {"refused": {"id": id_}}


def stream(name, pieces, *expect):
    pieces = pieces if isinstance(pieces, list) else [pieces]
    return {"name": name, "bytes": [p if isinstance(p, dict) else p.hex() for p in pieces],
            "expect": list(expect)}


def run(byte, times):
    return {"hex": f"{byte:02x}", "times": times}


def whole_messages():
    publish = {"events": [{"type": "device.mounted", "payload": {"mount_path": "/media/usb"}}]}
    fault = {"code": "schema", "message": "must be text",
             "details": {"pointer": "/events/0/payload/label"}}
    ping, pong = pack([0, 1, "status", [{}]]), pack([1, 1, None, {"clients": 0}])
    return [
        stream("a request", pack([0, 1, "publish", [publish]]), request(1, "publish", publish)),
        stream("a request with an empty map", ping, request(1, "status", {})),
        stream("a request without params has an empty map", pack([0, 7, "status", []]),
               request(7, "status", {})),
        stream("hello", pack([0, 1, "hello", [{"role": "fcgi", "version": 1}]]),
               request(1, "hello", {"role": "fcgi", "version": 1})),
        stream("a notification", pack([2, "event", [publish["events"][0]]]),
               notification("event", publish["events"][0])),
        stream("a notification without params", pack([2, "gone", []]), notification("gone", {})),
        stream("a result", pong, response(1, None, {"clients": 0})),
        stream("an error", pack([1, 3, fault, None]), response(3, fault, None)),
        stream("an error that is an empty map", pack([1, 3, {}, None]), response(3, {}, None)),
        stream("a result of nil", pack([1, 3, None, None]), response(3, None, None)),
        stream("a result that is no map", pack([1, 3, None, [1, "x"]]),
               response(3, None, [1, "x"])),
        stream("the id is 0", pack([0, 0, "m", [{}]]), request(0, "m", {})),
        stream("the id is the greatest", pack([0, 2**32 - 1, "m", [{}]]),
               request(2**32 - 1, "m", {})),
        stream("the id is wider than it need be",
               bytes.fromhex("9400 cf0000000000000005 a16d9180"), request(5, "m", {})),
        stream("the heads are wider than they need be",
               bytes.fromhex("dd00000004 d200000000 05 db000000016d dc0001 df00000000"),
               request(5, "m", {})),
        stream("the method is empty", pack([0, 1, "", [{}]]), request(1, "", {})),
        stream("two messages in one read", ping + pong, request(1, "status", {}),
               response(1, None, {"clients": 0})),
        stream("three messages and the begin of a fourth", [ping, pong, ping, ping[:5]],
               request(1, "status", {}), response(1, None, {"clients": 0}),
               request(1, "status", {})),
        stream("nothing", b""),
        stream("half a message", ping[:-1]),
        stream("a head without its length", bytes.fromhex("dd0000")),
        stream("scalars of every kind as params",
               pack([0, 1, "m", [{"a": [None, True, 1, -1, 300, -300, 70000, -70000, 2**33,
                                        -(2**33), 0.5, "x" * 300]}]]),
               request(1, "m", {"a": [None, True, 1, -1, 300, -300, 70000, -70000, 2**33,
                                      -(2**33), 0.5, "x" * 300]})),
    ]


def not_messages():
    rows = [
        ("a number", 5, 0),
        ("nil", None, 0),
        ("text", "publish", 0),
        ("a map", {"id": 1, "method": "m"}, 0),
        ("an empty array", [], 0),
        ("a kind alone", [0], 0),
        ("a request of two", [0, 9], 9),
        ("a request of three", [0, 9, "m"], 9),
        ("a request of five", [0, 9, "m", [{}], 1], 9),
        ("a response of three", [1, 9, None], 9),
        ("a response of five", [1, 9, None, {}, {}], 9),
        ("a notification of two", [2, "m"], 0),
        ("a notification of four", [2, "m", [{}], 1], 0),
        ("a notification with an id", [2, 9, "m", [{}]], 0),
        ("an unknown kind", [3, 1, "m", [{}]], 0),
        ("a negative kind", [-1, 1, "m", [{}]], 0),
        ("a kind that is text", ["0", 1, "m", [{}]], 0),
        ("a kind that is a float", [0.0, 1, "m", [{}]], 0),
        ("a kind that is false", [False, 1, "m", [{}]], 0),
        ("an id above 32 bits", [0, 2**32, "m", [{}]], 0),
        ("an id of 64 bits", [0, 2**64 - 1, "m", [{}]], 0),
        ("a negative id", [0, -1, "m", [{}]], 0),
        ("an id that is text", [0, "1", "m", [{}]], 0),
        ("an id that is a float", [0, 1.0, "m", [{}]], 0),
        ("an id that is nil", [0, None, "m", [{}]], 0),
        ("the id of a response is text", [1, "1", None, {}], 0),
        ("a method that is a number", [0, 9, 1, [{}]], 9),
        ("a method that is nil", [0, 9, None, [{}]], 9),
        ("a method that is binary", [0, 9, b"m", [{}]], 9),
        ("params that are a map", [0, 9, "m", {}], 9),
        ("params that are nil", [0, 9, "m", None], 9),
        ("params of a number", [0, 9, "m", [1]], 9),
        ("params of nil", [0, 9, "m", [None]], 9),
        ("params of an array", [0, 9, "m", [[]]], 9),
        ("params of two maps", [0, 9, "m", [{}, {}]], 9),
        ("a notification's params are a map", [2, "m", {}], 0),
        ("an error that is text", [1, 9, "no", None], 9),
        ("an error that is a number", [1, 9, 500, None], 9),
        ("an extension value", msgpack.ExtType(5, b"12345"), 0),
    ]
    return [stream(name, pack(value), refused(id_)) for name, value, id_ in rows]


def request_around(deep_value):
    """Three levels: the message, its params, the map."""
    return pack([0, 1, "m", [{"a": deep_value}]])


def array_of(levels, innermost):
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


def text_frame(length):
    """A request of exactly `length` bytes, most of them one text."""
    head = bytes.fromhex("940001a16d9181a16b")
    body = length - len(head) - 5
    return [head + b"\xdb" + body.to_bytes(4, "big"), run(0x78, body)]


def streams_that_break():
    good = pack([0, 1, "status", [{}]])
    bombs = [
        ("an array32 of 2^32 - 1", "ddffffffff"), ("an array32 of 2^28", "dd10000000"),
        ("a map32 of 2^32 - 1", "dfffffffff"), ("a map32 of 2^31", "df80000000"),
        ("a str32 of 2^32 - 1", "dbffffffff"), ("a str32 just beyond a frame", "db00100000"),
        ("a bin32 of 2^32 - 1", "c6ffffffff"), ("an ext32 of 2^32 - 1", "c9ffffffff"),
        ("a map16 of more values than a frame has", "deffff"),
    ]
    inside = "940001a16d9181a161"
    return [
        *(stream(f"bomb: {name}", bytes.fromhex(head), {"broken": "too_large"})
          for name, head in bombs),
        *(stream(f"bomb in a request: {name}", bytes.fromhex(inside + head),
                 {"broken": "too_large"}) for name, head in bombs),
        stream("0xc1", b"\xc1", {"broken": "malformed"}),
        stream("0xc1 in a request", bytes.fromhex(inside + "c1"), {"broken": "malformed"}),
        stream("0xc1 behind a good request", good + b"\xc1", request(1, "status", {}),
               {"broken": "malformed"}),
        stream("0xc1 as a key", bytes.fromhex("940001a16d9181c101"), {"broken": "malformed"}),
        stream("a bomb behind a good request", good + bytes.fromhex("ddffffffff"),
               request(1, "status", {}), {"broken": "too_large"}),
        stream("as deep as it may be", request_around(array_of(DEPTH_MAX - 3, 1)),
               request(1, "m", {"a": array_of(DEPTH_MAX - 3, 1)})),
        stream("as deep as it may be, the innermost empty",
               request_around(array_of(DEPTH_MAX - 4, [])),
               request(1, "m", {"a": array_of(DEPTH_MAX - 4, [])})),
        stream("one level too deep", request_around(array_of(DEPTH_MAX - 2, 1)),
               {"broken": "too_large"}),
        stream("one level too deep, the innermost empty",
               request_around(array_of(DEPTH_MAX - 3, [])), {"broken": "too_large"}),
        stream("one level of map too deep, the innermost empty",
               request_around(array_of(DEPTH_MAX - 3, {})), {"broken": "too_large"}),
        stream("64 KiB of nested arrays", [run(0x91, 65536)], {"broken": "too_large"}),
        stream("64 KiB of nested maps", [{"hex": "8100", "times": 32768}],
               {"broken": "too_large"}),
        # 4 + 1 + 2 values around those of the array
        stream("as many values as it may have",
               [bytes.fromhex(inside + "dcfff9"), run(0xC0, ELEMENTS_MAX - 7)],
               request(1, "m")),
        stream("one value too many", [bytes.fromhex(inside + "dcfffa")],
               {"broken": "too_large"}),
        stream("too many values, in many small arrays",
               [bytes.fromhex(inside + "dc7fff"), {"hex": "93c0c0c0", "times": 32767}],
               {"broken": "too_large"}),
        stream("a frame of 1 MiB - 1", text_frame(FRAME_MAX - 1), request(1, "m")),
        stream("a frame of 1 MiB", text_frame(FRAME_MAX), request(1, "m")),
        stream("a frame of 1 MiB + 1", text_frame(FRAME_MAX + 1), {"broken": "too_large"}),
        stream("texts that are more than 1 MiB together",
               [bytes.fromhex(inside + "dc0011"),
                *([bytes.fromhex("daffff"), run(0x78, 65535)] * 17)], {"broken": "too_large"}),
    ]


# ---- out ---------------------------------------------------------------------------------------


def rows_of(name, rows):
    return f' "{name}": [\n  ' + ",\n  ".join(
        json.dumps(r, ensure_ascii=True) for r in rows) + "\n ]"


def documents():
    streams = whole_messages() + not_messages() + streams_that_break()
    yield "events.json", "{\n" + ",\n".join([
        ' "origin": ' + json.dumps({"epoch": EPOCH, "source": SOURCE}), f' "now": {NOW}',
        rows_of("events", from_the_seeds() + at_the_edges()),
        rows_of("refused", refused_events())]) + "\n}\n"
    yield "rpc.json", "{\n" + rows_of("streams", streams) + "\n}\n"


def main():
    stale = [name for name, text in documents()
             if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if "--check" in sys.argv:
        sys.exit(f"stale: {' '.join(stale)}; run tests/data/golden.py" if stale else 0)
    for name, text in documents():
        (HERE / name).write_text(text)


main()
