"""The workflow engine's records: workflows, and the executions of each."""

from __future__ import annotations

import asyncio
import functools
import secrets
import string
import time
from typing import Final

from syncd.errors import RecordError
from syncd.storage.asking import LIMIT, Answers, Asking, Settings
from syncd.storage.columns import id_told
from syncd.storage.ids import id_of
from syncd.storage.mirror import Mirror
from syncd.storage.records import Execution, Workflow, expect
from syncd.storage.rows import ExecutionRow, WorkflowRow
from syncd.storage.stores import Stores
from syncd.stores.layout import normal

_Workflows = list[WorkflowRow]
_Executions = list[ExecutionRow]

_DIGITS: Final = string.digits + string.ascii_lowercase


def new_execution_id() -> str:
    """An id as the stack's programs make them: when it began, and nine random characters."""
    return f"exec-{time.time_ns() // 1_000_000}-{random_letters()}"


def random_letters() -> str:
    """Nine characters of base 36."""
    return "".join(secrets.choice(_DIGITS) for _ in range(9))


def _name_of(id: str) -> str:
    # The id of an execution is its file's name, which has one spelling.
    return normal(id_of(id))


class AsyncWorkflowStorage(Asking):
    """Workflows and executions. Saves are durable when they return, and need no network."""

    def __init__(self, config: Settings = "config.toml", *, mirror: Mirror | None = None) -> None:
        super().__init__(config, mirror=mirror)
        self._definitions: Stores[Workflow, WorkflowRow] = Stores(self._config, Workflow)
        self._workflows = Answers(self._definitions, self._mirror, WorkflowRow)

    @functools.cached_property
    def _states(self) -> Stores[Execution, ExecutionRow]:
        # A project without executions has no store of them: only who asks for them is told.
        return Stores(self._config, Execution)

    @functools.cached_property
    def _executions(self) -> Answers[Execution, ExecutionRow]:
        return Answers(self._states, self._mirror, ExecutionRow)

    async def save(self, workflow: Workflow) -> None:
        """Save a workflow in its file; a new one, which needs an id, where the store creates.

        What others changed in the file since the workflow was loaded stays, but for what this
        program changed too. Raises RecordError.
        """
        expect(workflow, Workflow)
        if not (id := id_told(workflow)):
            raise RecordError("the workflow has no id; nothing was written", "give it one")
        await asyncio.to_thread(self._definitions.save, id, workflow)

    async def load(self, id: str) -> Workflow | None:
        """The workflow with this id, None where there is none."""
        return await self._workflows.load(id, "workflows:get")

    async def list(
        self, *, status: str | None = None, name: str | None = None, limit: int = LIMIT
    ) -> _Workflows:
        """Workflows of this status and name: by name where a status is given, else by path."""
        return await self._workflows.list(
            "workflows:list",
            lambda row: status in (None, row.status) and name in (None, row.name),
            lambda row: (row.path if status is None else row.name, row.path),
            limit,
            status=status,
            name=name,
        )

    async def delete(self, id: str) -> bool:
        """Delete the workflow's file; whether there was one. Its executions stay."""
        return await asyncio.to_thread(self._definitions.delete, id_of(id))

    async def save_execution(self, id: str, execution: Execution) -> None:
        """Save an execution in its file: what it does not tell any more is not in the file.

        `new_execution_id` makes ids.
        """
        expect(execution, Execution)
        await asyncio.to_thread(self._states.save, _name_of(id), execution)

    async def load_execution(self, id: str) -> Execution | None:
        """The execution with this id; one of another machine as the deployment tells it."""
        return await self._executions.load(_name_of(id), "workflows:getExecution", "executionId")

    async def delete_execution(self, id: str) -> bool:
        """Delete the execution's file; whether there was one. Another machine's has none here."""
        return await asyncio.to_thread(self._states.delete, _name_of(id))

    async def list_executions(
        self, workflow_id: str | None = None, *, status: str | None = None, limit: int = LIMIT
    ) -> _Executions:
        """Executions of a workflow, or of all, in this status: the newest start first."""
        return await self._executions.list(
            "workflows:listExecutions",
            lambda row: workflow_id in (None, row.workflow_id) and status in (None, row.status),
            lambda row: (row.start_time is None, -(row.start_time or 0.0), row.path),
            limit,
            workflowId=workflow_id,
            status=status,
        )
