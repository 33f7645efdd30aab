"""Which resource of an ESPI feed belongs to which: they are joined by the links of their Atom entries only.

A parent lists its children under rel `related`: each child's own address, or the address of their collection, which the
child names under rel `up`. Addresses are compared without scheme, host and last slash. Where a file has no such links
(single resources, exports of one meter) and only one candidate, that one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.formats.xml_elements import Elements

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


def read_resources(elements: Elements, *kinds: str) -> list[Resource]:
    """Return the resources of these kinds in document order."""
    rows = elements.of(*kinds)
    entries = elements.enclosing(rows, "entry")
    links, described = _links(elements), elements.fields("entry")
    fields = elements.fields(*kinds)
    found = []
    for row, entry in zip(rows.tolist(), entries.tolist(), strict=True):
        by_rel = links.get(entry, {})
        about = described.get(entry, {})
        found.append(
            Resource(
                row,
                int(elements.line[row]),
                next(iter(by_rel.get("self", [])), ""),
                next(iter(by_rel.get("up", [])), ""),
                frozenset(by_rel.get("related", [])),
                about.get("title", ""),
                about.get("id", ""),
                fields[row],
            )
        )
    return found


def _links(elements: Elements) -> dict[int, dict[str, list[str]]]:
    """Return the addresses of each entry's links by rel."""
    rows = elements.children("link", "entry")
    found: dict[int, dict[str, list[str]]] = {}
    rels, hrefs = elements.attributes(rows, "rel"), elements.attributes(rows, "href")
    for entry, rel, href in zip(elements.parent[rows].tolist(), rels, hrefs, strict=True):
        if href:
            found.setdefault(entry, {}).setdefault(rel or "", []).append(_address(href))
    return found


def _address(href: str) -> str:
    return _HOST.sub("", href.strip()).rstrip("/")


class Family:
    """Parents of one kind, found by what they list as related."""

    def __init__(self, parents: Iterable[Resource]) -> None:
        self.parents = list(parents)
        self._by_related: dict[str, list[Resource]] = {}
        self._by_address: dict[str, list[Resource]] = {}
        for parent in self.parents:
            if parent.address:
                self._by_address.setdefault(parent.address, []).append(parent)
            for address in parent.related:
                self._by_related.setdefault(address, []).append(parent)

    def parent_of(self, child: Resource) -> Resource | None:
        """Return the parent that lists this child, or that the child names; else the only one there is.

        Raises:
            AmbiguousLinkError: several do, or none does and there are several.
        """
        for candidates in (
            self._by_related.get(child.address),
            self._by_related.get(child.up),
            self._by_address.get(child.up),
            [parent for address in child.related for parent in self._by_address.get(address, [])],
        ):
            if candidates:
                return _only(candidates)
        return _only(self.parents)

    def related_to(self, child: Resource) -> Resource | None:
        """Return the one that `child` lists as related (a reading type); else the only one there is.

        Raises:
            AmbiguousLinkError: see parent_of.
        """
        listed = [found for address in child.related for found in self._by_address.get(address, [])]
        return _only(listed or self.parents)

    def only(self) -> Resource | None:
        """Return the only one there is.

        Raises:
            AmbiguousLinkError: there are several.
        """
        return _only(self.parents)


def _only(candidates: list[Resource]) -> Resource | None:
    # A feed may repeat a resource, with a block each time: one address is one resource.
    if len({candidate.address or candidate.row for candidate in candidates}) > 1:
        raise AmbiguousLinkError
    return candidates[0] if candidates else None


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
