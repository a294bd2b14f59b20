"""The front door: stands where CloudFront stands on AWS, and adds the mailbox.

As CloudFront does, it adds the header that proves a request came this way and the viewer's address, throws away
whatever a client says about either, and compresses text. It caches nothing. It also leads to the pages people sign in
on, which are the emulator's; on AWS they have an address of their own. What it must do here and CloudFront need
not: listen on loopback alone and check ``Host``, or any web page somebody visits could rebind its name to this
machine and read the service (DNS rebinding).
"""

import gzip
import http.client
import re
import string
import sys
import urllib.parse
from collections.abc import Iterable

from infra.local import mailbox
from infra.local.http_server import BadRequest, Handler, Server, TooLarge
from infra.local.post_office import Mail

# The stage's origin value (`infra.http`): it is no secret here.
ORIGIN_SECRET = "local"  # noqa: S105
# The quota of an HTTP API for an integration is 30 s, and CloudFront's for an origin as long by default.
_ANSWER_WITHIN = 30.0

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
_COMPRESSED_STATUSES = {200, 403, 404}
_COMPRESSED_SIZES = range(1000, 10_000_001)
_COMPRESSED_TYPES = {
    "application/atom+xml",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/problem+json",
    "application/rss+xml",
    "application/xhtml+xml",
    "application/xml",
    "image/svg+xml",
    "text/calendar",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/plain",
    "text/xml",
}

# RFC 9110, 7.6.1: these concern one connection, not the request or the answer.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_OURS_TO_SAY = {"host", "content-length", "expect", "x-origin-secret", "x-viewer-address", "x-forwarded-for"}
_MADE_ANEW = {"content-length", "date", "server"}


class FrontDoor(Server):
    """The address people use."""

    def __init__(self, port: int, mail: Mail) -> None:
        super().__init__(port, _Visitor)
        self.mail = mail
        self.names = {f"{name}:{self.port}" for name in ("localhost", "127.0.0.1", "[::1]")}
        self._origin: tuple[int, str] | None = None

    def lead_to(self, emulator_port: int, api_id: str) -> None:
        """Say which HTTP API stands behind the door. Until then it answers 503."""
        self._origin = (emulator_port, api_id)

    def ask_origin(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Pass a request on, and return the answer.

        Raises:
            TimeoutError: the origin took too long.
            OSError: it is not there.
        """
        if self._origin is None:
            raise ConnectionRefusedError
        port, api_id = self._origin
        before = "" if _is_to_sign_in(target) else f"/_aws/execute-api/{api_id}/$default"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_WITHIN)
        try:
            connection.putrequest(method, f"{before}{target}", skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value.encode("latin-1"))
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


class _Visitor(Handler):
    """One visitor's connection."""

    server: FrontDoor

    def answer(self) -> None:
        if self.headers.get("Host", "").lower() not in self.server.names:
            self.refuse(421, "This is the local Microclimate: use the address it printed.")
            return
        if not self.path.startswith("/"):
            self.refuse(400, "bad request")
            return
        try:
            body = self.body()
        except TooLarge:
            self.refuse(413, '{"message":"Request Entity Too Large"}')
            return
        except BadRequest as error:
            self.refuse(400, str(error))
            return
        self._answer_whole(body)

    def _answer_whole(self, body: bytes) -> None:
        if mailbox.is_for(self.path):
            page = mailbox.answer(self.command, self.path, self.server.mail)
            self.reply(page.status, page.headers, page.body)
            return
        try:
            status, headers, answer = self.server.ask_origin(self.command, _ascii(self.path), self._headers(), body)
        except TimeoutError:
            status, headers, answer = 504, _PLAIN, b"The service took too long to answer.\n"
        except (OSError, http.client.HTTPException):
            status, headers, answer = 503, _PLAIN, b"The service is not up (yet). Try again in a moment.\n"
        if status >= 500:
            # The first part of a path says which page it was; what follows may be somebody's link.
            print(
                f"{self.command} /{self.path[1:].partition('?')[0].partition('/')[0]} answered {status}",
                file=sys.stderr,
            )
        headers = [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP | _MADE_ANEW]
        headers, answer = _compressed(status, headers, answer, self.headers.get("Accept-Encoding", ""))
        self.reply(status, headers, answer)

    def _headers(self) -> list[tuple[str, str]]:
        named = {part.strip().lower() for part in self.headers.get("Connection", "").split(",")}
        dropped = _HOP_BY_HOP | _OURS_TO_SAY | named
        passed: dict[str, str] = {}
        for name, value in self.headers.items():
            lower = name.lower()
            if lower in dropped or lower.startswith("cloudfront-"):
                continue
            # An HTTP API joins headers of one name, and MiniStack keeps the last of them.
            joiner = "; " if lower == "cookie" else ","
            passed[lower] = f"{passed[lower]}{joiner}{value}" if lower in passed else value
        viewer = f"{self.client_address[0]}:{self.client_address[1]}"
        before = self.headers.get_all("X-Forwarded-For") or []
        return [
            *passed.items(),
            ("x-origin-secret", ORIGIN_SECRET),
            ("cloudfront-viewer-address", viewer),
            ("x-forwarded-for", ", ".join([*before, str(self.client_address[0])])),
        ]


# What of the emulator is the user pool's: its pages, its tokens and the keys that sign them.
_SIGN_IN = re.compile(r"/(oauth2/(authorize|token)|login|logout|[a-z0-9-]+_\w+/\.well-known/jwks\.json)")


def _is_to_sign_in(path: str) -> bool:
    return _SIGN_IN.fullmatch(path.partition("?")[0]) is not None


_PLAIN = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]


def _ascii(path: str) -> str:
    return urllib.parse.quote(path.encode("latin-1"), safe=string.punctuation)


def _compressed(
    status: int, headers: list[tuple[str, str]], body: bytes, accepted: str
) -> tuple[list[tuple[str, str]], bytes]:
    named = {name.lower(): value for name, value in headers}
    kind = named.get("content-type", "").partition(";")[0].strip().lower()
    if status not in _COMPRESSED_STATUSES or kind not in _COMPRESSED_TYPES or "content-encoding" in named:
        return headers, body
    headers = _varying_with_encoding(headers)
    if len(body) not in _COMPRESSED_SIZES or not _accepts_gzip(accepted.split(",")):
        return headers, body
    # The bytes differ, so a validator may promise no more than the same meaning.
    headers = [
        (name, f"W/{value}" if name.lower() == "etag" and not value.startswith("W/") else value)
        for name, value in headers
    ]
    return [*headers, ("Content-Encoding", "gzip")], gzip.compress(body, compresslevel=5, mtime=0)


def _accepts_gzip(codings: Iterable[str]) -> bool:
    for coding in codings:
        name, _, weight = coding.partition(";")
        if name.strip().lower() in {"gzip", "*"}:
            return weight.replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _varying_with_encoding(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if any(name.lower() == "vary" and "accept-encoding" in value.lower() for name, value in headers):
        return headers
    return [*headers, ("Vary", "Accept-Encoding")]
