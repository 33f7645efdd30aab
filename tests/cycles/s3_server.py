"""An S3 server on loopback (moto's), and faults between it and who asks: refused, cut off, lost, too late."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

Start = Callable[..., Any]
_ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>said by a test</Message></Error>"
REASONS = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}


@dataclass
class Fault:
    """What happens to the next `times` requests whose method and path fit."""

    request: str
    """Pattern of `METHOD PATH`"""
    status: int = 0
    """Answered instead of the server's; 0: the server's answer, as below"""
    cut: int | None = None
    """Bytes after which the answer is cut off"""
    unheard: bool = False
    """The server does it, and its answer is lost: told as a 500"""
    before: Callable[[], object] | None = None
    """Done before the server is asked"""
    times: int = 1
    seen: int = field(default=0, init=False)


class Server:
    """The server; `endpoint` is its address, `asked` the requests it got."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        self.faults: list[Fault] = []
        self.asked: list[str] = []

    def make_bucket(self, name: str) -> str:
        self.put(name, "", b"")
        return name

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._ask("PUT", f"{bucket}/{key}".rstrip("/"), data)

    def delete(self, bucket: str, key: str) -> None:
        self._ask("DELETE", f"{bucket}/{key}")

    def keys(self, bucket: str) -> list[str]:
        return re.findall("<Key>(.*?)</Key>", self._ask("GET", f"{bucket}?list-type=2").decode())

    def _ask(self, method: str, what: str, data: bytes | None = None) -> bytes:
        # The server looks for somebody's name, not for what it signed with.
        somebody = "AWS4-HMAC-SHA256 Credential=loopback/20260101/us-east-1/s3/aws4_request, Signature=none"
        request = Request(
            f"{self.endpoint}/{what}", data, {"Authorization": somebody, "Content-Type": "x"}, method=method
        )
        with urlopen(request) as answer:
            return bytes(answer.read())

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def fault(self, request: str, **what: Any) -> Iterator[Fault]:
        """Let a fault happen as long as the block lasts."""
        fault = Fault(request, **what)
        self.faults.append(fault)
        try:
            yield fault
        finally:
            self.faults.remove(fault)

    def _answer(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self.asked.append(asked)
        fault = next((one for one in self.faults if one.seen < one.times and re.search(one.request, asked)), None)
        if fault is None:
            return self._app(environ, start)
        fault.seen += 1
        if fault.before is not None:
            fault.before()
        if fault.unheard:
            b"".join(self._app(environ, lambda *_: None))
        elif fault.status:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if fault.unheard or fault.status:
            status = fault.status or 500
            start(f"{status} said", [("Content-Type", "application/xml")])
            return [_ERROR.format(code=REASONS[status]).encode()]
        whole = b"".join(self._app(environ, start))
        return [whole if fault.cut is None else whole[: fault.cut]]
