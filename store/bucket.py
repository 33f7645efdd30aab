"""Objects of an object store, by S3's protocol: got, put, listed, created once; whatever goes wrong is said in words.

Only this module knows the client. Credentials come from the environment or from the machine's role, never from a file
of ours, and no message shows them.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from model.errors import BillmillError, ConfigError, StorageError

RETRIES = 8
"""How often the client makes a request again that got no answer, or one of 5xx: for ten seconds or more."""
AGAIN = 2
"""How often that is begun anew, and what came cut off or not as it was put is got again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds
_CHUNK = 4 << 20
_SHA256 = "sha256"  # the name of the object's own note of its hash
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3}) ?([A-Za-z ]*)")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class LakeSettings:
    """Where a lake lies when it does not lie in the workspace: table [lake] of the configuration."""

    url: str
    """`s3://BUCKET/PREFIX`, or `file:///FOLDER` on a file system that all machines share"""
    endpoint: str | None = None
    """Of a store that is not Amazon's; None for what the environment says (AWS_ENDPOINT_URL), or Amazon's"""
    region: str | None = None
    path_style: bool = True
    """Whether the bucket stands in the path of a request, as most stores but Amazon's want it"""


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing tells of it; `key` is below the lake's prefix."""

    key: str
    bytes: int
    modified_at: datetime
    sha256: str = ""
    """Of its bytes, where they were got"""


