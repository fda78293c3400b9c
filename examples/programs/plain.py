"""A program that knows nothing of syncd: `plain.py SITE [FILE]`.

It holds the deployments file in memory and rewrites it whole at every change, truncating it
first. It loses nothing by that: what others added since it read the file is put back.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    site = sys.argv[1]
    path = Path(sys.argv[2] if len(sys.argv) > 2 else "examples/.deployments/deployments.json")
    held = json.loads(path.read_text(encoding="utf-8"))
    mine = {"id": f"deploy-{time.time_ns() // 1_000_000}-plain0000", "siteId": site}
    held["deployments"].append(mine)
    for status in ("pending", "building", "success"):
        mine["status"] = status
        path.write_text(json.dumps(held, indent=2), encoding="utf-8")
        time.sleep(0.1)
    print(mine["id"])


main()
