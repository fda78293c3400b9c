"""The configuration: what is refused, with which words, and what wins over what."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from syncd.config import load
from syncd.core.direction import Way
from syncd.core.model import Kind
from syncd.errors import ConfigError
from tests.files.person import as_ordinary_user

STORE = '[[store]]\nname = "flows"\nkind = "workflow"\npath = "flows"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "url",
    ["localhost:3210", "http://", "http://[::1", "http://a:b", "https://a:99999", "https://a b.c",
     "ftp://a.b", ""],
)  # fmt: skip
def test_what_is_no_url_is_refused_before_anything_is_asked(tmp_path: Path, url: str) -> None:
    path = write(tmp_path, f"url = {url!r}\n{STORE}")
    with pytest.raises(ConfigError, match=r"is none.*nothing was started"):
        load(path, {})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3210", "https://a.convex.cloud", "http://[::1]:3210/", "embedded"]
)
def test_what_is_one_is_taken_as_it_is(tmp_path: Path, url: str) -> None:
    assert load(write(tmp_path, STORE), {"CONVEX_URL": url}).url == url


def test_defaults(tmp_path: Path) -> None:
    config = load(write(tmp_path, STORE), {})
    (store,) = config.stores
    assert config.url is None
    assert config.token is None
    assert config.state == tmp_path / ".syncd"
    assert store.path == tmp_path / "flows"
    assert store.kind is Kind.WORKFLOW
    assert store.patterns().matches("deep/er/a.yaml")
    assert not store.patterns().matches("a.txt")
    assert store.creates_at() == "{id}.json"
    assert store.direction is Way.BOTH


def test_executions_are_those_of_the_machine(tmp_path: Path) -> None:
    text = STORE.replace("workflow", "execution")
    assert load(write(tmp_path, text), {}).stores[0].direction is Way.OWN
    (store,) = load(write(tmp_path, text + 'direction = "both"\n'), {}).stores
    assert store.direction is Way.BOTH


def test_what_is_created_goes_where_the_store_says(tmp_path: Path) -> None:
    assets = '[[store]]\nname = "assets"\nkind = "asset"\npath = "assets"\n'
    (store,) = load(write(tmp_path, assets), {}).stores
    assert store.creates_at() == "{category}/{id}.json"
    (store,) = load(write(tmp_path, STORE + 'create = "new/{id}.yaml"\n'), {}).stores
    assert store.creates_at() == "new/{id}.yaml"
    with pytest.raises(ConfigError, match=r"only \{id\} and \{category\}"):
        load(write(tmp_path, STORE + 'create = "{name}.json"\n'), {})


def test_deployments_are_records_of_one_file(tmp_path: Path) -> None:
    text = '[[store]]\nname = "deployments"\nkind = "deployment"\npath = ".deployments"\n'
    (store,) = load(write(tmp_path, text), {}).stores
    assert (store.layout, store.pointer) == ("records", "/deployments")
    assert store.patterns().matches("deployments.json")
    assert store.creates_at() == "deployments.json"
    (store,) = load(write(tmp_path, text + 'pointer = ""\n'), {}).stores
    assert store.pointer == ""
    (store,) = load(write(tmp_path, text + 'layout = "file"\n'), {}).stores
    assert (store.layout, store.pointer) == ("file", None)


def test_the_projects_own_configuration_is_valid_and_complete() -> None:
    config = load(Path(__file__).parent.parent / "config.toml", {})
    kinds = set(Kind) - {Kind.DOCUMENT, Kind.FILE}
    assert {store.kind for store in config.stores} == kinds


def test_environment_over_env_local_over_env_over_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'url = "embedded"\n' + STORE)
    assert load(path, {}).url == "embedded"
    (tmp_path / ".env").write_text("CONVEX_URL=https://env\nSYNCD_TOKEN=one # mine\n")
    assert (load(path, {}).url, load(path, {}).token) == ("https://env", "one")
    (tmp_path / ".env.local").write_text('# made by convex\nexport CONVEX_URL="https://local"\n')
    assert (load(path, {}).url, load(path, {}).token) == ("https://local", "one")
    assert load(path, {"CONVEX_URL": "https://shell"}).url == "https://shell"


def test_the_token_may_lie_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, STORE)
    (tmp_path / "token").write_text("secret\n")
    assert load(path, {"SYNCD_TOKEN_FILE": str(tmp_path / "token")}).token == "secret"
    with pytest.raises(ConfigError, match="cannot be read"):
        load(path, {"SYNCD_TOKEN_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("worksapce = 'x'\n" + STORE, ["worksapce", "did you mean 'workspace'"]),
        (STORE + "inclde = ['*']\n", ["store 'flows'", "inclde", "did you mean 'include'"]),
        (STORE.replace('"workflow"', '"workflw"'), ["store 'flows'.kind", "workflow"]),
        (STORE + 'layout = "records"\npointer = ""\n', ["store 'flows'", "only kinds deployment"]),
        (STORE + 'layout = "records"\n', ["store 'flows'", "pointer"]),
        (STORE + 'direction = "up"\n', ["store 'flows'.direction", "pull"]),
        (STORE.replace('"workflow"', '"metric"\nlayout = "file"'), ["metric", 'layout = "lines"']),
        (STORE + 'layout = "lines"\n', ["store 'flows'", "only kinds metric and document"]),
        (STORE.replace('"workflow"', '"metric"\ndirection = "both"'), ["nothing is written"]),
        (STORE + STORE, ["config.toml: two stores are named 'flows'"]),
        (STORE.replace('name = "flows"\n', ""), ["store number 1.name: it is missing"]),
        (STORE.replace('"flows"\nkind', '"a/b"\nkind'), ["store 'a/b'.name: it takes letters"]),
        (STORE + 'include = "*.json"\n', ["store 'flows'.include: it is no list"]),
        ("store = 3\n", ["store: it is no list of tables: write [[store]]"]),
        ('[http]\nport = "a"\n', ["http.port: it should be a valid integer; nothing was started"]),
        (STORE + 'include = ["["]\n', ["store 'flows'.include: '['", "an opening [ needs its ]"]),
        (STORE + 'exclude = ["a", "b["]\n', ["store 'flows'.exclude: 'b['", "matches nothing"]),
        (STORE + 'include = [""]\n', ["store 'flows'.include: ''", "matches nothing"]),
        (STORE + 'include = ["#a"]\n', ["store 'flows'.include: '#a'", "a comment"]),
        (STORE + 'include = ["!"]\n', ["store 'flows'.include: '!'", "no pattern of .gitignore"]),
        (STORE + 'include = ["[z-a]"]\n', ["store 'flows'.include", "no pattern of .gitignore"]),
        (STORE + 'include = ["[[:alpha:]]"]\n', ["store 'flows'.include", "no pattern"]),
        (STORE + 'include = ["!a"]\n', ["store 'flows'.include", "it only takes away"]),
        ("store = [1]\n", ["store number 1: "]),
        ("workspace = ''\n" + STORE, ["workspace: it takes letters"]),
        ("[notify]\nwebhook = 'x'\n", ["notify.webhook: it does not start with http"]),
        (STORE + 'create = "../{id}.json"\n', ["store 'flows'.create", "below the store"]),
        (STORE + 'create = "{id}.txt"\n', ["store 'flows'", "'{id}.txt'", "patterns leave out"]),
        ("[embedded]\nprot = 1\n" + STORE, ["embedded", "prot", "did you mean 'port'"]),
        ("url = 'ftp://x'\n" + STORE, ["ftp://x", "https://"]),
        ("url = \n", ["line 1"]),
        (STORE + '[[store]]\nname = "b"\nkind = "file"\npath = "flows/deep"\n',
         ["'b'", "'flows'", "in one another"]),
        (STORE + STORE.replace('name = "flows"', 'name = "b"'),
         ["stores 'b' and 'flows' have one folder; a file must belong to one store"]),
        (STORE.replace('path = "flows"', "path = 5"),
         ["store 'flows'.path: it is no path: write it in quotes; nothing was started"]),
        ('[embedded]\nport = "3210"\n', ["embedded.port: it should be a valid integer"]),
        ("[cost]\nmost_calls_a_day = true\n", ["most_calls_a_day: it should be a valid integer"]),
        ("[cost]\nmost_calls_a_day = 1.5\n", ["most_calls_a_day: it should be a valid integer"]),
        (STORE.replace('path = "flows"', 'path = ".syncd/x"'), ["state folder"]),
    ],
)  # fmt: skip
def test_what_is_refused_says_where_and_why(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        load(write(tmp_path, text), {})
    said = f"{raised.value} {raised.value.advice}"
    assert all(word in said for word in words), said


def test_a_missing_configuration_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        load(tmp_path / "config.toml", {})


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder") as raised:
        load(tmp_path, {})
    assert raised.value.advice == f"name the file: --config {tmp_path}/config.toml"


@pytest.mark.parametrize(
    ("closed", "said"),
    [
        ("config.toml", "config.toml cannot be read: Permission denied"),
        (".env.local", ".env.local cannot be read: Permission denied"),
        (".syncd", ".syncd/device-token cannot be read: Permission denied"),
    ],
)
def test_what_may_not_be_read_is_told(closed: str, said: str) -> None:
    def started(base: Path) -> None:
        path = write(base, STORE)
        (base / ".env.local").write_text("CONVEX_URL=https://local")
        (base / ".syncd").mkdir()
        (base / closed).chmod(0)
        try:
            with pytest.raises(ConfigError, match=said):
                load(path, {})
        finally:
            (base / closed).chmod(0o700)

    as_ordinary_user(started)


def test_an_env_file_is_read_whatever_its_comments_are_written_in(tmp_path: Path) -> None:
    path = write(tmp_path, STORE)
    (tmp_path / ".env").write_bytes("# für uns\nCONVEX_URL=https://env\n".encode("latin-1"))
    assert load(path, {}).url == "https://env"


def test_a_byte_order_mark_is_no_part_of_a_setting(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + STORE)
    (tmp_path / ".env").write_text("\ufeffCONVEX_URL=https://env\n")
    assert load(path, {}).url == "https://env"


def test_the_token_is_not_shown(tmp_path: Path) -> None:
    config = load(write(tmp_path, STORE), {"SYNCD_TOKEN": "canary-1234"})
    assert "canary" not in repr(config)


@pytest.mark.parametrize("path", ["~nobody-of-that-name/flows", "circle/flows", "fl\\u0000ows"])
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    text = STORE.replace('path = "flows"', f'path = "{path}"')
    with pytest.raises(ConfigError, match="store 'flows' leads nowhere"):
        load(write(tmp_path, text), {})


def test_a_state_folder_behind_links_in_a_circle_is_told(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(ConfigError, match=r"circle/state.* cannot be read: Too many levels"):
        load(write(tmp_path, STORE), {"SYNCD_STATE_DIR": "circle/state"})


def test_a_folder_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"odd\xff")
    odd.mkdir()
    with pytest.raises(ConfigError, match=r"odd.*is not UTF-8") as raised:
        load(write(odd, STORE), {})
    str(raised.value).encode()
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(write(tmp_path, STORE), {"SYNCD_STATE_DIR": str(odd / "state")})


def test_a_token_that_is_no_text_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read: it is not text"):
        load(write(tmp_path, STORE), {"SYNCD_TOKEN_FILE": str(token)})


def test_what_is_read_from_the_environment_is_told_in_the_configuration() -> None:
    here = Path(__file__).parent.parent
    modules = (p for p in (here / "syncd").rglob("*.py") if "node_modules" not in p.parts)
    named = {
        name for path in modules for name in re.findall(r'"(SYNCD_[A-Z_]+)"', path.read_text())
    }
    assert "SYNCD_STATE_DIR" in named
    told = set(re.findall(r"SYNCD_[A-Z_]+", (here / "config.toml").read_text()))
    assert named <= told