class Bucket:
    """The objects of one lake. Threads may share it."""

    def __init__(self, settings: LakeSettings) -> None:
        self.settings = settings

    @property
    def url(self) -> str:
        """Where the lake lies."""
        return self.settings.url.rstrip("/")

    @cached_property
    def _client(self) -> Any:
        try:
            return import_module("obstore")
        except ImportError as error:
            raise ConfigError(
                f"the lake lies in `{self.url}`: obstore, which reads it, is not installed",
                hint="pip install 'billmill[s3]'",
            ) from error

    @cached_property
    def _store(self) -> Any:
        made = import_module(f"{self._client.__name__}.store")
        place, settings = self.settings.url.partition("://")[2], self.settings
        if settings.url.startswith("file://"):
            return made.LocalStore(place, mkdir=True)
        bucket, _, prefix = place.strip("/").partition("/")
        named = {"endpoint": settings.endpoint, "region": settings.region, "prefix": prefix or None}
        pause = {
            "init_backoff": timedelta(seconds=FIRST_PAUSE), "max_backoff": timedelta(seconds=LONGEST_PAUSE), "base": 2
        }  # fmt: skip
        return made.S3Store(
            bucket, virtual_hosted_style_request=not settings.path_style, disable_bulk_delete=True,
            client_options={"allow_http": (settings.endpoint or "").startswith("http://"), "timeout": "120s"},
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=180), "backoff": pause},
            **{name: value for name, value in named.items() if value is not None},
        )  # fmt: skip

    @property
    def _keeps_notes(self) -> bool:
        return not self.settings.url.startswith("file://")

    def create(self, key: str, content: bytes | Path, sha256: str) -> bool:
        """Put an object that must not exist yet; return False, changing nothing, when there is one.

        An answer that was lost is asked for again, so False may also tell of this very object: whoever cares reads it.
        """

        def attempt() -> bool:
            try:
                self._put(key, content, sha256, mode="create")
            except self._client.exceptions.AlreadyExistsError:
                return False
            return True

        return self._repeated(attempt)

    def put(self, key: str, content: bytes | Path, sha256: str) -> None:
        """Put an object in the place of what was there."""
        self._repeated(lambda: self._put(key, content, sha256, mode="overwrite"))

    def _put(self, key: str, content: bytes | Path, sha256: str, mode: str) -> None:
        with self._answered(f"`{key}` cannot be put"):
            notes = {_SHA256: sha256} if self._keeps_notes else None
            self._client.put(self._store, key, content, attributes=notes, mode=mode, use_multipart=False)

    def read(self, key: str) -> bytes | None:
        """Return the bytes of a small object; None when there is none."""
        parts: list[bytes] = []

        def attempt() -> StoredObject | None:
            parts.clear()
            return self._streamed(key, parts.append, None)

        return None if self._repeated(attempt) is None else b"".join(parts)

    def fetch(self, key: str, target: Path, sha256: str | None) -> StoredObject | None:
        """Write an object to `target`, which must come to `sha256`, or else to what the object notes of itself.

        Returns None when there is no such object.

        Raises:
            StorageError: it comes to another hash, however often it is got.
        """

        def attempt() -> StoredObject | None:
            with target.open("wb") as file:
                return self._streamed(key, file.write, sha256)

        return self._repeated(attempt)

    def hash_of(self, key: str) -> str | None:
        """Return the SHA-256 of an object's bytes, all of which are got; None when there is none."""
        found = self._repeated(lambda: self._streamed(key, len, ""))
        return None if found is None else found.sha256

    def _streamed(self, key: str, take: Callable[[bytes], object], expected: str | None) -> StoredObject | None:
        """Hand the bytes of an object to `take`. `expected`: its hash; None for what it notes; empty to not compare."""
        digest, size = hashlib.sha256(), 0
        try:
            with self._answered(f"`{key}` cannot be got"):
                answer = self._client.get(self._store, key)
                for chunk in answer.stream(min_chunk_size=_CHUNK):
                    data = bytes(chunk)
                    digest.update(data)
                    size += len(data)
                    take(data)
                meta = answer.meta
                wanted = answer.attributes.get(_SHA256) if expected is None else expected
        except _NoObjectError:
            return None
        if size != meta["size"] or (wanted and digest.hexdigest() != wanted):
            raise StorageError(
                f"object `{key}` of `{self.url}` is not what was put: {size:,} bytes, SHA-256 {digest.hexdigest()[:16]}"
                + (f", expected {wanted[:16]}" if wanted else f", expected {meta['size']:,} bytes"),
                hint="billmill verify names all that differ; billmill restore BACKUP puts them back",
            )
        return StoredObject(key, size, meta["last_modified"], digest.hexdigest())

    def size_of(self, key: str) -> int | None:
        """Return how many bytes an object has; None when there is none."""

        def attempt() -> int | None:
            try:
                with self._answered(f"`{key}` cannot be looked up"):
                    return int(self._client.head(self._store, key)["size"])
            except _NoObjectError:
                return None

        return self._repeated(attempt)

    def listing(self, prefix: str) -> list[StoredObject]:
        """Return the objects below a folder, in order of key."""

        def attempt() -> list[StoredObject]:
            with self._answered(f"`{prefix or '/'}` cannot be listed"):
                found = [meta for part in self._client.list(self._store, prefix=prefix or None) for meta in part]
            return sorted(map(_stored, found), key=lambda item: item.key)

        return self._repeated(attempt)

    def entries(self, folder: str) -> tuple[list[StoredObject], list[str]]:
        """Return the objects that lie in a folder itself, and the names of the folders in it."""

        def attempt() -> tuple[list[StoredObject], list[str]]:
            with self._answered(f"`{folder or '/'}` cannot be listed"):
                found = self._client.list_with_delimiter(self._store, prefix=folder or None)
            return [_stored(meta) for meta in found["objects"]], [str(name) for name in found["common_prefixes"]]

        return self._repeated(attempt)

    def delete(self, key: str) -> None:
        """Take an object away; one that is gone already is no mistake."""

        def attempt() -> None:
            try:
                with self._answered(f"`{key}` cannot be taken away"):
                    self._client.delete(self._store, key)
            except _NoObjectError:
                return

        self._repeated(attempt)

    def _repeated(self, attempt: Callable[[], Answer]) -> Answer:
        """Do it again where the client does not by itself: an answer cut off in the middle, a put that was cut."""
        for _ in range(AGAIN):
            try:
                return attempt()
            except StorageError:
                time.sleep(FIRST_PAUSE)
        return attempt()

    @contextmanager
    def _answered(self, what: str) -> Iterator[None]:
        """Say what the client's errors mean; that something is there already is for the caller."""
        kinds = self._client.exceptions
        try:
            yield
        except kinds.AlreadyExistsError:
            raise
        except (kinds.BaseError, OSError) as error:
            raise self._told(what, error, kinds) from error

    def _told(self, what: str, error: Exception, kinds: Any) -> BillmillError:
        text = str(error)
        code = found[1] if (found := _CODE.search(text)) else ""
        status = f"{found[1]} {found[2]}".strip() if (found := _STATUS.search(text)) else ""
        said = code or status or text.partition("\n")[0].rpartition(" - ")[2]
        if code == "NoSuchBucket" or (status.startswith("404") and not code and "list" in what):
            return ConfigError(
                f"lake `{self.url}`: there is no such bucket", hint="make it, or mend url and endpoint in [lake]"
            )
        if isinstance(error, FileNotFoundError):
            return _NoObjectError(text)
        if isinstance(error, kinds.PermissionDeniedError | kinds.UnauthenticatedError) or status[:3] in {"401", "403"}:
            return ConfigError(
                f"lake `{self.url}`: {what}: refused ({said})",
                hint="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the machine's role, must allow it; "
                "docs/storage.md has the policy",
            )
        if "169.254.169.254" in text:  # where a machine in a cloud is told its role
            return ConfigError(
                f"lake `{self.url}`: no credentials were found",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
            )
        where = f" at {self.settings.endpoint}" if self.settings.endpoint else ""
        return StorageError(
            f"lake `{self.url}`{where}: {what}: {said}",
            hint="look at the network and the store, then run the same command again: what was done is kept",
        )


class _NoObjectError(BillmillError):
    """There is no object of this name."""


def _stored(meta: Any) -> StoredObject:
    return StoredObject(str(meta["path"]), int(meta["size"]), meta["last_modified"])
