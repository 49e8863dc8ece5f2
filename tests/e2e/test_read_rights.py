# SPDX-License-Identifier: MIT
"""Who may read history and state: asked as the REST program asks, on behalf of somebody."""
import pytest

from harness.events import completed, mounted, progress
from harness.rpc import Fault

HUB = {"auth": {"read": "token"}}


@pytest.fixture
def rest(hub):
    with hub.rpc(role="fcgi") as client:
        yield client


def code_of(call, *arguments, **params):
    with pytest.raises(Fault) as caught:
        call(*arguments, **params)
    return caught.value.code


def types_of(answer):
    return {event["type"] for event in answer["events"]}


def test_without_a_token_nothing_is_read(rest):
    assert code_of(rest.call, "events") == "unauthorized"
    assert code_of(rest.call, "state") == "unauthorized"
    assert code_of(rest.call, "state", type="device.mounted") == "unauthorized"


def test_a_bad_token_is_not_taken_for_none(rest, new_hub):
    assert code_of(rest.call, "events", token="junk") == "unauthorized"
    with new_hub().rpc(role="fcgi") as open_to_all:
        assert open_to_all.call("events")["events"] == []
        assert code_of(open_to_all.call, "events", token="junk") == "unauthorized"


def test_a_token_reads_everything_unless_it_says_what(hub, rpc, rest):
    rpc.publish(progress(), completed(), mounted("/m/rights"))
    every = types_of(rest.call("events", token=hub.token()))
    assert {"job.progress", "job.completed", "device.mounted"} <= every
    narrow = hub.token(subscribe=["job.*"])
    assert types_of(rest.call("events", token=narrow)) == {"job.progress", "job.completed"}
    assert types_of(rest.call("events", token=narrow, types=["*"])) == {"job.progress",
                                                                        "job.completed"}
    assert rest.call("state", token=narrow)["events"] == []
    assert code_of(rest.call, "state", token=narrow, type="device.mounted") == "forbidden"
    assert types_of(rest.call("state", token=hub.token(subscribe=["device.mounted"]))) == {
        "device.mounted"}


def test_events_to_a_user_are_in_that_users_history_alone(hub, rpc, rest):
    mine = {**progress(), "to": "ann"}
    rpc.publish(mine)
    for subject, wanted in (("ann", 1), ("bob", 0)):
        found = [event for event in rest.call("events", token=hub.token(subject=subject),
                                              limit=1000)["events"]
                 if event["payload"] == mine["payload"]]
        assert len(found) == wanted


def test_programs_on_the_socket_itself_need_none(hub):
    with hub.rpc(role="cli") as cli:
        assert "events" in cli.call("events")
