# SPDX-License-Identifier: MIT
"""Bad requests: each gets application/problem+json that names the fault, and the next is served."""
import json
import socket
import time

import pytest

from harness.events import mounted, progress, unique
from harness.processes import DEADLINE, STALL_S, wait_for

GOOD = json.dumps(progress())
TOO_DEEP = "[" * 100 + "]" * 100


@pytest.fixture
def rest(stack):
    return stack.rest()


@pytest.fixture(autouse=True)
def still_served(stack):
    """Whatever was sent: the next request of somebody else is answered as ever."""
    yield
    assert stack.rest().post("/api/events", progress()).status == 201


def assert_problem(answer, status, code):
    assert answer.status == status, answer
    assert answer.type == "application/problem+json", answer
    problem = answer.json
    assert problem["type"] == f"urn:hostcast:problem:{code}", problem
    assert problem["status"] == status
    assert problem["title"] and problem["detail"]
    return problem


def post(rest, body, kind="application/json"):
    return rest.post("/api/events", body, kind=kind)


# ---- bodies ---------------------------------------------------------------------------------

@pytest.mark.parametrize("body,hint", [
    ('{"type":', ""),
    ("{'type': 'job.progress'}", ""),
    (GOOD + "x", ""),
    (GOOD + GOOD, ""),
    ("nul", ""),
    ("{,}", ""),
    ('{"type":"job.progress","payload":{"job_id":"\x01"}}', ""),
    (b"\xff\xfe{}", ""),
    (b'{"type":"job.progress","payload":{"job_id":"\xc3\x28","percent":1,"step":"s"}}', "decode"),
    (b'{"type":"job.progress","payload":{"job_id":"\xed\xa0\x80","percent":1,"step":"s"}}', ""),
    ('{"type":"job.progress","type":"job.progress","payload":{}}', "type"),
    ('{"type":"job.progress","payload":{"job_id":"a","job_id":"b","percent":1,"step":"s"}}',
     "job_id"),
    ('{"type":"job.progress","payload":{"job_id":"a","percent":1e999,"step":"s"}}', ""),
    ('{"type":"job.progress","payload":{"job_id":"a","percent":NaN,"step":"s"}}', ""),
    ('{"type":"job.progress","payload":{"job_id":"\\ud800","percent":1,"step":"s"}}', ""),
], ids=["cut", "quotes", "trailing", "two", "literal", "comma", "control", "bom", "utf8",
        "surrogate", "twice", "twice-inside", "infinite", "nan", "half-escape"])
def test_what_is_not_json_is_malformed(rest, body, hint):
    problem = assert_problem(post(rest, body), 400, "malformed")
    assert hint.lower() in (problem["detail"] + problem.get("pointer", "")).lower()


def test_an_empty_body_is_malformed(rest):
    assert "empty" in assert_problem(post(rest, ""), 400, "malformed")["detail"]


@pytest.mark.parametrize("body", ["7", '"text"', "null", "true", "[7]", "[null]", "[[]]"])
def test_json_that_is_no_event_is_refused(rest, body):
    answer = post(rest, body)
    assert answer.status == 400, answer
    assert_problem(answer, 400, answer.json["type"].rpartition(":")[2])


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded",
                                  "application/jsonx", "multipart/form-data; boundary=x"])
def test_a_body_of_another_content_type_is_415(rest, kind):
    assert_problem(post(rest, GOOD, kind), 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_parameters_and_case_of_the_content_type_do_not_matter(rest, kind):
    assert post(rest, json.dumps(progress()), kind).status == 201


def test_a_deeply_nested_body_is_refused_at_once(rest):
    began = time.monotonic()
    assert post(rest, "[" * 100000).status in (400, 413)
    event = '{"type":"job.progress","payload":{"job_id":"a","percent":1,"step":"s","x":%s}}'
    answer = post(rest, event % TOO_DEEP)
    assert answer.status in (400, 413, 422), answer
    assert_problem(answer, answer.status, answer.json["type"].rpartition(":")[2])
    assert time.monotonic() - began < 5 + STALL_S


def test_a_body_above_the_limit_is_413_and_one_below_is_judged(rest):
    large = progress()
    large["payload"]["more"] = "x" * (1 << 20)
    assert_problem(post(rest, json.dumps(large)), 413, "too_large")
    one = progress()
    one["payload"]["more"] = "x" * 70000  # an event may have 64 KiB
    answer = post(rest, json.dumps(one))
    assert answer.status in (400, 413, 422), answer
    fits = progress()
    fits["payload"]["more"] = "x" * 60000
    assert post(rest, json.dumps(fits)).status == 201


def test_a_body_far_above_the_limit_is_refused_too(rest):
    answer = post(rest, b"[" + b" " * (8 << 20) + b"]")
    assert answer.status == 413, answer


def test_a_body_shorter_than_it_says_does_not_hang_the_next(rest, stack):
    with socket.create_connection(("127.0.0.1", stack.http.number)) as one:
        one.sendall(b"POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 1000\r\n\r\n{")
        assert post(rest, json.dumps(progress())).status == 201


# ---- events ---------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["no.such", "job", "job.", "job.progress.more", "JOB.PROGRESS",
                                  "*", "job.*", "", "x" * 65, "device mounted"])
