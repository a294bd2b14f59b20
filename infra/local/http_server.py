"""A small threaded HTTP/1.1 server on loopback, which the front door and the post office are made from."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

MEGABYTE = 1024 * 1024


class PortTaken(Exception):
    """Something else listens on the port already."""


class BadRequest(Exception):
    """A request that no server could make sense of."""


class TooLarge(Exception):
    """A body above the limit."""


class Server(ThreadingHTTPServer):
    """Threads do not hold up the end: an idle keep-alive connection is nothing to wait for."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, handler: type["Handler"]) -> None:
        try:
            super().__init__(("127.0.0.1", port), handler)
        except OSError as error:
            raise PortTaken(f"port {port} is taken: choose another with PORT=") from error

    @property
    def port(self) -> int:
        """Where it listens: the port asked for, or the one that 0 came to."""
        return int(self.server_address[1])

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer requests in the background."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection. It logs nothing: paths here hold people's links."""

    protocol_version = "HTTP/1.1"
    server_version = "microclimate-local"
    sys_version = ""
    timeout = 75
    wbufsize = -1  # one write an answer
    largest_body: ClassVar[int] = 10 * MEGABYTE

    def answer(self) -> None:
        """Answer the request whose head has been read."""
        raise NotImplementedError

    def _dispatch(self) -> None:
        self.answer()

    # The names that http.server looks for.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _dispatch  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def body(self) -> bytes:
        """Read the request's body.

        Raises:
            BadRequest: its length is stated in no way we know.
            TooLarge: it is longer than ``largest_body``.
        """
        coding = self.headers.get("Transfer-Encoding", "").strip().lower()
        length = self.headers.get("Content-Length", "").strip()
        if coding:
            if coding != "chunked" or length:
                raise BadRequest("the length of the body is stated in two ways, or in an unknown one")
            return self._chunks()
        if not length:
            return b""
        if not (length.isascii() and length.isdigit()):
            raise BadRequest("Content-Length is no number")
        if int(length) > self.largest_body:
            raise TooLarge
        return self._exactly(int(length))

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer. ``Content-Length`` is added where an answer has one."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Date", self.date_time_string())
        if status not in {204, 304} and (self.command != "HEAD" or body):  # of what was not asked for, no length
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and status not in {204, 304}:
            self.wfile.write(body)

    def refuse(self, status: int, text: str) -> None:
        """Answer in a line, and hang up: what is left of the request was not read."""
        self.close_connection = True
        self.reply(status, [("Content-Type", "text/plain; charset=utf-8")], f"{text}\n".encode())

    def _exactly(self, length: int) -> bytes:
        read = self.rfile.read(length)
        if len(read) != length:
            raise BadRequest("the body ended early")
        return read

    def _chunks(self) -> bytes:
        read = bytearray()
        while size := self._chunk_size():
            if len(read) + size > self.largest_body:
                raise TooLarge
            read += self._exactly(size)
            self.rfile.readline(8)
        while self.rfile.readline(MEGABYTE).strip():  # trailers, which nobody here reads
            pass
        return bytes(read)

    def _chunk_size(self) -> int:
        line = self.rfile.readline(1024).partition(b";")[0].strip()
        try:
            return int(line, 16)
        except ValueError:
            raise BadRequest("a chunk without its size") from None
