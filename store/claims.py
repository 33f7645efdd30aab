"""Whose lake a bucket's prefix is: an object says so, which only the first workspace can put there."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path
from typing import Any

from model.errors import ConfigError
from model.ids import content_hash
from store.bucket import Bucket, LakeSettings
from store.mount import mounted

CLAIM = "billmill-lake.json"


def claim_lake(settings: LakeSettings, name: str, root: Path) -> None:
    """Make a bucket's prefix the lake of a new workspace; the same `init` again, after a kill, may claim it again.

    Raises:
        ConfigError: it is the lake of another workspace, or holds other objects.
    """
    bucket = Bucket(settings)
    found = [item.key for item in bucket.listing("") if item.key != CLAIM]
    if found:
        raise ConfigError(
            f"lake `{bucket.url}` is not empty: it holds `{found[0]}`", hint="choose another prefix for this workspace"
        )
    claim = _claim(name, root)
    if _claimed(bucket, claim) != claim:
        raise _refused(bucket)


def claim_again(lake: Path, name: str) -> None:
    """Make sure that a lake in a bucket, into which files are about to be put back, is of the workspace `name`.

    Raises:
        ConfigError: it is that of another one.
    """
    found = mounted(lake)
    if found is not None and _claimed(found[0], _claim(name, lake.parent))["name"] != name:
        raise _refused(found[0])


def _claim(name: str, root: Path) -> dict[str, str]:
    """Return what tells a workspace from others of its name: where it was begun, as a hash that tells nobody."""
    return {"name": name, "begun_by": content_hash(socket.gethostname(), root)[:16]}


def _claimed(bucket: Bucket, claim: dict[str, str]) -> dict[str, Any]:
    """Put a claim where there is none; return the one that is there."""
    content = json.dumps(claim, sort_keys=True).encode()
    if bucket.create(CLAIM, content, hashlib.sha256(content).hexdigest()):
        return claim
    return dict(json.loads(bucket.read(CLAIM) or b"{}"))


def _refused(bucket: Bucket) -> ConfigError:
    return ConfigError(f"lake `{bucket.url}` is that of another workspace", hint="choose another prefix")
