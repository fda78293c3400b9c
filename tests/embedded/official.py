"""A child process: the official Python clients call the probes; exits 0 when all is well."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import requests
from convex.http_client import ConvexHttpClient

from convex import ConvexClient, ConvexError, ConvexInt64


def call_all(client: Any, tag: str) -> None:
    values = [1.5, 100000, ConvexInt64(2**62), b"\x00\xff", None, True, "é😀", [1, {"a": 2}]]
    assert client.query("things:echo", {"value": values}) == values
    thing = client.mutation("things:insert", {"tag": tag, "value": 7})
    assert client.query("things:get", {"id": thing})["value"] == 7.0
    assert client.action("platform:act", {"tag": tag}) == {"secret": "told", "count": 2.0}
    with pytest.raises(ConvexError) as failed:
        client.mutation("things:failAfterWriting", {"tag": tag, "data": {"code": "no"}})
    assert failed.value.data == {"code": "no"}
    where = client.mutation("files:uploadUrl")
    file = requests.post(where, data=b"\x00\xff", timeout=10).json()["storageId"]
    address = client.query("files:url", {"file": file})
    assert requests.get(address, timeout=10).content == b"\x00\xff"
    with pytest.raises(Exception, match="Could not find public function"):
        client.query("platform:secret", {})


url, admin_key, tag = sys.argv[1:]
clients: list[Any] = [ConvexHttpClient(url), ConvexClient(url)]
for number, client in enumerate(clients):
    call_all(client, f"{tag} {number}")
    client.set_admin_auth(admin_key)
    assert client.query("platform:secret", {}) == "told"
