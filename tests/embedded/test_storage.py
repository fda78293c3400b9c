"""File storage: uploads, downloads, what is known of a file, and what a crash may leave."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.system.waiting import until

from .backend import Backend

BYTES = random.Random(7).randbytes(300_000)
MIB = 1 << 20


def sha256(body: bytes) -> str:
    return b64encode(hashlib.sha256(body).digest()).decode()


def upload(backend: Backend, body: Any, **headers: str) -> requests.Response:
    where = backend.mutate("files:uploadUrl")
    return backend.http.post(where, data=body, headers=headers, timeout=60)


def uploaded(backend: Backend, body: bytes, **headers: str) -> str:
    answer = upload(backend, body, **headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["storageId"])


def names(backend: Backend) -> set[str]:
    return {found.name for found in (backend.data / "storage").iterdir()}


def resident_peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000])
def test_what_was_uploaded_comes_back_byte_for_byte(backend: Backend, size: int) -> None:
    body = BYTES[:size]
    file = uploaded(backend, body, **{"Content-Type": "image/png; syncd=payload"})
    answer = backend.http.get(backend.query("files:url", file=file), timeout=10)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["Content-Type"] == "image/png; syncd=payload"
    assert answer.headers["Content-Length"] == str(size)
    assert answer.headers["Digest"] == f"sha-256={sha256(body)}"
    assert answer.headers["Accept-Ranges"] == "bytes"
    document = backend.query("files:get", file=file)
    assert (document["sha256"], document["size"]) == (sha256(body), size)
    assert document["contentType"] == "image/png; syncd=payload"
    metadata = backend.query("files:metadata", file=file)
    assert metadata["sha256"] == hashlib.sha256(body).hexdigest()
    assert file in backend.query("files:between", after=0, before=document["_creationTime"] + 1)
    assert file not in backend.query("files:between", after=document["_creationTime"], before=1e15)


def test_a_file_without_a_content_type_has_none(backend: Backend) -> None:
    file = uploaded(backend, b"x")
    assert "contentType" not in backend.query("files:get", file=file)
    assert backend.query("files:metadata", file=file)["contentType"] is None
    answer = backend.http.get(backend.query("files:url", file=file), timeout=10)
    assert "Content-Type" not in answer.headers


def test_a_digest_is_compared_before_anything_is_kept(backend: Backend) -> None:
    right = {"Digest": f"sha-256={sha256(BYTES)}"}
    uploaded(backend, BYTES, **right)
    before = names(backend)
    wrong = upload(backend, BYTES[:-1], **right)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "Sha256Mismatch")
    bad = upload(backend, BYTES, Digest="sha-256=short")
    assert (bad.status_code, bad.json()["code"]) == (400, "BadHeader")
    assert names(backend) == before


def test_a_token_is_of_this_backend_and_an_hour_old_at_most(backend: Backend) -> None:
    where = backend.mutate("files:uploadUrl")
    for token in ("", "no", where.rpartition("=")[2][:-1] + "_"):
        address = f"{backend.url}/api/storage/upload?token={token}"
        answer = backend.http.post(address, data=b"x", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (401, "StorageTokenInvalid")
    assert backend.http.post(where, data=b"once", timeout=10).status_code == 200
    assert backend.http.post(where, data=b"and again", timeout=10).status_code == 200


RANGES = [
    ("bytes=0-9", 206, (0, 10)),
    ("bytes=299990-", 206, (299_990, 300_000)),
    ("bytes=-10", 206, (299_990, 300_000)),
    ("bytes=5-999999999", 206, (5, 300_000)),
    ("bytes=300000-", 416, None),
    ("bytes=0-1,4-5", 416, None),
    ("bytes=-", 416, None),
]


@pytest.mark.parametrize(("asked", "status", "part"), RANGES)
def test_a_single_range_is_sent(
    backend: Backend, asked: str, status: int, part: tuple[int, int] | None
) -> None:
    where = backend.query("files:url", file=uploaded(backend, BYTES))
    answer = backend.http.get(where, headers={"Range": asked}, timeout=10)
    assert answer.status_code == status
    if part is not None:
        start, end = part
        assert answer.content == BYTES[start:end]
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(BYTES)}"
        assert "Digest" not in answer.headers


def test_an_empty_file_has_no_ranges(backend: Backend) -> None:
    where = backend.query("files:url", file=uploaded(backend, b""))
    answer = backend.http.get(where, headers={"Range": "bytes=0-9"}, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_deletion_goes_with_its_transaction(backend: Backend) -> None:
    file = uploaded(backend, BYTES)
    where = backend.query("files:url", file=file)
    assert (
        "after the deletion"
        in backend.call("mutation", "files:remove", {"file": file, "fails": True}).error
    )
    assert backend.http.get(where, timeout=10).content == BYTES
    before = names(backend)
    backend.mutate("files:remove", file=file)
    gone = backend.http.get(where, timeout=10)
    assert (gone.status_code, gone.json()["code"]) == (404, "FileNotFound")
    assert names(backend) == before - {where.rpartition("/")[2]}
    assert backend.query("files:url", file=file) is None
    assert backend.query("files:metadata", file=file) is None
    again = backend.call("mutation", "files:remove", {"file": file})
    assert f"storage id {file} not found" in again.error


def test_a_deletion_is_told_though_the_disk_keeps_the_bytes(backend: Backend) -> None:
    file = uploaded(backend, BYTES)
    name = backend.query("files:url", file=file).rpartition("/")[2]
    bytes_ = backend.data / "storage" / name
    bytes_.unlink()
    bytes_.mkdir()
    backend.mutate("files:remove", file=file)
    assert backend.query("files:url", file=file) is None
    bytes_.rmdir()


def test_paths_are_those_of_files_only(backend: Backend) -> None:
    for path in ("..%2Fadmin_key", "x", "12345678-1234-1234-1234-12345678901Z"):
        answer = backend.http.get(f"{backend.url}/api/storage/{path}", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (400, "InvalidStoragePath")


def test_functions_cannot_write_what_the_platform_knows(backend: Backend) -> None:
    file = uploaded(backend, b"x")
    meddled = backend.call("mutation", "files:meddle", {"file": file})
    assert "written by the platform only" in meddled.error
    assert "read with db.system" in backend.call("query", "files:wrongReader", {"file": file}).error


def pieces(total: int) -> Iterator[bytes]:
    part = os.urandom(MIB)
    for _ in range(total // MIB):
        yield part


def test_a_large_file_passes_through_without_being_held(
    make_backend: Callable[[str], Backend],
) -> None:
    backend = make_backend("probes")
    backend.start()
    assert backend.process is not None
    uploaded(backend, b"warm")
    before = resident_peak(backend.process.pid)
    answer = upload(backend, pieces(192 * MIB))
    where = backend.query("files:url", file=answer.json()["storageId"])
    with backend.http.get(where, stream=True, timeout=60) as sent:
        assert sum(len(part) for part in sent.iter_content(MIB)) == 192 * MIB
    assert resident_peak(backend.process.pid) - before < 96 * MIB


def test_what_was_acknowledged_survives_kill_9_and_nothing_else_stays(
    make_backend: Callable[[str], Backend],
) -> None:
    backend = make_backend("probes")
    backend.start()
    kept: list[str] = []

    def upload_until_it_dies() -> None:
        while True:
            try:
                answer = upload(backend, BYTES)
            except requests.RequestException:
                return
            kept.append(answer.json()["storageId"])

    for _ in range(3):
        before = len(kept)
        uploading = threading.Thread(target=upload_until_it_dies)
        uploading.start()
        until(lambda: len(kept) > before, "an upload is acknowledged")  # noqa: B023
        time.sleep(random.Random(len(kept)).uniform(0.0, 0.1))
        backend.kill(signal.SIGKILL)
        uploading.join()
        backend.start()
        addresses = [backend.query("files:url", file=file) for file in kept]
        for where in addresses:
            assert backend.http.get(where, timeout=10).content == BYTES
        # One more may have been committed, and its answer lost.
        committed = backend.query("files:between", after=0, before=1e15)
        assert len(names(backend)) == len(committed)
    assert kept
