"""Where a lake lies, as the configuration says it: keys and addresses that are refused, and what `init` writes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from model.errors import ConfigError
from store.bucket import LakeSettings
from store.mount import bucket_of
from store.workspace import Workspace, create_workspace, keep_lake_here, lake_settings, open_workspace, seal_workspace

LAKE = LakeSettings("s3://utility-lake/books", "https://s3.store.example", "eu-central-1")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "books", name="Wattle")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"endpoint": "https://s3.store.example"}, "table .lake. has no url"),
        ("s3://utility-lake", "table .lake. has no url"),
        ({"url": "s3://utility-lake", "secret_access_key": "x"}, "has the key `secret_access_key`"),
        ({"url": "s3://utility-lake", "path_style": "yes"}, "path_style: expected true or false, found `yes`"),
        ({"url": 3}, "url: expected text, found `3`"),
        ({"url": "s3://key:secret@utility-lake/books"}, "found `utility-lake/books`"),
        ({"url": "https://s3.store.example/books"}, "expected s3://BUCKET/PREFIX or file:///FOLDER"),
        ({"url": "s3://utility-lake", "endpoint": "s3.store.example"}, "endpoint: expected http"),
    ],
)
def test_a_lake_that_is_not_said_rightly_is_refused(table: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as told:
        lake_settings(table, "here")
    assert "secret@" not in str(told.value)


def test_what_is_sealed_is_opened(workspace: Workspace) -> None:
    seal_workspace(workspace, LAKE)
    opened = open_workspace(workspace.root)
    assert opened.bucket == LAKE
    found = bucket_of(opened.runs / "bill-1" / "plan" / "plan.json")
    assert found is not None and (found[0].url, found[1]) == (LAKE.url, "runs/bill-1/plan/plan.json")
    for own in (opened.control_path, opened.quarantine / "rows.csv", opened.runs / "bill-1" / ".driver", opened.lake):
        assert bucket_of(own) is None


def test_a_process_that_a_workspace_is_sent_to_works_in_its_lake(workspace: Workspace) -> None:
    seal_workspace(workspace, LAKE)
    sent = pickle.dumps(open_workspace(workspace.root))
    seal_workspace(workspace)
    assert bucket_of(open_workspace(workspace.root).lake / "days") is None
    assert bucket_of(pickle.loads(sent).lake / "days") is not None


def test_a_drill_keeps_its_lake_and_remembers_the_other(workspace: Workspace) -> None:
    seal_workspace(workspace, LAKE)
    config = workspace.root / "billmill.toml"
    config.write_text(config.read_text() + '\n[roles.operator]\nusers = ["ada"]\nmay = ["plan"]\n')
    keep_lake_here(workspace)
    assert open_workspace(workspace.root).bucket is None
    assert '# url = "s3://utility-lake/books"' in config.read_text()
    assert "[roles.operator]" in config.read_text().splitlines()
