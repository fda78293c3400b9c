"""A child process: the official PyPI client answers what is asked, a JSON line each.

`client.py URL`; a line in is `{"kind", "path", "args"}`, a line out `{"value"}` or `{"error"}`.
"""

from __future__ import annotations

import json
import sys

from convex import ConvexClient

client = ConvexClient(sys.argv[1])
for line in sys.stdin:
    asked = json.loads(line)
    try:
        told = {"value": getattr(client, asked["kind"])(asked["path"], asked["args"])}
    except Exception as error:
        told = {"error": str(error)}
    print(json.dumps(told, default=str), flush=True)
