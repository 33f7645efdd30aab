"""Names that a tariff and its riders both use: what they mean must be the same on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from tariffs.problems import Problem
from tariffs.sheet import Part, TariffFile, Version

# Tables that a rider has in common with its tariff, and that a version may state.
TABLES = ("quantities", "attributes", "factors")
# In the order in which formulas prefer them.
_WORDS = {
    "quantities": "quantity", "banks": "bank", "attributes": "attribute", "factors": "factor", "charges": "charge",
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a name stands for, and whose name it is, in words."""

    part: Part
    owner: str


# By table and name.
Said = dict[tuple[str, str], Meaning]


def said_by(seen: TariffFile, version: Version, owner: str) -> Said:
    """Return the names of a version, as its file has it."""
    tables = {table: version.charges if table == "charges" else getattr(seen, table) for table in _WORDS}
    return {(table, name): Meaning(part, owner) for table, parts in tables.items() for name, part in parts.items()}


def clashes(known: Said, added: Said) -> list[Problem]:
    """Return names that stand for different things in the tariff (with riders before) and in a rider.

    The same name with the same definition is one thing.
    """
    found = []
    before, after = _first_tables(known), _first_tables(added)
    for name in before.keys() & after.keys():
        was, now = before[name], after[name]
        if was != now:
            text = (
                f"expected one meaning of `{name}`, found {_WORDS[was]} `{name}` of {known[was, name].owner} "
                f"and {_WORDS[now]} `{name}` of {added[now, name].owner}"
            )
            found.append((name, Problem((), text, "rename one of them")))
    for table, name in known.keys() & added.keys():
        was_said, now_said = known[table, name], added[table, name]
        if was_said.part != now_said.part:
            text = (
                f"expected {_WORDS[table]} `{name}` to be the same in {was_said.owner} and in {now_said.owner}, "
                f"found another {_different_keys(was_said.part, now_said.part)}"
            )
            found.append((name, Problem((), text, "rename one of them, or write both alike")))
    return [problem for _, problem in sorted(found, key=lambda one: (one[0], one[1].text))]


def _first_tables(said: Said) -> dict[str, str]:
    """Return the table of each name; of a name in several that which formulas prefer."""
    return {name: table for wanted in reversed(_WORDS) for table, name in said if table == wanted}


def _different_keys(one: Part, other: Part) -> str:
    fields = type(one).model_fields
    keys = [field.alias or key for key, field in fields.items() if getattr(one, key) != getattr(other, key)]
    return ", ".join(f"`{key}`" for key in keys)
