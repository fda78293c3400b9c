"""Makes this process kill itself at a crash point: the named function is replaced by one that
dies at the told moment of its n-th call. Only ever used in a victim's process."""

from __future__ import annotations

import functools
import http.client
import importlib
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, assert_never
from urllib.parse import urlsplit

from .points import Point, When

Function = Callable[..., Any]


def die() -> NoReturn:
    """End this process as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives SIGKILL")


def arm(point: Point, passage: int) -> None:
    """Let this process die at the `passage`-th passage of `point`, counted from 1."""
    counted = _Counter(passage)

    def due(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        return _meant(point, args, kwargs) and counted()

    if point.once:
        replace(point.function, lambda real: _once(real, Path(point.once), due))
    else:
        replace(point.function, lambda real: _deadly(real, point.when, due))


def replace(name: str, made: Callable[[Function], Function]) -> None:
    """Put what `made` makes of the function at "module:qualified name" in its place."""
    module, _, path = name.partition(":")
    *owners, last = path.split(".")
    owner: Any = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, last, made(getattr(owner, last)))


class _Counter:
    """True once, at the n-th call, whichever thread makes it."""

    def __init__(self, passage: int) -> None:
        self._left = passage
        self._lock = threading.Lock()

    def __call__(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left == 0


def _meant(point: Point, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if point.having and point.having not in (*args, *kwargs.values()):
        return False
    return not point.inside or point.inside in _callers()


def _callers() -> Iterator[str]:
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        yield frame.f_code.co_qualname


Due = Callable[[tuple[Any, ...], dict[str, Any]], bool]


def _deadly(real: Function, when: When, due: Due) -> Function:
    match when:
        case When.BEFORE:
            return _wrapped(real, due, lambda *args: die())
        case When.AMID:
            return _wrapped(real, due, _with_deadly_list)
        case When.AFTER:
            return _awaited(real, due, lambda args: args)
        case When.HALF:
            return _awaited(real, due, _first_half)
        case When.SENT:
            return _wrapped(real, due, _send)
        case When.COMMIT:
            return _uncommitted(real, due)
    assert_never(when)


def _wrapped(real: Function, due: Due, instead: Function) -> Function:
    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if due(args, kwargs):
            return instead(real, args, kwargs)
        return real(*args, **kwargs)

    return wrapped


def _awaited(
    real: Function, due: Due, cut: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> Function:
    @functools.wraps(real)
    def dying(*args: Any, **kwargs: Any) -> Any:
        if not due(args, kwargs):
            return real(*args, **kwargs)
        answer = real(*cut(args), **kwargs)
        return _outlived(answer) if inspect.iscoroutine(answer) else die()

    return dying


async def _outlived(answer: Any) -> NoReturn:
    await answer
    die()


def _once(real: Function, mark: Path, due: Due) -> Function:
    # What marks it comes about in the call itself: only behind it is known whether that counts.
    @functools.wraps(real)
    def dying(*args: Any, **kwargs: Any) -> Any:
        answer = real(*args, **kwargs)
        return die() if mark.exists() and due(args, kwargs) else answer

    return dying


def _place(args: tuple[Any, ...]) -> int:
    """Where the list or the bytes of a call are."""
    return next(n for n, arg in enumerate(args) if isinstance(arg, list | tuple | bytes))


def _first_half(args: tuple[Any, ...]) -> tuple[Any, ...]:
    place = _place(args)
    whole = args[place]
    return (*args[:place], whole[: len(whole) // 2], *args[place + 1 :])


def _with_deadly_list(real: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    place = _place(args)
    whole = args[place]

    def half() -> Iterator[Any]:
        yield from whole[: len(whole) // 2]
        die()

    return real(*args[:place], half(), *args[place + 1 :], **kwargs)


def _send(_: Function, args: tuple[Any, ...], __: dict[str, Any]) -> NoReturn:
    url, body = args[-3], args[-1]
    where = urlsplit(url)
    assert where.hostname is not None
    connection = http.client.HTTPConnection(where.hostname, where.port)
    connection.request("POST", where.path, body, {"Content-Type": "application/json"})
    die()


def _uncommitted(real: Function, due: Due) -> Function:
    @contextmanager
    def transaction(*args: Any, **kwargs: Any) -> Iterator[Any]:
        deadly = due(args, kwargs)
        with real(*args, **kwargs) as connection:
            yield connection
            if deadly:
                die()

    return transaction
