"""A lake in a bucket, with a copy on this machine: what is written below `lake/` is put, what is read is there.

`open_workspace` mounts the lake. From then on `store.files` and `store.lake` put each file that counts into the bucket
before it gets its name here, so what is here is there. Names that begin with a dot (temporaries, locks, stages) are of
this machine alone. Without a mount nothing of this happens, and asking costs a look into an empty table.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from model.errors import ControlError
from store.bucket import Bucket, LakeSettings
from store.failpoints import around

AT_A_TIME = 16  # objects that are waited for together
_PLAN = re.compile(r"(runs/[^/]+)/plan/[^/]+")


class _Mounted:
    """The lakes of this process that lie in a bucket, by their folder here."""

    lakes: dict[Path, Bucket] = {}


def mount(lake: Path, settings: LakeSettings | None) -> None:
    """Let the folder `lake` be a copy of a bucket; None lets it be a folder of its own again."""
    if settings is None:
        _Mounted.lakes.pop(lake, None)
    elif lake not in _Mounted.lakes or _Mounted.lakes[lake].settings != settings:
        _Mounted.lakes[lake] = Bucket(settings)


def bucket_of(path: Path) -> tuple[Bucket, str] | None:
    """Return the bucket that a path below a lake is put to, and its key; None for what stays on this machine."""
    for lake, bucket in _Mounted.lakes.items():
        if path.is_relative_to(lake) and path != lake:
            key = path.relative_to(lake)
            return None if key.name.startswith(".") else (bucket, key.as_posix())
    return None


def mounted(path: Path) -> tuple[Bucket, str] | None:
    """Return the bucket whose copy a folder of the lake is, and the folder's prefix there; None without a bucket."""
    for lake, bucket in _Mounted.lakes.items():
        if path.is_relative_to(lake):
            return bucket, "" if path == lake else path.relative_to(lake).as_posix()
    return None


def put_created(path: Path, data: bytes) -> bytes:
    """Put what may exist once; return what is there now: `data`, or what another was first with."""
    found = bucket_of(path)
    if found is None:
        return data
    bucket, key = found
    for _ in range(3):
        with around("put", path):
            is_first = bucket.create(key, data, hashlib.sha256(data).hexdigest())
        there = data if is_first else bucket.read(key)
        if there is not None:  # a store may refuse for one that it then does not keep
            return there
    raise ControlError(
        f"object `{key}` of `{bucket.url}` is there when it is put and not when it is read",
        hint="look for a rule of the bucket that takes objects away; then run the same command again",
    )


def put_placed(path: Path, data: bytes) -> None:
    """Put a file that may take another's place; a plan may only as long as no receipt stands on it.

    Raises:
        ControlError: the bucket holds another plan of this run that was computed: another workspace made it.
    """
    found = bucket_of(path)
    if found is None:
        return
    bucket, key = found
    sha256 = hashlib.sha256(data).hexdigest()
    plan = _PLAN.fullmatch(key)
    if plan is not None:
        if bucket.create(key, data, sha256) or bucket.read(key) == data:
            return
        if bucket.listing(f"{plan[1]}/receipts"):
            raise ControlError(
                f"`{bucket.url}` holds another `{key}`, which was computed",
                hint="the control database is older than the lake: billmill rebuild; or plan with a higher --sequence",
            )
    with around("put", path):
        bucket.put(key, data, sha256)


def put_named(path: Path, file: Path, sha256: str) -> None:
    """Put a file that is named by its content, from where it was written; one that is there is the same.

    Raises:
        ControlError: what is there is not as long.
    """
    found = bucket_of(path)
    if found is None:
        return
    bucket, key = found
    with around("put", path):
        is_new = bucket.create(key, file, sha256)
    if is_new:
        return
    size = bucket.size_of(key)
    if size != file.stat().st_size:
        raise ControlError(
            f"object `{key}` of `{bucket.url}`: expected {file.stat().st_size:,} bytes, found {size or 0:,}",
            hint="it was changed there: billmill verify names all that differ, billmill restore BACKUP puts them back",
        )


def other_objects(lake: Path, hashes: Mapping[str, str]) -> list[str]:
    """Return the files (below the lake's parent) whose objects are gone or do not have these hashes."""
    found = mounted(lake)
    if found is None:
        return []
    bucket = found[0]
    keys = {name.removeprefix(f"{lake.name}/"): name for name in hashes if name.startswith(f"{lake.name}/")}
    listed = {item.key for item in bucket.listing("")}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        there = pool.map(lambda key: bucket.hash_of(key) if key in listed else None, keys)
        return [keys[key] for key, sha256 in zip(keys, there, strict=True) if sha256 != hashes[keys[key]]]


def put_again(path: Path, sha256: str) -> None:
    """Put a file of this machine in the place of an object that is lost or changed."""
    found = bucket_of(path)
    if found is not None:
        found[0].put(found[1], path, sha256)


def put_note(path: Path, data: bytes) -> None:
    """Put a file that is there for people alone, whatever its name begins with."""
    found = mounted(path)
    if found is not None:
        found[0].put(found[1], data, hashlib.sha256(data).hexdigest())


def take_away(path: Path) -> None:
    """Take the object of a file away."""
    found = bucket_of(path)
    if found is not None:
        found[0].delete(found[1])


def take_all_away(folder: Path) -> None:
    """Take the objects of all files below a folder away."""
    found = mounted(folder)
    if found is None:
        return
    bucket, prefix = found
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(bucket.delete, [item.key for item in bucket.listing(prefix)]))


def folders_there(folder: Path) -> list[str]:
    """Return the names of the folders in one of a lake in a bucket; none without a bucket."""
    found = mounted(folder)
    return [] if found is None else [name.rpartition("/")[2] for name in found[0].entries(found[1])[1]]
