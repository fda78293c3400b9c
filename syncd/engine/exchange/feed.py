"""What a session knows of the deployment's feed beside the cursor: see its three parts."""

from __future__ import annotations

from syncd.engine.exchange.known import Known
from syncd.engine.exchange.presence import Presence
from syncd.engine.exchange.witnesses import Witnesses
from syncd.engine.ports import Clock, RemoteReplica
from syncd.ledger.ledger import Ledger


class Feed:
    """What is shown of it, which of its places are our own, and how far we told to have passed."""

    def __init__(self, ledger: Ledger, remote: RemoteReplica, clock: Clock) -> None:
        self.witnesses = Witnesses(ledger)
        self.known = Known()
        self.presence = Presence(ledger, remote, clock)

    def forget(self) -> None:
        """An epoch ended: nothing that was shown or written in it counts now."""
        self.witnesses.forget()
        self.known.forget()
