"""What all messages of the deployment have in common. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

HexDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Message(BaseModel):
    """One answer, or a part of one: later functions may say more, which is passed over."""

    # Built when the first of its kind comes: a start meets three kinds of twenty.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


Answer = TypeVar("Answer", bound=BaseModel)


class Reply(Message, Generic[Answer]):
    """What every function call answers: a value, or an error with data that survives redaction."""

    status: Literal["success", "error"]
    value: Answer | None = None
    error_message: str = Field(default="", alias="errorMessage")
    error_data: Any = Field(default=None, alias="errorData")
