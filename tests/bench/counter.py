"""`python -m tests.bench.counter PORT`: a way to a deployment that counts, in its own process.

Prints its address, then, for every line it reads, what went through since the last one; ends when
its input does.
"""

from __future__ import annotations

import json
import sys

from tests.system.proxy import Proxy


def main() -> None:
    proxy = Proxy(int(sys.argv[1]))
    _tell({"url": proxy.url})
    for _ in sys.stdin:
        _tell({
            "calls": proxy.calls, "mutations": proxy.mutations,
            "sent": proxy.sent, "received": proxy.received,
        })  # fmt: skip
        proxy.forget()
    proxy.close()


def _tell(told: dict[str, object]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
