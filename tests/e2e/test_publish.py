# SPDX-License-Identifier: MIT
"""Publishing through Apache and mod_fcgid, and reading back what was published."""
import json
import subprocess

import pytest

from harness.events import (EPOCH, POSITION, assert_standard, completed, is_for_job, jobs,
                            mounted, progress, unique, unmounted)


@pytest.fixture
def rest(stack):
    return stack.rest()


@pytest.fixture
def clients(stack):
    with stack.through_apache() as browser, stack.straight() as direct:
        yield browser, direct


def newest(rest):
    return rest.read("/api/status")["sequence"]


def curl(*arguments):
    """(status, answer) of curl(1), as an administrator would try it."""
    output = subprocess.run(["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}",
                             *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout
    body, _, status = output.decode().rpartition("\n")
    return int(status), json.loads(body)


# ---- one event ------------------------------------------------------------------------------

@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl_publishes_an_event_that_reaches_every_client_and_the_history(stack, clients, scheme):
    event = progress(correlation_id=unique("request"))

    status, answer = curl("-k", "-H", f"Authorization: Bearer {stack.admin_token}",
                          "-H", "Content-Type: application/json",
                          "-d", json.dumps(event), stack.url("/api/events", scheme))

    assert status == 201, answer
    assert EPOCH.match(answer["epoch"])
    assert len(answer["sequences"]) == 1
    assert answer["durable"] is True
    sequence = answer["sequences"][0]
    for client in clients:
        message = client.until(is_for_job(event["payload"]["job_id"]))[-1]
        assert_standard(message, event, sequence)
        assert message["channel"] == "jobs"

    status, page = curl("-k", f"{stack.url('/api/events', scheme)}?after={sequence - 1}&limit=1",
                        "-H", f"Authorization: Bearer {stack.admin_token}")
    assert status == 200
    assert page["epoch"] == answer["epoch"]
    assert page["events"] == [message]
    assert page["next"] == f"{answer['epoch']}-{sequence}"
    assert 1 <= page["oldest"] <= sequence


def test_the_curl_line_that_is_printed_at_the_start_works(stack, clients):
    command = stack.process.wait_line(r"^publish: (curl .*)$").group(1)
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, check=True, text=True)
    sequence = json.loads(done.stdout)["sequences"][0]
    for client in clients:
        client.until(lambda message: message.get("sequence") == sequence)


def test_a_timestamp_of_the_publisher_is_kept_and_one_is_made_where_none_is(rest, clients):
    given = progress(timestamp="2025-11-29T12:00:00.250Z")
    absent = progress()
    assert rest.post("/api/events", [given, absent]).status == 201
    for client in clients:
        assert_standard(client.until(is_for_job(given["payload"]["job_id"]))[-1], given)
        assert_standard(client.until(is_for_job(absent["payload"]["job_id"]))[-1], absent)


@pytest.mark.parametrize("given,shown", [
    ("2025-11-29T12:00:00Z", "2025-11-29T12:00:00.000Z"),
    ("2025-11-29T13:00:00+01:00", "2025-11-29T12:00:00.000Z"),
    ("2025-11-29T12:00:00.123456Z", "2025-11-29T12:00:00.123Z"),
])
def test_timestamps_are_shown_in_utc_with_milliseconds(rest, clients, given, shown):
    event = progress(timestamp=given)
    assert rest.post("/api/events", event).status == 201
    for client in clients:
        message = client.until(is_for_job(event["payload"]["job_id"]))[-1]
        assert message["timestamp"] == shown


def test_text_of_every_kind_arrives_as_it_was_sent(rest, clients):
    event = progress(job=unique("ünï \"\\/<>&' 🙂 \u2028 \x7f"))
    event["payload"]["more"] = {"nested": [1, -1, 2.5, True, None, {"": ""}], "big": 2 ** 53 - 1,
                                "small": -(2 ** 53), "control": "\u0001\t\n"}
    assert rest.post("/api/events", event).status == 201
    for client in clients:
        message = client.until(is_for_job(event["payload"]["job_id"]))[-1]
        assert_standard(message, event)


# ---- many -----------------------------------------------------------------------------------

def test_a_batch_gets_sequences_without_a_gap_in_its_order(rest, clients):
    batch = [progress() for _ in range(256)]
    answer = rest.post("/api/events", batch)
    assert answer.status == 201, answer
    first = answer.json["sequences"][0]
    assert answer.json["sequences"] == list(range(first, first + 256))
    for client in clients:
        seen = client.until(is_for_job(batch[-1]["payload"]["job_id"]))
        wanted = [event["payload"]["job_id"] for event in batch]
        assert jobs(seen)[-256:] == wanted


def test_a_batch_with_one_bad_event_publishes_none_of_it(rest, clients):
    before = newest(rest)
    bad = [progress(), progress(), {"type": "job.progress", "payload": {"percent": "half"}}]
    answer = rest.post("/api/events", bad)
    assert answer.status == 422, answer
    assert answer.json["pointer"].startswith("/2/payload")
    assert newest(rest) == before
    after = progress()
    rest.post("/api/events", after)
    for client in clients:
        seen = client.until(is_for_job(after["payload"]["job_id"]))
        assert bad[0]["payload"]["job_id"] not in jobs(seen)


def test_a_batch_of_257_is_refused(rest):
    answer = rest.post("/api/events", [progress() for _ in range(257)])
    assert answer.status == 413, answer
    assert "256" in answer.json["detail"]


def test_an_empty_batch_is_refused(rest):
    answer = rest.post("/api/events", [])
    assert answer.status == 400, answer


# ---- the same again -------------------------------------------------------------------------

def test_the_same_key_and_body_give_the_same_answer_and_one_event(rest, clients):
    event, key = progress(), unique("key")
    first = rest.post("/api/events", event, headers={"Idempotency-Key": key})
    again = rest.post("/api/events", event, headers={"Idempotency-Key": key})
    assert first.status == again.status == 201
    assert again.json == first.json
    end = progress()
    rest.post("/api/events", end)
    for client in clients:
        seen = client.until(is_for_job(end["payload"]["job_id"]))
        assert jobs(seen).count(event["payload"]["job_id"]) == 1


def test_the_same_key_with_another_body_is_a_conflict(rest):
    key = unique("key")
    assert rest.post("/api/events", progress(), headers={"Idempotency-Key": key}).status == 201
    before = newest(rest)
    answer = rest.post("/api/events", progress(), headers={"Idempotency-Key": key})
    assert answer.status == 409, answer
    assert answer.type == "application/problem+json"
    assert answer.json["type"] == "urn:hostcast:problem:conflict"
    assert newest(rest) == before


def test_a_refused_body_does_not_use_its_key_up(rest):
    key = unique("key")
    bad = {"type": "job.progress", "payload": {}}
    assert rest.post("/api/events", bad, headers={"Idempotency-Key": key}).status == 422
    assert rest.post("/api/events", progress(), headers={"Idempotency-Key": key}).status == 201


@pytest.mark.parametrize("key", ["x" * 129, "tab\tinside", "\xfc"])
def test_a_key_that_is_none_is_refused(rest, key):
    answer = rest.post("/api/events", progress(), headers={"Idempotency-Key": key})
    assert answer.status == 400, answer
    assert "Idempotency-Key" in answer.json["detail"]


# ---- who may --------------------------------------------------------------------------------

def test_without_a_token_nothing_is_published(rest):
    before = newest(rest)
    answer = rest.post("/api/events", progress(), token=None)
    assert answer.status == 401, answer
    assert answer.type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert newest(rest) == before


@pytest.mark.parametrize("change", [
    lambda token: token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
    lambda token: "x" + token,
    lambda token: token.rpartition(".")[0] + ".",
    lambda token: "eyJhbGciOiJub25lIn0." + token.split(".")[1] + ".",
    lambda token: "not-a-token",
    lambda token: "a.b.c",
    lambda token: "." * 3,
    lambda token: token + "x" * 5000,
], ids=["signature", "header", "unsigned", "alg-none", "no-jwt", "abc", "dots", "long"])
def test_a_token_that_is_not_ours_is_refused(rest, stack, change):
    answer = rest.post("/api/events", progress(), token=change(stack.admin_token))
    assert answer.status in (400, 401), answer
    assert answer.status == 401 or len(change(stack.admin_token)) > 4000
    if answer.status == 401:
        assert answer.json["type"] == "urn:hostcast:problem:unauthorized"


def test_a_token_publishes_what_it_grants_and_nothing_else(stack):
    rest = stack.rest(stack.token(publish=["job.*"]))
    assert rest.post("/api/events", progress()).status == 201
    for event in (mounted(), {"type": "task.update", "payload": {"task": {"id": "x"}}}):
        answer = rest.post("/api/events", event)
        assert answer.status == 403, answer
        assert answer.json["type"] == "urn:hostcast:problem:forbidden"
    answer = rest.post("/api/events", [progress(), mounted()])
    assert answer.status == 403, "all or nothing"


def test_a_grant_ends_at_a_dot(stack):
    rest = stack.rest(stack.token(publish=["job.progress"]))
    assert rest.post("/api/events", progress()).status == 201
    assert rest.post("/api/events", completed()).status == 403


def test_a_token_without_grants_publishes_nothing(stack):
    assert stack.rest(stack.token()).post("/api/events", progress()).status == 403


def test_no_token_is_written_to_any_log(stack, rest):
    token = stack.token(publish=["job.*"])
    rest.post("/api/events", progress(), token=token)
    rest.get(f"/api/events?token={token}")
    rest.post("/api/events", progress(), token=token[:-3] + "xyz")
    body = token.split(".")[1]
    for path in stack.run.rglob("*"):
        if path.is_file() and path.name not in ("token", "events.db", "events.db-wal"):
            assert body not in path.read_text(errors="replace"), path
    assert body not in stack.process.output


# ---- devices as a foreign detector tells them -------------------------------------------------

def test_another_detector_mounts_and_unmounts_over_rest(rest, clients):
    path = f"/media/{unique('stick')}"
    answer = rest.post("/api/devices/mount", mounted(path)["payload"])
    assert answer.status == 201, answer
    for client in clients:
        message = client.until(lambda event: event["payload"].get("mount_path") == path)[-1]
        assert_standard(message, mounted(path), answer.json["sequences"][0])
        assert message["channel"] == "devices"
    devices = rest.read("/api/devices")
    assert mounted(path)["payload"] in devices["devices"]
    assert POSITION.match(devices["position"])

    answer = rest.post("/api/devices/unmount", unmounted(path)["payload"])
    assert answer.status == 201, answer
    for client in clients:
        message = client.until(lambda event: event["type"] == "device.unmounted")[-1]
        assert message["payload"] == unmounted(path)["payload"]
    assert path not in [device["mount_path"] for device in rest.read("/api/devices")["devices"]]


@pytest.mark.parametrize("path", ["/api/devices/mount", "/api/devices/unmount"])
def test_a_mount_without_its_path_is_refused_with_the_place(rest, path):
    answer = rest.post(path, {"device_node": "/dev/sdz1"})
    assert answer.status == 422, answer
    assert answer.json["type"] == "urn:hostcast:problem:schema"
    assert "mount_path" in answer.json["detail"] + answer.json.get("pointer", "")
    answer = rest.post(path, {"device_node": "/dev/sdz1", "mount_path": 7})
    assert answer.status == 422 and answer.json["pointer"] == "/mount_path", answer


def test_devices_need_a_token_that_grants_them(stack):
    payload = mounted(f"/media/{unique()}")["payload"]
    assert stack.rest(None).post("/api/devices/mount", payload).status == 401
    assert stack.rest(stack.token(publish=["job.*"])).post(
        "/api/devices/mount", payload).status == 403
    granted = stack.rest(stack.token(publish=["device.*"]))
    assert granted.post("/api/devices/mount", payload).status == 201
    assert granted.post("/api/devices/unmount", payload).status == 201


def test_the_detector_is_switched_only_by_those_who_may(stack):
    for verb in ("start", "stop"):
        assert stack.rest(None).post(f"/api/services/detector/{verb}").status == 401
        assert stack.rest(stack.token(publish=["job.*"])).post(
            f"/api/services/detector/{verb}").status == 403
    assert stack.detector()["monitoring_enabled"] is True


# ---- history --------------------------------------------------------------------------------

def test_history_is_read_page_by_page_without_gap_or_double(rest):
    first = newest(rest)
    batch = [progress() for _ in range(25)]
    rest.post("/api/events", batch)
    seen, after, pages = [], first, 0
    while True:
        page = rest.read(f"/api/events?after={after}&limit=10")
        if not page["events"]:
            break
        seen += page["events"]
        assert len(page["events"]) <= 10
        assert page["next"] == f"{page['epoch']}-{page['events'][-1]['sequence']}"
        after = page["next"]
        pages += 1
    assert pages == 3
    assert [event["payload"] for event in seen] == [event["payload"] for event in batch]
    assert [event["sequence"] for event in seen] == list(range(first + 1, first + 26))


def test_a_page_behind_the_end_is_empty_and_says_where_to_go_on(rest):
    status = rest.read("/api/status")
    page = rest.read(f"/api/events?after={status['sequence']}")
    assert page["events"] == []
    assert page["next"] == f"{status['epoch']}-{status['sequence']}"


def test_history_is_filtered_by_type_and_channel(rest):
    first = newest(rest)
    rest.post("/api/events", [progress(), completed(), mounted("/m/filter"), progress(),
                              unmounted("/m/filter")])
    def types(query):
        page = rest.read(f"/api/events?after={first}&{query}")
        return [event["type"] for event in page["events"]]

    assert types("type=job.completed") == ["job.completed"]
    assert types("type=job.completed,device.mounted") == ["job.completed", "device.mounted"]
    assert types("type=job.completed&type=device.mounted") == ["job.completed", "device.mounted"]
    assert types("type=job.*") == ["job.progress", "job.completed", "job.progress"]
    assert types("channel=devices") == ["device.mounted", "device.unmounted"]
    assert types("channel=devices&type=job.*") == []


def test_a_filtered_page_goes_on_behind_what_it_left_out(rest):
    first = newest(rest)
    rest.post("/api/events", [completed()] + [progress() for _ in range(30)] + [completed()])
    page = rest.read(f"/api/events?after={first}&type=job.completed&limit=1")
    assert len(page["events"]) == 1
    page = rest.read(f"/api/events?after={page['next']}&type=job.completed&limit=1")
    assert [event["sequence"] for event in page["events"]] == [first + 32]


def test_a_position_of_another_epoch_is_told_and_the_page_begins_anew(rest):
    page = rest.read("/api/events?after=0123456789abcdef-1&limit=1")
    assert page["complete"] is False and page["reason"] == "epoch"
    assert page["missed_from"] == "0123456789abcdef-2"
    assert page["missed_to"] == f"{page['epoch']}-{page['oldest'] - 1}"
    assert page["events"][0]["sequence"] == page["oldest"]


# ---- what there is to see -------------------------------------------------------------------

def test_status_has_what_the_contract_names(rest, stack):
    status = rest.read("/api/status")
    assert {"epoch", "sequence", "oldest", "clients", "endpoints", "log", "detector", "lost",
            "version", "uptime_seconds"} <= set(status)
    assert EPOCH.match(status["epoch"])
    assert status["detector"]["running"] is True
    before = status["clients"]
    with stack.straight(), stack.through_apache():
        assert rest.read("/api/status")["clients"] == before + 2


def test_event_types_are_those_of_every_seed(rest):
    types = {one["name"]: one for one in rest.read("/api/event-types")["types"]}
    assert {"device.mounted", "device.unmounted", "detector.status", "job.progress",
            "job.completed", "task.update", "device.status", "alert.created", "camera.online",
            "job.started", "job.failed", "job.cancelled", "system.health_changed",
            "service.status_changed", "gpu.stats_updated", "worker.started", "event.created",
            "detection.new", "detection.batch", "scene_change.detected", "media_update",
            "system_update", "analysis_complete", "notification"} <= set(types)
    for one in types.values():
        assert one["channel"] and one["description"], one
    assert types["device.mounted"]["channel"] == "devices"


def test_one_event_type_is_shown_with_its_schema(rest):
    one = rest.read("/api/event-types/device.mounted")
    assert one["name"] == "device.mounted"
    assert {"device_node", "mount_path"} <= set(one["payload"]["properties"])
    answer = rest.get("/api/event-types/no.such")
    assert answer.status == 404 and answer.type == "application/problem+json"


def test_channels_list_their_types(rest):
    channels = {one["name"]: one["types"] for one in rest.read("/api/channels")["channels"]}
    assert {"device.mounted", "device.unmounted"} <= set(channels["devices"])
    assert "job.progress" in channels["jobs"]


def test_retained_state_is_readable_by_type(rest):
    state = rest.read("/api/state/detector.status")
    assert [event["type"] for event in state["events"]] == ["detector.status"]
    assert state["events"][0]["payload"]["running"] is True
    assert POSITION.match(state["position"])


@pytest.mark.parametrize("path", ["/healthz", "/api/healthz"])
def test_health_is_ok_while_everything_runs(rest, path):
    health = rest.read(path, token=None)
    assert health["status"] == "ok", health


def test_connections_are_shown_to_administrators_only(rest, stack):
    with stack.straight():
        answer = rest.get("/api/connections")
        assert answer.status == 200 and len(answer.json["connections"]) >= 1, answer
    assert rest.get("/api/connections", token=None).status == 401
    assert rest.get("/api/connections", token=stack.token(publish=["*"])).status == 403


def test_the_page_and_its_files_are_served(rest):
    page = rest.get("/", token=None)
    assert page.status == 200 and page.type == "text/html"
    assert b"<html" in page.body.lower()
