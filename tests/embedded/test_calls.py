"""Calls over HTTP: functions, visibility, errors, transactions, what a function may use."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from .backend import Backend


def test_identification(backend: Backend) -> None:
    assert requests.get(f"{backend.url}/version", timeout=5).text
    name = requests.get(f"{backend.url}/instance_name", timeout=5).text
    assert backend.admin_key.startswith(f"{name}|")
    assert (backend.data.stat().st_mode & 0o777) == 0o700
    assert ((backend.data / "admin_key").stat().st_mode & 0o777) == 0o600
    missing = requests.get(f"{backend.url}/nowhere", timeout=5)
    assert (missing.status_code, missing.json()["code"]) == (404, "NotFound")


def test_it_listens_on_the_loopback_only(backend: Backend) -> None:
    with open("/proc/net/tcp") as table:
        listening = [line.split()[1] for line in table if f":{backend.port:04X} " in line]
    assert f"0100007F:{backend.port:04X}" in listening
    assert not [address for address in listening if address.startswith("00000000")]


def test_an_internal_function_needs_the_admin_key(backend: Backend) -> None:
    hidden = backend.call("query", "platform:secret", {})
    missing = backend.call("query", "platform:nothing", {})
    assert "Could not find public function for 'platform:secret'." in hidden.error
    assert "Could not find public function for 'platform:nothing'." in missing.error
    assert hidden.status == missing.status == 200
    assert backend.call("query", "platform:secret", {}, admin=True).value == "told"
    wrong = backend.post(
        "/api/query", {"path": "platform:secret", "args": {}}, Authorization="Convex wrong|key"
    )
    assert (wrong.status, wrong.body["code"]) == (403, "BadDeployKey")
    token = backend.post(
        "/api/query", {"path": "platform:talk", "args": {}}, Authorization="Bearer a.b.c"
    )
    assert (token.status, token.body["code"]) == (401, "NoAuthProvider")


def test_a_function_is_called_as_what_it_is(backend: Backend) -> None:
    wrong = backend.call("mutation", "things:echo", {"value": 1})
    assert "as Mutation, but it is defined as Query" in wrong.error
    bad = backend.call("query", "no such path!", {})
    assert (bad.status, bad.body["code"]) == (400, "BadConvexFunctionIdentifier")
    assert backend.call("query", "things.js:echo", {"value": 1}).value == 1


def test_run_by_url_and_function_endpoint(backend: Backend) -> None:
    assert backend.post("/api/run/things/echo", {"args": {"value": 3}}).value == 3
    body = {"path": "platform:secret", "args": {}}
    assert backend.post("/api/function", body).body["code"] == "Forbidden"
    key = f"Convex {backend.admin_key}"
    assert backend.post("/api/function", body, Authorization=key).value == "told"


def test_a_batch_of_queries_has_one_snapshot(backend: Backend, tag: str) -> None:
    queries = [
        {"path": "things:count", "args": {"tag": tag}},
        {"path": "things:none", "args": {}},
    ]
    results = backend.post("/api/query_batch", {"queries": queries}).body["results"]
    assert [each["status"] for each in results] == ["success", "error"]


def test_a_query_by_get(backend: Backend) -> None:
    params = {"path": "things:echo", "args": json.dumps({"value": 1}), "format": "json"}
    answer = requests.get(f"{backend.url}/api/query", params=params, timeout=5)
    assert answer.json() == {"status": "success", "value": 1}


def test_bodies_that_are_none(backend: Backend) -> None:
    for data, kind in (("{", "application/json"), ("{}", "text/plain"), ("3", "application/json")):
        answer = requests.post(
            f"{backend.url}/api/query", data=data, headers={"Content-Type": kind}, timeout=5
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "BadJsonBody")
    old = backend.post("/api/query", {"path": "a:b", "args": {}}, **{"Convex-Client": "nodash"})
    assert old.body["code"] == "InvalidClientVersion"


def test_a_format_that_is_none_is_refused_before_anything_is_done(
    backend: Backend, tag: str
) -> None:
    call = {"path": "things:insert", "args": {"tag": tag, "value": 1}, "format": "nonsense"}
    answer = backend.post("/api/mutation", call)
    assert (answer.status, answer.body["code"]) == (400, "BadFormat")
    assert backend.query("things:count", tag=tag) == 0


@pytest.mark.parametrize("upgrade", ["", "Connection: Upgrade\r\nUpgrade: websocket\r\n"])
def test_an_address_that_is_none_harms_nobody(
    make_backend: Callable[[str], Backend], upgrade: str
) -> None:
    backend = make_backend("probes")
    backend.start()
    with socket.create_connection(("127.0.0.1", backend.port), timeout=10) as connection:
        connection.sendall(f"GET // HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n".encode())
        assert b"200" not in connection.recv(1000)
    assert backend.query("things:echo", value=1) == 1


def test_a_browser_of_any_origin_may_call(backend: Backend) -> None:
    origin = {"Origin": "http://app.example", "Access-Control-Request-Headers": "x-one"}
    answer = requests.options(f"{backend.url}/api/query", headers=origin, timeout=5)
    assert answer.headers["Access-Control-Allow-Origin"] == "http://app.example"
    assert answer.headers["Access-Control-Allow-Headers"] == "x-one"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "missing the required field `tag`"),
        ({"tag": "t", "value": 1, "extra": 1}, "extra field `extra`"),
        ({"tag": 1, "value": 1}, "Path: .tag"),
    ],
)
def test_arguments_are_checked(backend: Backend, args: dict[str, Any], said: str) -> None:
    error = backend.call("mutation", "things:insert", args).error
    assert "ArgumentValidationError" in error
    assert said in error


def test_return_values_are_checked(backend: Backend) -> None:
    assert "ReturnsValidationError" in backend.call("query", "platform:lie", {}).error


def test_a_convex_error_carries_its_data_and_undoes_the_writes(backend: Backend, tag: str) -> None:
    data = {"code": "no", "n": {"$integer": "BwAAAAAAAAA="}}
    failed = backend.call("mutation", "things:failAfterWriting", {"tag": tag, "data": data})
    assert failed.status == 200
    assert failed.body["errorData"] == data
    assert "Uncaught ConvexError" in failed.error
    assert backend.query("things:count", tag=tag) == 0
    plain = backend.call("mutation", "things:throwPlain", {})
    assert "Uncaught Error: plain trouble" in plain.error
    assert "errorData" not in plain.body


def test_a_failed_sub_mutation_is_undone_alone(backend: Backend, tag: str) -> None:
    assert "inner trouble" in backend.mutate("platform:nest", tag=tag)
    assert backend.query("things:count", tag=tag) == 1
    assert backend.mutate("platform:nestAtOnce", tag=tag) == 2
    assert backend.query("things:count", tag=tag) == 3


def test_a_stamp_of_a_failed_sub_mutation_does_not_come_back(backend: Backend, tag: str) -> None:
    backend.mutate("platform:nestStamp", name=tag)
    stamps = backend.query("things:stamps", after={"$integer": "AAAAAAAAAAA="})["found"]
    assert [each["name"] for each in stamps if each["name"].startswith(tag)] == [tag]


def test_an_action_calls_queries_and_mutations(backend: Backend, tag: str) -> None:
    done = backend.call("action", "platform:act", {"tag": tag})
    assert done.value == {"secret": "told", "count": 1}


def test_the_clock_stands_still_in_a_query(backend: Backend) -> None:
    before = time.time() * 1000
    seen = backend.query("platform:clock")
    assert seen["still"]
    assert before - 2000 < seen["now"] < before + 60_000


@pytest.mark.parametrize("function", ["platform:useTimer", "platform:useFetch"])
def test_timers_and_fetch_are_for_actions(backend: Backend, function: str) -> None:
    assert "consider using an action" in backend.call("query", function, {}).error


def test_a_digest_is_awaited(backend: Backend) -> None:
    wanted = hashlib.sha256(b"text").hexdigest()
    assert backend.mutate("platform:digest", text="text") == wanted


def test_promises_left_behind_change_nothing(backend: Backend, tag: str) -> None:
    backend.mutate("platform:litter", tag=tag)
    for _ in range(5):
        assert backend.query("things:count", tag=tag) == 0
    assert backend.mutate("platform:digest", text="") == hashlib.sha256().hexdigest()


def test_what_is_not_there_says_so(backend: Backend) -> None:
    error = backend.call("mutation", "platform:storeBlob", {}).error
    assert "The embedded backend does not do this call of file storage" in error


def test_console_lines_are_answered(backend: Backend) -> None:
    answer = backend.call("query", "platform:talk", {})
    assert answer.body["logLines"] == ["[LOG] 'hello' { a: 1 }"]


def test_an_admin_may_act_as_a_user(backend: Backend) -> None:

    user = base64.b64encode(json.dumps({"issuer": "i", "subject": "s"}).encode()).decode()
    key = f"Convex {backend.admin_key}:{user}"
    answer = backend.post(
        "/api/query", {"path": "platform:identity", "args": {}}, Authorization=key
    )
    assert answer.value == {"tokenIdentifier": "i|s", "issuer": "i", "subject": "s"}
    assert backend.query("platform:identity") is None


def test_patch_replace_and_remove(backend: Backend, tag: str) -> None:
    thing = backend.mutate("things:insert", tag=tag, value=1)
    patched = backend.mutate("things:patch", id=thing, fields={"value": 2, "more": [1]})
    assert (patched["value"], patched["more"]) == (2, [1])
    dropped = backend.mutate("things:patch", id=thing, fields={}, drop="more")
    assert "more" not in dropped
    assert dropped["_creationTime"] == patched["_creationTime"]
    replaced = backend.mutate("things:replace", id=thing, document={"tag": tag, "value": 3})
    assert replaced["value"] == 3
    assert backend.query("things:range", tag=tag, open=False, order="asc") == [3]
    backend.mutate("things:remove", id=thing)
    assert backend.query("things:get", id=thing) is None
    assert "nonexistent document" in backend.call("mutation", "things:remove", {"id": thing}).error


def test_ids_belong_to_their_table(backend: Backend, tag: str) -> None:
    thing = backend.mutate("things:insert", tag=tag, value=1)
    loose = backend.mutate("things:insertLoose", document={})
    assert len(thing) == 32
    assert "id of table `things`" in backend.call("query", "things:get", {"id": loose}).error
    assert "id of table `things`" in backend.call("query", "things:get", {"id": "x"}).error
    assert backend.query("things:normalize", table="things", id=thing) == thing
    assert backend.query("things:normalize", table="loose", id=thing) is None
    forged = thing[:-1] + ("0" if thing[-1] != "0" else "1")
    assert backend.query("things:normalize", table="things", id=forged) is None


def test_a_stream_sees_the_writes_of_its_own_mutation(backend: Backend, tag: str) -> None:
    for value in range(4):
        backend.mutate("things:insert", tag=tag, value=value)
    assert backend.mutate("things:rewriteWhileReading", tag=tag) == [0, 2, 3]


def test_pages(backend: Backend, tag: str) -> None:
    for value in range(25):
        backend.mutate("things:insert", tag=tag, value=value)
    seen: list[float] = []
    cursor, cursors = None, [None]
    for _ in range(10):
        options = {"numItems": 10, "cursor": cursor}
        page = backend.query("things:page", tag=tag, paginationOpts=options)
        seen += [thing["value"] for thing in page["page"]]
        cursor = page["continueCursor"]
        cursors.append(cursor)
        if page["isDone"]:
            break
    assert seen == list(range(25))
    pinned = {"numItems": 3, "cursor": cursors[1], "endCursor": cursors[2]}
    again = backend.query("things:page", tag=tag, paginationOpts=pinned)
    assert [thing["value"] for thing in again["page"]] == list(range(10, 20))
    other = {"tag": "other", "paginationOpts": {"numItems": 3, "cursor": cursors[1]}}
    assert "InvalidCursor" in backend.call("query", "things:page", other).error


def test_commit_timestamps_grow_and_are_resolved(backend: Backend) -> None:
    def number(encoded: dict[str, str]) -> int:

        return int.from_bytes(base64.b64decode(encoded["$integer"]), "little")

    before = backend.mutate("things:stamp", name="before")["at"]
    stamped = [backend.mutate("things:stamp", name=str(n)) for n in range(20)]
    times = [number(each["at"]) for each in stamped]
    assert times == sorted(set(times))
    assert {each["readBack"] for each in stamped} == {"[unresolved commit timestamp]"}
    assert all(each["isLast"] for each in stamped)
    listed = backend.query("things:stamps", after=before)
    assert [number(each["at"]) for each in listed["found"]] == times
    assert number(listed["snapshot"]) >= times[-1]
    rest = backend.query("things:stamps", after=stamped[9]["at"])
    assert [each["name"] for each in rest["found"]] == [str(n) for n in range(10, 20)]
