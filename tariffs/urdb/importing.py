"""Files of records into files of tariffs: `billmill tariff import-urdb`."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from model.errors import InputError, TariffError
from model.zones import zone
from store.files import read_bytes, write_bytes_atomic
from tariffs.file import parse_tariff
from tariffs.urdb.convert import Converted, convert_record
from tariffs.urdb.findings import RecordRefusedError, Refusal
from tariffs.urdb.record import label_of, with_plain_keys

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class ImportedRecord:
    """What became of a record. `text` is None, and there are refusals, when no file could be made of it."""

    label: str
    name: str
    tariff: str | None
    text: str | None
    file: str | None
    notes: tuple[str, ...]
    refusals: tuple[Refusal, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, without the text where it stands in a file."""
        refused = [vars(refusal) for refusal in self.refusals]
        text = {} if self.file else {"text": self.text}
        return {
            "label": self.label, "name": self.name, "tariff": self.tariff, "file": self.file,
            "notes": list(self.notes), "refusals": refused, **text,
        }  # fmt: skip


def import_records(
    path: Path, *, out: Path | None = None, label: str | None = None, timezone: str | None = None
) -> list[ImportedRecord]:
    """Return what became of each record of a file, in its order, and write the tariffs to the folder `out`, if given.

    The file is an answer of the API (`items`), a list of records, one record, or a record a line; packed or not.
    A tariff is written only when it passes every check of a tariff file.

    Raises:
        InputError: the file holds no records; or none is labelled `label`.
        ConfigError: there is no such zone.
    """
    if timezone is not None:
        zone(timezone)
    records = list(_records(read_bytes(path), path.name))
    chosen = [record for record in records if label is None or str(with_plain_keys(record).get("label")) == label]
    if not records:
        raise InputError(f"file `{path.name}`: expected records, found none")
    if not chosen:
        text = f"file `{path.name}`: expected a record labelled `{label}`, found {len(records)} records without it"
        raise InputError(text)
    return [_imported(record, out, timezone) for record in chosen]


def report_lines(imported: Sequence[ImportedRecord]) -> list[str]:
    """Return what became of the records as a person reads it."""
    lines = []
    for record in imported:
        title = f"{record.label} {record.name}".strip()
        lines.append(f"{title}: {'refused' if record.refusals else record.file or record.tariff}")
        lines += [f"  {refusal}" for refusal in record.refusals]
        lines += [f"  {note}" for note in record.notes]
    refused = sum(bool(record.refusals) for record in imported)
    return [*lines, f"{len(imported) - refused} of {len(imported)} records became tariff files, {refused} were refused"]


def _imported(record: dict[str, Any], out: Path | None, timezone: str | None) -> ImportedRecord:
    plain = with_plain_keys(record)
    label, name = label_of(plain), str(plain.get("name", ""))
    try:
        made = convert_record(record, timezone=timezone)
        parse_tariff(made.text, f"{made.tariff}.toml")
    except RecordRefusedError as error:
        return ImportedRecord(label, name, None, None, None, (), error.refusals)
    except TariffError as error:
        refusal = Refusal("not_expressible", "record", "a tariff that passes every check", error.message)
        return ImportedRecord(label, name, None, None, None, (), (refusal,))
    notes = tuple(f"{note.tag}: {note.text}" for note in made.notes)
    return ImportedRecord(label, name, made.tariff, made.text, _written(made, out), notes, ())


def _written(made: Converted, out: Path | None) -> str | None:
    if out is None:
        return None
    path = out / f"{made.tariff}.toml"
    write_bytes_atomic(path, made.text.encode())
    return str(path)


def _records(data: bytes, name: str) -> Iterator[dict[str, Any]]:
    try:
        text = gzip.decompress(data) if data.startswith(_GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"file `{name}`: expected whole gzip data, found: {error}") from None
    for answer in _json_values(text, name):
        items = answer.get("items", answer) if isinstance(answer, dict) else answer
        for item in items if isinstance(items, list) else [items]:
            record = item.get("item", item) if isinstance(item, dict) else item
            if not isinstance(record, dict):
                raise InputError(f"file `{name}`: expected records, found `{str(record)[:40]}`")
            yield record


def _json_values(text: bytes, name: str) -> list[Any]:
    """Return the JSON of a file: one value, or one on each line."""
    try:
        return [json.loads(text, parse_float=Decimal)]
    except ValueError as whole:
        try:
            return [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
        except ValueError:
            hint = "export the rates as JSON: the answer of the API, a list, or a record a line"
            raise InputError(f"file `{name}`: expected JSON, found: {whole}", hint=hint) from None
