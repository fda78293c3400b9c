"""Layouts match as .gitignore says, whatever short cuts the matching takes."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pathspec import PathSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from syncd.core.model import Format, Kind
from syncd.stores.layout import (
    EDITOR_LEFTOVERS,
    LONGEST,
    MAX_PATH_BYTES,
    Layout,
    format_of,
    is_temporary,
    kind_of,
    names_a_file,
    normal,
    unsafe,
)
from syncd.stores.patterns import Patterns

PARTS = ["a", "b", "node_modules", ".git", "x.json", "y.yaml", "x.json~", ".x.swp", "#x#", "4913",
         "draft", "x.tmp", ".syncd-1f", "ab", "caf\u00e9.json", "[x]", "!x", "a b"]  # fmt: skip
PATTERNS = ["*.json", "**/*.json", "a/*.json", "/x.json", "a/**", "a/**/b", "**/draft/*", "draft/",
            "*", "**", "*/", "/*", "b", "*b", "a*", "*.y?ml", "[ab]", "[!a]", "\\!x", "\\[x\\]",
            "a b", "x.*", "?.json", "**/b/**", "a/b", "/a/", "a**b", "caf\u00e9*",
            ".*.sw?", "*~"]  # fmt: skip

paths = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("/".join)
lines = st.lists(
    st.builds(str.__add__, st.sampled_from(["", "", "", "", "!"]), st.sampled_from(PATTERNS)),
    max_size=6,
).map(lambda some: [*some, "# a note", ""])


@settings(max_examples=2000, deadline=None)
@given(lines, paths)
@example(list(EDITOR_LEFTOVERS), "a/.x.swp/b")
def test_patterns_match_what_pathspec_matches(given_lines: list[str], path: str) -> None:
    patterns, spec = Patterns(given_lines), PathSpec.from_lines(GitIgnoreSpecPattern, given_lines)
    assert patterns.match_folder(path) == spec.match_file(path + "/")
    folder, _, name = path.rpartition("/")
    assert patterns.within(folder)(name) == spec.match_file(path)


NAMES = st.text(st.characters(exclude_characters="/\0\n\r", exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=500, deadline=None)
@given(st.lists(NAMES.filter(lambda n: n not in {".", ".."}), min_size=1, max_size=3))
def test_leftovers_match_what_pathspec_matches_for_any_name(parts: list[str]) -> None:
    *folders, name = parts
    spec = PathSpec.from_lines(GitIgnoreSpecPattern, EDITOR_LEFTOVERS)
    matched = Patterns(EDITOR_LEFTOVERS).within("/".join(folders))(name)
    assert matched == spec.match_file("/".join(parts))


@pytest.mark.parametrize(
    "name",
    ["x.json~", ".x.json.swp", ".x.swpx", "#x.json#", ".#x.json", "4913", "x.json.tmp", "x.orig",
     ".goutputstream-AB12", "x.json___jb_tmp___", ".~lock.x.json#", "~$x.json", ".nfs0001",
     ".fuse_hidden01", ".DS_Store", "._x.json", "Thumbs.db", "x.part", ".syncd-0123",
     ".x.json.kate-swp", "x.json.sb-1a2b3c4d-AbCdEf", "x.bin.filepart",
     ".~tmp~/x.json", ".rsync-partial/x.json", ".x.bin.Q7RkMa", ".x.kkkkkK", "..env.a1B2c3"],
)  # fmt: skip
def test_what_editors_leave_behind_is_never_mirrored(name: str) -> None:
    everything = Layout(("*",), ())
    assert not everything.matches(name)
    assert not everything.matches(f"a/b/{name}")


@pytest.mark.parametrize(
    "name",
    [".env.sample", ".env.Docker", ".npm.README", ".env.local.sample", ".eslintrc.config",
     ".x.A.json", ".log.202411", "x.bin.Q7RkMa", ".Q7RkMa", ".x.Q7RkM", ".x.Q7RkMab", "x.sb",
     "sb-1.json"],
)  # fmt: skip
def test_what_people_call_files_is_mirrored(name: str) -> None:
    assert Layout(("*",), ()).matches(name)


def test_include_less_exclude() -> None:
    layout = Layout(("*.json", "docs/**"), ("drafts/", "*.local.json"))
    assert layout.matches("a/x.json")
    assert layout.matches("docs/any/thing.md")
    assert not layout.matches("thing.md")
    assert not layout.matches("a/drafts/x.json")
    assert not layout.matches("x.local.json")
    assert layout.prunes("a/drafts")
    assert layout.prunes("node_modules")
    assert layout.prunes("node_modules/deeper")
    assert not layout.prunes("docs")


@settings(max_examples=1000, deadline=None)
@given(lines, lines, paths)
@example(["*"], ["draft/", "!draft/x.json"], "draft/x.json")
@example(["*"], ["!.git/x.json"], ".git/x.json")
def test_nothing_matches_in_a_folder_that_no_scan_enters(
    include: list[str], exclude: list[str], path: str
) -> None:
    layout = Layout(tuple(include), tuple(exclude))
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts))]
    if any(map(layout.prunes, above)):
        assert not layout.matches(path)
    else:
        wanted, unwanted = (PathSpec.from_lines(GitIgnoreSpecPattern, each).match_file(path)
                            for each in (include, [*EDITOR_LEFTOVERS, *exclude]))  # fmt: skip
        assert layout.matches(path) == (bool(wanted) and not unwanted)


def test_line_breaks_in_names_are_part_of_them() -> None:
    layout = Layout(("*.json",), ())
    assert layout.matches("line\nbreak.json")
    assert not layout.matches("x.json\n")


@pytest.mark.parametrize(
    "path",
    ["", "/x", "x/", "a//b", ".", "..", "a/../b", "a/./b", "nul\0", "cafe\u0301", "n" * 256,
     "/".join(["n" * 200] * 6)],
)  # fmt: skip
def test_paths_that_must_not_become_files(path: str) -> None:
    assert unsafe(path) is not None


@pytest.mark.parametrize("path", ["x.json", "a/b/c.yaml", "-rf", "a b", "...", "caf\u00e9"])
def test_paths_that_may(path: str) -> None:
    assert unsafe(path) is None


def test_spellings_of_one_name_are_one_path() -> None:
    assert normal("cafe\u0301") == "caf\u00e9"


def test_the_limits_of_a_path_are_inclusive_and_count_bytes() -> None:
    assert unsafe("n" * 255) is None
    assert unsafe("\u00e9" * 128) is not None
    longest = "/".join(["n" * 204] * 5)
    assert len(longest) == MAX_PATH_BYTES
    assert unsafe(longest) is None
    assert unsafe(longest + "n") is not None


@pytest.mark.parametrize("name", ["x", "x.y", "-", " ", "a\\b", "n" * LONGEST])
def test_names_that_make_files(name: str) -> None:
    assert names_a_file(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".x",
        "a/b",
        "/",
        "\n",
        "x\n",
        "x\x1f",
        "\0",
        "\ud800",
        "\u00e9" * LONGEST,
        "n" * (LONGEST + 1),
    ],
)
def test_names_that_make_none(name: str) -> None:
    assert not names_a_file(name)


@given(st.binary(min_size=8, max_size=8))
def test_a_temporary_name_is_the_prefix_and_sixteen_hex_digits(token: bytes) -> None:
    name = f".syncd-{token.hex()}"
    assert is_temporary(name)
    assert not any(map(is_temporary, (name[:-1], name + "0", f"x{name}", name[:-1] + "g")))


@pytest.mark.parametrize(
    ("path", "format"),
    [("x.json", Format.JSON), ("x.YAML", Format.YAML), ("a/x.yml", Format.YAML),
     ("json", Format.TEXT), ("x.json/y", Format.TEXT), ("x.json5", Format.TEXT)],
)  # fmt: skip
def test_beside_assets_a_text_is_a_file_and_in_other_stores_it_is_what_they_hold(
    path: str, format: Format
) -> None:
    assert format_of(path) is format
    for kind in Kind:
        beside = kind is Kind.ASSET and format is Format.TEXT
        assert kind_of(kind, path) is (Kind.FILE if beside else kind)