def test_an_unknown_type_is_422_and_named(rest, name):
    answer = post(rest, json.dumps({"type": name, "payload": {}}))
    assert answer.status in (400, 422), answer
    problem = assert_problem(answer, answer.status, answer.json["type"].rpartition(":")[2])
    if 0 < len(name) <= 64:
        assert problem["type"].endswith(":unknown_type"), problem
        assert answer.status == 422
        assert problem["pointer"] == "/type"
        assert name in problem["detail"]


@pytest.mark.parametrize("payload,pointer", [
    ({"job_id": [], "percent": 1, "step": "s"}, "/payload/job_id"),
    ({"job_id": "a", "percent": "1", "step": "s"}, "/payload/percent"),
    ({"job_id": "a", "percent": 101, "step": "s"}, "/payload/percent"),
    ({"job_id": "a", "percent": -1, "step": "s"}, "/payload/percent"),
], ids=["list-for-text", "text-for-number", "above", "below"])
def test_a_schema_violation_points_at_its_field(rest, payload, pointer):
    answer = post(rest, json.dumps({"type": "job.progress", "payload": payload}))
    problem = assert_problem(answer, 422, "schema")
    assert problem["pointer"] == pointer
    answer = rest.post("/api/events", [progress(), {"type": "job.progress", "payload": payload}])
    assert assert_problem(answer, 422, "schema")["pointer"] == "/1" + pointer


def test_a_missing_field_is_named(rest):
    answer = rest.post("/api/events", {"type": "job.progress", "payload": {"percent": 1}})
    problem = assert_problem(answer, 422, "schema")
    assert "job_id" in problem["detail"] + problem.get("pointer", "")


def test_sequence_and_channel_of_a_publisher_give_way_to_the_hubs(rest):
    """Publishers of other systems fill in the whole envelope."""
    first = rest.read("/api/status")["sequence"]
    answer = rest.post("/api/events", {**progress(), "sequence": 7, "channel": "mine"})
    assert answer.status == 201 and answer.json["sequences"][0] > first
    event, = rest.read(f"/api/events?after={answer.json['sequences'][0] - 1}&limit=1")["events"]
    assert event["sequence"] == answer.json["sequences"][0] and event["channel"] == "jobs"


@pytest.mark.parametrize("change,pointer", [
    ({"payload": []}, "/payload"),
    ({"payload": None}, "/payload"),
    ({"timestamp": "yesterday"}, "/timestamp"),
    ({"timestamp": 7}, "/timestamp"),
    ({"timestamp": "2025-02-30T00:00:00Z"}, "/timestamp"),
    ({"correlation_id": 7}, "/correlation_id"),
    ({"correlation_id": "x" * 129}, "/correlation_id"),
    ({"to": {}}, "/to"),
    ({"timestmap": "2025-11-29T12:00:00Z"}, "/timestmap"),
], ids=str)
def test_a_bad_field_beside_the_payload_is_refused_with_its_place(rest, change, pointer):
    answer = rest.post("/api/events", {**progress(), **change})
    assert answer.status in (400, 422), answer
    problem = assert_problem(answer, answer.status, answer.json["type"].rpartition(":")[2])
    name = pointer[1:]
    assert problem.get("pointer") == pointer or name in problem["detail"], problem


@pytest.mark.parametrize("missing", ["type", "payload"])
def test_an_event_without_type_or_payload_is_refused(rest, missing):
    event = progress()
    del event[missing]
    answer = rest.post("/api/events", event)
    assert answer.status in (400, 422), answer
    problem = assert_problem(answer, answer.status, answer.json["type"].rpartition(":")[2])
    assert missing in problem["detail"] + problem.get("pointer", "")


# ---- paths, methods, queries ------------------------------------------------------------------

