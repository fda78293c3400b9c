"""What a YAML scalar means, and how a value is spelled as one. Pure.

YAML 1.1 and 1.2 disagree about `yes`, `0o7`, `012`, `1:30`, `1e3` and dates. Nobody knows which
of them the programs go by that read a file. So only what all of them read alike becomes text, a
number, a boolean or null; the rest is kept as the token it is, and is never taken for another.
"""

from __future__ import annotations

import json
import re
from typing import Final

from syncd.core.value import Number, Opaque, Value

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+][0-9]+)?)?")
_DISPUTED: Final = re.compile(
    r"""
      (?:yes|no|on|off)                                       # booleans of 1.1, as they are read
    | [-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:e[-+]?[0-9]+)?   # numbers
    | [-+]?0(?:b[01_]+|o[0-7_]+|x[0-9a-f_]+)
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?        # base 60 of 1.1
    | [-+]?\.inf | \.nan
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:t|[ \t]+)[-+0-9:. \tz]+)?    # times of 1.1
    | << | =
    """,
    re.VERBOSE | re.IGNORECASE,
)
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.+-]*(?: [A-Za-z0-9_/.+-]+)*")


def resolved(plain: str) -> Value:
    """What the plain scalar `plain` (folded, if it spans lines) means."""
    if plain in _WORDS:
        return _WORDS[plain]
    if _NUMBER.fullmatch(plain):
        return Number(plain)
    return Opaque(plain) if _DISPUTED.fullmatch(plain) else plain


def written(value: Value, *, odd: frozenset[str] = frozenset()) -> str:
    """`value` on one line, in flow style; `odd` are the keys that are spelled without quotes."""
    match value:
        case Number(token):
            return token
        case Opaque(source):
            return source
        case dict():
            members = (
                f"{key if key in odd else written(key)}: {written(each, odd=odd)}"
                for key, each in value.items()
            )
            return "{" + ", ".join(members) + "}"
        case list():
            return "[" + ", ".join(written(each, odd=odd) for each in value) + "]"
        case str():
            return _text(value)
        case _:
            return json.dumps(value)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and resolved(text) == text:
        return text
    # A JSON string is YAML, but for what YAML does not print.
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def literal(text: str, margin: str) -> str | None:
    """`text` as a literal block scalar, or None where it cannot be one.

    `margin` is put before each line that is not empty.
    """
    if not text or text[0] in " \n" or _UNPRINTABLE.search(text) or "\r" in text:
        return None
    body = text.rstrip("\n")
    breaks = len(text) - len(body)
    chomping = "-" if breaks == 0 else "" if breaks == 1 else "+"
    lines = [margin + each if each else "" for each in body.split("\n")] + [""] * (breaks - 1)
    return "|" + chomping + "\n" + "\n".join(lines)
