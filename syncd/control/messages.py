"""What commands ask and what they are answered, one JSON object a line. Pure.

Version 1: fields are only ever added; a daemon refuses a version and a command it does not know.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from syncd.errors import SyncdError

VERSION: Final = 1

LINE_BYTES = 8 * 1024 * 1024
"""The longest line either side reads."""

LISTED = 1000
"""Things done, and things that failed, that an answer lists."""

BODY_BYTES = 4 * 1024 * 1024
"""The most bytes of a file that a request carries; base64 makes a third more of them."""


def _base64(text: str) -> str:
    b64decode(text, validate=True)  # A ValueError makes it a bad request.
    return text


Base64 = Annotated[str, AfterValidator(_base64)]

Side = Literal["mine", "theirs", "base", "file"]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Resolve(_Request):
    """Decide a conflict, or with `number` None every open one.

    mine: the file stays as it is; theirs, base: it becomes that version; file: it becomes `body`.
    """

    command: Literal["resolve"] = "resolve"
    number: int | None
    side: Side
    body: Base64 | None = None

    @property
    def content(self) -> bytes | None:
        """The bytes of `body`."""
        return None if self.body is None else b64decode(self.body)


class Undo(_Request):
    """Put back what the file held before a conflict was resolved, and open the conflict again."""

    command: Literal["undo"] = "undo"
    number: int


class Restore(_Request):
    """Make a file, or one record of it, hold an earlier version again."""

    command: Literal["restore"] = "restore"
    store: str
    path: str
    record: str = ""
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RestoreMany(_Request):
    """Make many files hold earlier versions again, one by one: what fails keeps none from it."""

    command: Literal["restore-many"] = "restore-many"
    files: Annotated[list[Restore], Field(max_length=LISTED)]


class Approve(_Request):
    """Let the deletions that wait in a store go, once; None: in every store."""

    command: Literal["approve"] = "approve"
    store: str | None


class Reject(_Request):
    """Put back what is gone from a store; None: from every store where deletions wait."""

    command: Literal["reject"] = "reject"
    store: str | None


class Retry(_Request):
    """Look again at what is parked or held: one file, or with `path` None all of them."""

    command: Literal["retry"] = "retry"
    store: str | None = None
    path: str | None = None


class Pause(_Request):
    """Send nothing and hear nothing for `seconds`, None until Resume; saves are queued."""

    command: Literal["pause"] = "pause"
    seconds: Annotated[float, Field(gt=0)] | None = None


class Resume(_Request):
    """End the pause."""

    command: Literal["resume"] = "resume"


class Ping(_Request):
    """Say that the engine could begin another turn."""

    command: Literal["ping"] = "ping"


AnyRequest = Annotated[
    Resolve | Undo | Restore | RestoreMany | Approve | Reject | Retry | Pause | Resume | Ping,
    Field(discriminator="command"),
]


class Question(BaseModel):
    """The line that a command sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = VERSION
    request: AnyRequest


class Done(BaseModel):
    """Something that was done to `key`."""

    key: str
    what: str
    detail: str = ""


class Failure(BaseModel):
    """Something that was not done: what happened, and what to do."""

    key: str = ""
    what: str
    advice: str
    exit_code: int = 1


class Answer(BaseModel):
    """The line that a command is answered; `more` were done or failed than are listed."""

    version: int = VERSION
    done: list[Done] = []
    failed: list[Failure] = []
    more: int = 0

    def joined(self, other: Answer) -> Answer:
        """Both answers in one."""
        return Answer(
            done=self.done + other.done,
            failed=self.failed + other.failed,
            more=self.more + other.more,
        )

    def bounded(self) -> Answer:
        """The answer with at most LISTED of each listed, and how `more` there were."""
        listed = Answer(done=self.done[:LISTED], failed=self.failed[:LISTED])
        left = len(self.done) + len(self.failed) - len(listed.done) - len(listed.failed)
        return listed.model_copy(update={"more": self.more + left})

    @property
    def exit_code(self) -> int:
        """0 where all was done, else that of the first failure."""
        return self.failed[0].exit_code if self.failed else 0


def failed(error: SyncdError) -> Answer:
    """The answer that tells a trouble."""
    failure = Failure(what=str(error), advice=error.advice, exit_code=error.exit_code)
    return Answer(failed=[failure])