@pytest.mark.parametrize("method,path,allowed", [
    ("PUT", "/api/events", {"GET", "HEAD", "POST"}),
    ("DELETE", "/api/events", {"GET", "HEAD", "POST"}),
    ("PATCH", "/api/events", {"GET", "HEAD", "POST"}),
    ("POST", "/api/devices", {"GET", "HEAD"}),
    ("GET", "/api/devices/mount", {"POST"}),
    ("GET", "/api/devices/unmount", {"POST"}),
    ("POST", "/api/services/detector/status", {"GET", "HEAD"}),
    ("GET", "/api/services/detector/start", {"POST"}),
    ("POST", "/api/status", {"GET", "HEAD"}),
    ("POST", "/healthz", {"GET", "HEAD"}),
    ("FOO", "/api/status", {"GET", "HEAD"}),
])
def test_a_wrong_method_is_405_with_those_allowed(rest, method, path, allowed):
    answer = rest.request(method, path)
    assert_problem(answer, 405, "method_not_allowed")
    assert allowed <= {name.strip() for name in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize("path", [
    "/api", "/api/", "/api/nothing", "/api/events/1", "/api/events//", "/api/devices/format",
    "/api//events", "/api/services/detector", "/api/services/other/status",
    "/api/%65vents/x", "/api/state/", "/api/state/no.such", "/api/" + "x" * 2000,
])
def test_an_unknown_path_is_404(rest, path):
    assert_problem(rest.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/%zz", "/api/%", "/api/state/%ff"])
def test_a_path_that_cannot_be_decoded_is_an_error_of_the_client(rest, path):
    assert 400 <= rest.get(path).status < 500


@pytest.mark.parametrize("query,hint", [
    ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=-1", "limit"), ("limit=ten", "limit"),
    ("limit=1&limit=2", "limit"), ("after=x", "after"), ("after=-1", "after"),
    ("after=12-34", "after"), ("after=0123456789abcdef-", "after"),
    ("after=18446744073709551616", "after"), ("type=job.*x", ""), ("type=no..such", ""),
    ("channel=no_such", "channel"), ("sort=desc", "sort"), ("limt=1", "limt"),
], ids=str)
def test_a_bad_query_is_400_and_names_the_parameter(rest, query, hint):
    answer = rest.get(f"/api/events?{query}")
    assert answer.status in (400, 404), answer
    problem = assert_problem(answer, answer.status, answer.json["type"].rpartition(":")[2])
    assert hint in problem["detail"]


def test_options_tells_the_methods(rest):
    answer = rest.request("OPTIONS", "/api/events")
    assert answer.status == 204
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["Allow"].split(",")}


def test_head_answers_like_get_without_the_body(rest):
    answer = rest.request("HEAD", "/api/status")
    assert answer.status == 200 and answer.body == b"" and answer.type == "application/json"


def test_one_fastcgi_process_serves_many_requests(stack, rest):
    before = stack.pids("hostcast-fcgi")
    connection = rest.connection()
    for _ in range(200):
        assert rest.get("/api/status", connection=connection).status == 200
    connection.close()
    after = stack.pids("hostcast-fcgi")
    assert set(before) & set(after), "the process that served before is still there"


# ---- the hub is away --------------------------------------------------------------------------

def test_without_a_hub_every_request_is_503_within_a_second_and_heals(own_stack):
    rest = own_stack.rest()
    assert rest.post("/api/events", progress()).status == 201

    # A stopped supervisor starts no new hub: the time in which there is none is as long as we like.
    own_stack.process.signal(19)
    try:
        own_stack.kill("hostcast-ws")
        for method, path, body in (("POST", "/api/events", progress()),
                                   ("GET", "/api/events", None),
                                   ("GET", "/api/devices", None),
                                   ("GET", "/api/status", None),
                                   ("POST", "/api/devices/mount", mounted("/m/x")["payload"]),
                                   ("GET", "/api/services/detector/status", None)):
            began = time.monotonic()
            answer = rest.request(method, path, body)
            assert time.monotonic() - began < 1 + STALL_S, path
            assert_problem(answer, 503, "unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
        health = rest.get("/healthz")
        assert health.status == 503, health
        page = rest.get("/", token=None)
        assert page.status == 200, "static files need no hub"
    finally:
        own_stack.process.signal(18)

    def published():
        return rest.post("/api/events", progress(), timeout=DEADLINE).status == 201
    wait_for(published, "publishing after the hub's return")
    assert rest.read("/healthz")["status"] in ("ok", "degraded")


def test_a_key_tells_after_a_503_whether_it_was_done(own_stack):
    rest, event, key = own_stack.rest(), progress(), unique("key")
    first = rest.post("/api/events", event, headers={"Idempotency-Key": key})
    own_stack.kill("hostcast-ws")

    def again():
        answer = rest.post("/api/events", event, headers={"Idempotency-Key": key})
        return answer if answer.status != 503 else None
    answer = wait_for(again, "an answer after the hub's return")
    assert answer.status == 201 and answer.json == first.json
