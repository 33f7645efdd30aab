"""What is found while a record is read: refusals, and notes on how it was read and what is not billed."""

from __future__ import annotations

from dataclasses import dataclass, field

from model.errors import TariffError


@dataclass(frozen=True)
class Refusal:
    """A defect for which any bill would be a guess. `tag` is a stable code, `key` the record's."""

    tag: str
    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.tag}: `{self.key}`: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class Note:
    """What a person must know who uses the file. `is_billed` is False for money that the file leaves out."""

    tag: str
    text: str
    is_billed: bool = True


@dataclass
class Findings:
    """Refusals and notes of one record, gathered on the way."""

    refusals: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def refuse(self, tag: str, key: str, expected: str, found: str) -> None:
        """Note a defect, once for each tag and key."""
        if not any((refusal.tag, refusal.key) == (tag, key) for refusal in self.refusals):
            self.refusals.append(Refusal(tag, key, expected, found))

    def choose(self, tag: str, text: str) -> None:
        """Note how something was read that could be read otherwise."""
        self._add(Note(tag, text))

    def leave_out(self, tag: str, text: str) -> None:
        """Note money of the record that the file does not bill."""
        self._add(Note(tag, text, is_billed=False))

    def _add(self, note: Note) -> None:
        if note not in self.notes:
            self.notes.append(note)


class RecordRefusedError(TariffError):
    """A record of the rate database that cannot become a tariff without guessing at money."""

    def __init__(self, label: str, refusals: list[Refusal]) -> None:
        self.refusals = tuple(refusals)
        lines = "\n".join(f"  {refusal}" for refusal in refusals)
        super().__init__(f"URDB record {label} is refused:\n{lines}", hint="write the tariff from the utility's sheet")
