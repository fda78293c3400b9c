"""The functions carry out the changes that the daemon tells as the daemon does."""

from __future__ import annotations

import json
import random
import subprocess
from base64 import b64decode, b64encode
from dataclasses import asdict
from pathlib import Path

from syncd.core.delta import delta, spliced
from tests.core.test_delta import FILLER, edited
from tests.embedded.backend import node

SPLICE = Path(__file__).parents[2] / "convex/model/splice.ts"

PROGRAM = f"""
const {{ spliced }} = await import("{SPLICE.as_uri()}");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const made = cases.map(([former, splices]) => spliced(Buffer.from(former, "base64"), splices));
console.log(JSON.stringify(made.map((each) => Buffer.from(each).toString("base64"))));
"""

SCRAPS = ["", "x", "é", "𝄞", "\ufeff", "\r\n", "}\n", "line\n" * 50]


def test_both_sides_make_the_same_of_a_change() -> None:
    rng = random.Random(7)
    cases: list[tuple[bytes, list[dict[str, object]]]] = []
    texts: list[bytes] = []
    while len(cases) < 300:
        start = "".join(rng.sample(FILLER, len(FILLER)))
        places = [rng.randrange(len(start)) for _ in range(rng.randrange(8))]
        changes = [(at, rng.choice([0, 1, 40]), rng.choice(SCRAPS)) for at in places]
        former, text = start.encode(), edited(start, changes).encode()
        splices = delta(former, text)
        if splices is not None:
            assert spliced(former, splices) == text
            cases.append((former, [asdict(splice) for splice in splices]))
            texts.append(text)
    told = json.dumps([(b64encode(former).decode(), splices) for former, splices in cases])
    ran = subprocess.run(
        [node(), "--experimental-strip-types", "--input-type=commonjs", "-e",
         f"(async () => {{{PROGRAM}}})()"],
        input=told.encode(), capture_output=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
    assert [b64decode(each) for each in json.loads(ran.stdout)] == texts
