"""Which resource of an ESPI feed belongs to which: they are joined by the links of their Atom entries only.

A parent lists its children under rel `related`: each child's own address, or the address of their collection, which the
child names under rel `up`. Addresses are compared without scheme, host and last slash. Where a file has no such links
(single resources, exports of one meter) and only one candidate, that one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.formats.xml.elements import Elements

_HOST = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*")
_RESOURCE_ROOT = "/resource/"


@dataclass(frozen=True)
class Resource:
    """One resource: its element's row and line, the links and title of its entry, its own simple fields."""

    row: int
    line: int
    address: str
    up: str
    related: frozenset[str]
    title: str
    entry_id: str
    fields: dict[str, str]


class AmbiguousLinkError(Exception):
    """Several resources claim to be the one that is looked for."""


@dataclass(frozen=True)
class Entries:
    """The entries of a feed, by row: their links by rel, and their own simple fields."""

    elements: Elements
    links: dict[int, dict[str, list[str]]]
    fields: dict[int, dict[str, str]]

    @classmethod
    def of(cls, elements: Elements) -> Entries:
        """Return the entries of a feed."""
        rows = elements.children("link", "entry")
        links: dict[int, dict[str, list[str]]] = {}
        rels, hrefs = elements.attributes(rows, "rel"), elements.attributes(rows, "href")
        for entry, rel, href in zip(elements.parent[rows].tolist(), rels, hrefs, strict=True):
            if href:
                links.setdefault(entry, {}).setdefault(rel or "", []).append(_address(href))
        return cls(elements, links, elements.fields("entry"))

    def resources(self, *kinds: str) -> list[Resource]:
        """Return the resources of these kinds in document order, with their own fields."""
        return self._resources(kinds, self.elements.fields(*kinds))

    def blocks(self) -> list[Resource]:
        """Return the blocks of intervals; their fields are left out: they are the readings."""
        return self._resources(("IntervalBlock",), {})

    def _resources(self, kinds: tuple[str, ...], fields: dict[int, dict[str, str]]) -> list[Resource]:
        rows = self.elements.of(*kinds)
        entries = self.elements.enclosing(rows, "entry")
        found = []
        for row, entry in zip(rows.tolist(), entries.tolist(), strict=True):
            by_rel, about = self.links.get(entry, {}), self.fields.get(entry, {})
            found.append(
                Resource(
                    row,
                    int(self.elements.line[row]),
                    next(iter(by_rel.get("self", [])), ""),
                    next(iter(by_rel.get("up", [])), ""),
                    frozenset(by_rel.get("related", [])),
                    about.get("title", ""),
                    about.get("id", ""),
                    fields.get(row, {}),
                )
            )
        return found


def _address(href: str) -> str:
    return _HOST.sub("", href.strip()).rstrip("/")


class Family:
    """Parents of one kind, found by what they list as related."""

    def __init__(self, parents: Iterable[Resource]) -> None:
        # A feed may repeat a resource, with a block each time: one address is one resource.
        first: dict[str | int, Resource] = {}
        self._by_related: dict[str, list[Resource]] = {}
        self._by_address: dict[str, Resource] = {}
        for parent in parents:
            known = first.setdefault(parent.address or parent.row, parent)
            for address in parent.related:
                self._by_related.setdefault(address, []).append(known)
            if parent.address:
                self._by_address[parent.address] = known
        self.parents = list(first.values())

    def parent_of(self, child: Resource) -> Resource | None:
        """Return the parent that lists this child, or that the child names; else the only one there is.

        Raises:
            AmbiguousLinkError: several do, or none does and there are several.
        """
        listing = self._by_related.get(child.address) or self._by_related.get(child.up)
        if listing:
            return _one_of(listing)
        named = self._by_address.get(child.up)
        return named or self.related_to(child)

    def related_to(self, child: Resource) -> Resource | None:
        """Return the one that `child` lists as related (a reading type); else the only one there is.

        Raises:
            AmbiguousLinkError: see parent_of.
        """
        listed = [self._by_address[address] for address in child.related if address in self._by_address]
        return _one_of(listed) if listed else self.only()

    def only(self) -> Resource | None:
        """Return the only one there is; None when there is none.

        Raises:
            AmbiguousLinkError: there are several.
        """
        if len(self.parents) > 1:
            raise AmbiguousLinkError
        return self.parents[0] if self.parents else None


def _one_of(candidates: list[Resource]) -> Resource:
    if any(candidate.row != candidates[0].row for candidate in candidates):
        raise AmbiguousLinkError
    return candidates[0]


def meter_point_name(usage_point: Resource | None) -> str:
    """Return the name of a usage point: its address after `/resource/`, else the id of its entry, else its title.

    Empty where a file has no usage point: then nothing in it says whose readings they are.
    """
    if usage_point is None:
        return ""
    address = usage_point.address.rpartition(_RESOURCE_ROOT)[2].strip("/")
    return address or usage_point.entry_id or usage_point.title


def last_part(address: str) -> str:
    """Return the last step of an address: the number of a meter reading among those of its usage point."""
    return address.rpartition("/")[2]
