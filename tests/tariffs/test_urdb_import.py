"""Files of records: the layouts that are read, what is written, what a person is told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from urdb_records import record

from model.errors import ConfigError, InputError
from tariffs.file import parse_tariff
from tariffs.urdb.importing import import_records, report_lines

TWO = [record(), record(label="def", name="Other", flatdemandstructure=[[{"rate": 1}]])]


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"items": TWO}).encode(),  # the answer of the API
        json.dumps(TWO).encode(),
        "".join(json.dumps(item) + "\n" for item in TWO).encode(),
        "".join(json.dumps({"rate": item["label"], "item": item}) + "\n" for item in TWO).encode(),
        gzip.compress(json.dumps({"items": TWO}).encode(), mtime=0),
    ],
)
def test_records_are_found_in_each_layout(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(data)
    assert [found.label for found in import_records(path)] == ["abc", "def"]


def test_what_can_be_billed_is_written_and_the_rest_is_told(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps({"items": TWO}))
    imported = import_records(path, out=tmp_path / "tariffs", timezone="America/Denver")
    written = tmp_path / "tariffs" / "urdb-abc.toml"
    assert [file.name for file in (tmp_path / "tariffs").iterdir()] == [written.name]
    assert parse_tariff(written.read_text(), written.name).timezone == "America/Denver"
    assert report_lines(imported) == [
        f"abc Flat: {written}",
        "def Other: refused",
        "  no_schedule: `flatdemandmonths`: expected the period of each month, found none",
        "1 of 2 records became tariff files, 1 were refused",
    ]


def test_one_record_is_picked_by_its_label(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps(TWO))
    assert [found.label for found in import_records(path, label="def")] == ["def"]
    with pytest.raises(InputError) as caught:
        import_records(path, label="ghi")
    assert caught.value.message == ("file `records.json`: expected a record labelled `ghi`, found 2 records without it")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"label,name\n", "file `records`: expected JSON, found: Expecting value: line 1 column 1 (char 0)"),
        (b'["abc"]', "file `records`: expected records, found `abc`"),
        (b"[]", "file `records`: expected records, found none"),
        (
            gzip.compress(b"{}", mtime=0)[:-9],
            "file `records`: expected whole gzip data, found: "
            "Compressed file ended before the end-of-stream marker was reached",
        ),
    ],
)
def test_what_holds_no_records_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        import_records(path)
    assert caught.value.message == message


def test_a_zone_that_is_not_known_is_refused_before_any_record(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps(TWO))
    with pytest.raises(ConfigError, match="zone `Denver` is not known"):
        import_records(path, timezone="Denver")
