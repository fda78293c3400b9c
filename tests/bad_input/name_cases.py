"""The table of `test_names`: what people, programs and other systems call files."""

from __future__ import annotations

import unicodedata
from typing import Final, NamedTuple

MIRRORED: Final = ""
IGNORED: Final = "ignored"

LONG: Final = "d" * 200


def nfd(name: str) -> str:
    return unicodedata.normalize("NFD", name)


def path_of_length(size: int) -> str:
    """A path of `size` bytes, of folders that a file system takes."""
    folders = "/".join([LONG] * ((size - 30) // 201))
    return f"{folders}/{'f' * (size - len(folders) - 1)}"


class Case(NamedTuple):
    """A file saved under `spelling`. `reason`: what it is held for, MIRRORED, or IGNORED where it
    is nobody's business. `key`: its path in Convex, where that is not the spelling.
    """

    name: str
    spelling: str | bytes
    reason: str = MIRRORED
    key: str | None = None


CASES: Final = [
    Case("composed", "größe"),
    Case("decomposed", nfd("grüße"), key="grüße"),
    Case("decomposed folder", nfd("ordner-é") + "/x", key="ordner-é/x"),
    Case("Hangul in jamo", nfd("한국"), key="한국"),
    Case("ångström sign", "\u212b", key="\u00c5"),
    Case("twins", "twin-é", "name-twins"),
    Case("twins, decomposed", nfd("twin-é"), "name-twins", key="twin-é"),
    Case("twins by folder", "zwilling-ö/x", "name-twins"),
    Case("twins by folder, decomposed", nfd("zwilling-ö") + "/x", "name-twins",
         key="zwilling-ö/x"),
    Case("case twins", "Readme"),
    Case("case twins, the other", "readme"),
    Case("compatibility twins stay two", "\ufb01le"),
    Case("compatibility twins, the other", "file"),
    Case("Turkish i", "\u0130\u0131iI"),
    Case("emoji with joiners", "👩‍👩‍👧‍👦🏳️‍🌈"),
    Case("not UTF-8", b"latin-\xfc", "bad-name", key="latin-\\xfc"),
    Case("not UTF-8, in the middle of a character", b"cut-\xe6\x97", "bad-name",
         key="cut-\\xe6\\x97"),
    Case("in a folder that is not UTF-8", b"ordner-\xff/x", "bad-name", key="ordner-\\xff/x"),
    Case("surrogate as UTF-8", b"sur-\xed\xa0\x80", "bad-name", key="sur-\\xed\\xa0\\x80"),
    Case("newline", "two\nlines"),
    Case("carriage return and tab", "a\rb\tc"),
    Case("terminal escape", "\x1b[2J\x1b]0;owned\x07"),
    Case("every other control", "".join(map(chr, range(1, 9))) + "\x7f\x85\x9b"),
    Case("right-to-left override", "invoice\u202egnp.exe"),
    Case("zero width", "\u200b\u2060\ufeff"),
    Case("only a space", " "),
    Case("leading dash", "-rf"),
    Case("option with a value", "--config=x"),
    Case("leading and trailing space", "  padded  "),
    Case("trailing dot", "dot."),
    Case("three dots", "..."),
    Case("four dots, a folder", "..../x"),
    Case("dots and a space", ".. /x"),
    Case("dot, dot, something", "..x/..y"),
    Case("percent-encoded dots", "%2e%2e%2fetc"),
    Case("division slash", "a\u2215b\uff0fc"),
    Case("backslash", "..\\..\\windows"),
    Case("drive letter", "C:\\autoexec"),
    Case("colon of an NTFS stream", "a:stream"),
    Case("reserved on Windows", "CON"),
    Case("reserved on Windows, with an extension", "aux.json"),
    Case("characters Windows refuses", '<>"|?*'),
    Case("glob characters", "[a-z]*{1,2}?!"),
    Case("of a pattern", "!not#comment"),
    Case("quotes and a dollar", "'\"$(touch owned)`id`"),
    Case("tilde", "~root"),
    Case("SQL", "'; DROP TABLE entries; --"),
    Case("of JavaScript", "__proto__"),
    Case("of our wire", "$integer"),
    Case("hash, as keys are printed", "a#b"),
    Case("colon, as keys are printed", "flows:a"),
    Case("dotfile", ".env"),
    Case("in a dotted folder", ".github/workflows"),
    Case("255 bytes", "n" * 255),
    Case("255 bytes of Chinese", "长" * 85),
    Case("255 bytes decomposed", nfd("é") * 85, key="é" * 85),
    Case("path of 1,024 bytes", path_of_length(1024)),
    Case("path of 1,025 bytes", path_of_length(1025), "bad-path"),
    Case("path of 3,900 bytes", path_of_length(3900), "bad-path"),
    Case("depth 400", "/".join(["d"] * 400)),
    Case("depth 600", "/".join(["e"] * 600), "bad-path"),
    Case("Arabic and Hebrew", "ملف-קובץ"),
    Case("our temporary", ".syncd-0123456789abcdef", IGNORED),
    Case("our temporary, in a folder", "own/.syncd-fedcba9876543210", IGNORED),
    Case("nearly ours", "own/.syncd-notes", IGNORED),
    Case("our state folder, put inside", ".syncd/ledger.db", IGNORED),
    Case("vim's swap", ".a.json.swp", IGNORED),
    Case("vim's probe", "4913", IGNORED),
    Case("backup", "a.json~", IGNORED),
    Case("Emacs' autosave", "#a.json#", IGNORED),
    Case("gedit", ".goutputstream-X1Y2Z3", IGNORED),
    Case("JetBrains", "a.json___jb_tmp___", IGNORED),
    Case("LibreOffice", ".~lock.a.ods#", IGNORED),
    Case("Word", "~$a.docx", IGNORED),
    Case("a download", "a.json.crdownload", IGNORED),
    Case("a part", "a.json.part", IGNORED),
    Case("NFS", ".nfs000000000123", IGNORED),
    Case("FUSE", ".fuse_hidden0001", IGNORED),
    Case("macOS", ".DS_Store", IGNORED),
    Case("macOS, resource fork", "._a.json", IGNORED),
    Case("Windows", "Thumbs.db", IGNORED),
    Case("patch", "a.json.rej", IGNORED),
    Case("git", ".git/hooks/post-checkout", IGNORED),
    Case("git in a folder", "sub/.git/config", IGNORED),
    Case("node_modules", "node_modules/a/package.json", IGNORED),
]  # fmt: skip


def key_of(case: Case) -> str:
    """The path under which a case is mirrored or held."""
    if case.key is not None:
        return case.key
    assert isinstance(case.spelling, str)
    return case.spelling
