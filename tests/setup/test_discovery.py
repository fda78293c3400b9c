"""Which folders look like stores, and that the configuration written for them can be used."""

from __future__ import annotations

import json
import os
from pathlib import Path

from syncd.config import load
from syncd.core.model import Kind
from syncd.setup.discovery import configuration, discover, with_url

STEPS = json.dumps({"id": "w", "steps": [{"id": "a"}]})


def write(project: Path, path: str, text: str) -> None:
    place = project / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def found(project: Path) -> dict[str, Kind]:
    return {each.path: each.kind for each in discover(project)}


def test_the_stack_s_folders_are_found(tmp_path: Path) -> None:
    write(tmp_path, "flows/nightly/a.json", STEPS)
    write(tmp_path, ".workflow-states/exec-1719000000000-abcdefghi.json", "{}")
    write(tmp_path, "assets/library/prompts/p.json", "{}")
    write(tmp_path, "yaml-flows/a.yaml", "id: a\nsteps:\n  - id: one\n")
    write(tmp_path, "package.json", STEPS)
    write(tmp_path, "node_modules/x/a.json", STEPS)
    write(tmp_path, ".git/flows/a.json", STEPS)
    write(tmp_path, "src/tsconfig.json", "{}")
    assert found(tmp_path) == {
        "flows/nightly": Kind.WORKFLOW,
        ".workflow-states": Kind.EXECUTION,
        "assets/library": Kind.ASSET,
        "yaml-flows": Kind.WORKFLOW,
    }


def test_no_store_lies_in_another(tmp_path: Path) -> None:
    write(tmp_path, "flows/a.json", STEPS)
    write(tmp_path, "flows/inner/b.json", STEPS)
    assert found(tmp_path) == {"flows": Kind.WORKFLOW}


def test_a_folder_of_many_folders_of_workflows_is_one_store(tmp_path: Path) -> None:
    for name in ("slack", "mail", "http"):
        write(tmp_path, f"n8n/{name}/a.json", STEPS)
        write(tmp_path, f"mixed/{name}/a.json", STEPS)
    write(tmp_path, "n8n/LICENSE", "")
    write(tmp_path, "mixed/package.json", "{}")
    write(tmp_path, "two/a/a.json", STEPS)
    write(tmp_path, "two/b/a.json", STEPS)
    expected = ["mixed/http", "mixed/mail", "mixed/slack", "n8n", "two/a", "two/b"]
    assert found(tmp_path) == dict.fromkeys(expected, Kind.WORKFLOW)
    write(tmp_path, "n8n/docs/notes.md", "")
    assert "n8n" not in found(tmp_path)


def test_files_that_do_not_parse_are_no_evidence_and_no_trouble(tmp_path: Path) -> None:
    write(tmp_path, "flows/a.json", "{")
    (tmp_path / "flows" / "b.json").write_bytes(b"\xff\xfe")
    (tmp_path / "flows" / "c.json").symlink_to("/nonexistent")
    assert found(tmp_path) == {}


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "flows/b.json", STEPS)
    os.mkfifo(tmp_path / "flows" / "a.json")
    assert found(tmp_path) == {"flows": Kind.WORKFLOW}


def test_a_byte_order_mark_and_a_long_file_are_no_hindrance(tmp_path: Path) -> None:
    write(tmp_path, "flows/a.json", "\ufeff" + STEPS)
    write(tmp_path, "metrics/a.jsonl", "\ufeff" + json.dumps({"type": "", "name": "", "value": 1}))
    long = [{"id": str(number), "log": "x" * 1000} for number in range(5000)]
    write(tmp_path, "sites/deployments.json", json.dumps({"deployments": long}))
    assert found(tmp_path) == {
        "flows": Kind.WORKFLOW, "metrics": Kind.METRIC, "sites": Kind.DEPLOYMENT
    }  # fmt: skip


def test_the_configuration_can_be_used(tmp_path: Path) -> None:
    write(tmp_path, "flows/a.json", STEPS)
    write(tmp_path, 'odd " name/a.json', STEPS)
    write(tmp_path, "more/flows/a.json", STEPS)
    write(tmp_path, "\U0001f680 \x7f/a.json", STEPS)
    write(tmp_path, "latin\udcff/a.json", STEPS)  # What is not UTF-8 no configuration can name.
    config = tmp_path / "config.toml"
    config.write_text(configuration(discover(tmp_path), "embedded", "team"))
    settings = load(config, {})
    assert settings.url == "embedded"
    assert settings.workspace == "team"
    assert {store.path for store in settings.stores} == {
        tmp_path / "flows", tmp_path / 'odd " name', tmp_path / "more/flows",
        tmp_path / "\U0001f680 \x7f",
    }  # fmt: skip
    assert len({store.name for store in settings.stores}) == 4


def test_without_stores_the_configuration_shows_how_one_is_written(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(configuration([], None, "default"))
    assert load(config, {}).stores == ()
    lines = config.read_text().splitlines()
    shown = [line.removeprefix("# ") for line in lines[-4:]]
    config.write_text("\n".join([*lines[:-4], *shown]))
    assert [store.name for store in load(config, {}).stores] == ["workflows"]


def test_a_configuration_without_a_url_gets_one(tmp_path: Path) -> None:
    mine = tmp_path / "config.toml"
    store = '[[store]]\nname = "a"\nkind = "file"\npath = "a"'
    for before in (configuration([], None, "w"), store):
        mine.write_text(with_url(before, 'https://x.example/"'))
        assert load(mine, {}).url == 'https://x.example/"'
        assert set(before.splitlines()) - set(mine.read_text().splitlines()) <= {
            '# url = "https://your-deployment.convex.cloud"'
        }
