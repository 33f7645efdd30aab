"""What to do about a meter file that cannot be used, by the reason of its reject at line 0."""

from __future__ import annotations

NEXT_STEPS = {
    "unreadable_file": "check the path and its rights; of a folder name the files: FOLDER/*",
    "empty_file": "ask the sender for the file again",
    "html_page": "fetch it again, signed in; what came is the message of the site",
    "bad_archive": "fetch it again, or unpack it yourself and take what is in it",
    "bad_encoding": "save it as UTF-8, or name its encoding in a mapping file: docs/mapping.md",
    "line_too_long": "fetch it again: no sound meter file has such lines",
    "unknown_format": "say in a mapping file which columns hold what: docs/mapping.md, then add --mapping FILE.toml",
    "bad_mapping": "mend the mapping file: docs/mapping.md lists its keys",
    "no_data": "check what was exported: the format is known, but no reads of a meter are in it",
    "no_route_date": "name the day of the route: reads route in --date 2026-11-02",
}
OTHERWISE = "ask the sender for the file again; docs/formats.md says what the format must hold"


def next_step(reason: str) -> str:
    """Return what to do about a file that was refused for this reason."""
    return NEXT_STEPS.get(reason, OTHERWISE)
