"""The front door before an origin that tells what it was asked."""

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.local.front_door import FrontDoor
from infra.local.http_server import Handler, PortTaken, Server
from infra.local.post_office import Mail


class Origin(Handler):
    """Answers with the request as it came; `/large` and friends with what their names say."""

    def answer(self) -> None:
        body = self.body()
        path = self.path.removeprefix("/_aws/execute-api/api-id/$default")
        if path == "/large":
            self.reply(200, [("Content-Type", "text/html; charset=utf-8"), ("ETag", '"1"')], b"<p>" * 1000)
        elif path == "/cookies":
            self.reply(303, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Location", "/")], b"")
        elif path == "/binary":
            self.reply(200, [("Content-Type", "image/png")], bytes(range(256)) * 10)
        elif path == "/gone":
            self.reply(204, [], b"")
        else:
            headers = [(name.lower(), value) for name, value in self.headers.items()]
            heard = {"method": self.command, "target": self.path, "headers": headers, "body": body.decode("latin-1")}
            self.reply(200, [("Content-Type", "application/json")], json.dumps(heard).encode())


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontDoor]:
    with ExitStack() as stack:
        origin = stack.enter_context(Server(0, Origin))
        stack.enter_context(origin.serving())
        door = stack.enter_context(FrontDoor(0, Mail(tmp_path_factory.mktemp("mail"))))
        door.lead_to(origin.port, "api-id")
        stack.enter_context(door.serving())
        yield door


def ask(
    door: FrontDoor, target: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body, {"Host": f"localhost:{door.port}"} | named)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response, answer


def heard(
    door: FrontDoor, target: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> dict[str, str]:
    return dict(json.loads(ask(door, target, method, body, **headers)[1])["headers"])


def raw(door: FrontDoor, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_method_target_and_body_arrive_as_they_were_sent(door: FrontDoor) -> None:
    _, answer = ask(door, "/visits/a%2Fb?q=%20x&q=y", "PATCH", b"\x00\xffbody")
    got = json.loads(answer)
    assert got["method"] == "PATCH"
    assert got["target"] == "/_aws/execute-api/api-id/$default/visits/a%2Fb?q=%20x&q=y"
    assert got["body"] == "\x00\xffbody"


def test_what_only_cloudfront_may_say_is_said_by_the_door_alone(door: FrontDoor) -> None:
    got = heard(
        door, "/", x_origin_secret="guessed", cloudfront_viewer_address="8.8.8.8:1", CloudFront_Viewer_Country="XX"
    )
    assert got["x-origin-secret"] == "local"
    assert got["cloudfront-viewer-address"].startswith("127.0.0.1:")
    assert "cloudfront-viewer-country" not in got


def test_headers_of_one_connection_stay_on_it(door: FrontDoor) -> None:
    got = heard(door, "/", Connection="keep-alive, X-Hop", X_Hop="1", TE="trailers")
    assert not {"x-hop", "te", "keep-alive"} & got.keys()


def test_repeated_headers_are_joined_as_api_gateway_joins_them(door: FrontDoor) -> None:
    request = (
        f"GET / HTTP/1.1\r\nHost: localhost:{door.port}\r\nCookie: a=1\r\nCookie: b=2\r\nAccept: x\r\nAccept: y\r\n\r\n"
    )
    got = dict(json.loads(raw(door, request.encode()).partition(b"\r\n\r\n")[2])["headers"])
    assert got["cookie"] == "a=1; b=2"
    assert got["accept"] == "x,y"


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:1", "127.0.0.1.evil.example:8000", ""])
def test_a_name_that_is_not_ours_is_misdirected(door: FrontDoor, host: str) -> None:
    response, _ = ask(door, "/", Host=host)
    assert response.status == 421


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_every_name_of_this_machine_is_ours(door: FrontDoor, name: str) -> None:
    response, _ = ask(door, "/", Host=f"{name}:{door.port}")
    assert response.status == 200


def test_several_cookies_and_a_redirect_pass_through(door: FrontDoor) -> None:
    response, _ = ask(door, "/cookies")
    assert response.status == 303
    assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert response.headers["Location"] == "/"


def test_text_is_compressed_for_who_accepts_it(door: FrontDoor) -> None:
    response, answer = ask(door, "/large", Accept_Encoding="br;q=1, gzip;q=0.8")
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.headers["ETag"] == 'W/"1"'
    assert gzip.decompress(answer) == b"<p>" * 1000


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0"])
def test_text_is_left_alone_for_who_does_not(door: FrontDoor, accepted: str) -> None:
    response, answer = ask(door, "/large", Accept_Encoding=accepted)
    assert "Content-Encoding" not in response.headers
    assert response.headers["Vary"] == "Accept-Encoding"
    assert answer == b"<p>" * 1000


def test_an_image_is_not_compressed_again(door: FrontDoor) -> None:
    response, answer = ask(door, "/binary", Accept_Encoding="gzip")
    assert "Content-Encoding" not in response.headers
    assert answer == bytes(range(256)) * 10


def test_head_brings_no_content_and_claims_no_length_of_it(door: FrontDoor) -> None:
    response, answer = ask(door, "/binary", "HEAD")
    assert (response.status, answer) == (200, b"")
    assert "Content-Length" not in response.headers


def test_an_answer_without_content_has_no_length(door: FrontDoor) -> None:
    response, answer = ask(door, "/gone", "DELETE")
    assert (response.status, answer) == (204, b"")
    assert "Content-Length" not in response.headers


def test_a_body_above_what_api_gateway_takes_is_refused_unread(door: FrontDoor) -> None:
    answer = raw(door, f"POST / HTTP/1.1\r\nHost: localhost:{door.port}\r\nContent-Length: 10485761\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer


def test_a_body_in_chunks_is_put_together(door: FrontDoor) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost:{door.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(door, head.encode() + b"4\r\nname\r\n3;x=y\r\n=Al\r\n0\r\n\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["body"] == "name=Al"


@pytest.mark.parametrize(
    "framing",
    ["Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip", "Content-Length: -1"],
)
def test_a_body_of_uncertain_length_is_refused(door: FrontDoor, framing: str) -> None:
    answer = raw(door, f"POST / HTTP/1.1\r\nHost: localhost:{door.port}\r\n{framing}\r\n\r\nabc".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_one_connection_serves_many_requests(door: FrontDoor) -> None:
    request = f"GET / HTTP/1.1\r\nHost: localhost:{door.port}\r\n\r\n".encode()
    assert raw(door, request * 3).count(b"HTTP/1.1 200") == 3


def test_a_service_that_is_not_up_is_said_to_be_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FrontDoor(0, Mail(tmp_path)) as lonely, lonely.serving():
        response, _ = ask(lonely, "/places/somebodys-secret-link?t=1")
    assert response.status == 503
    assert capsys.readouterr().err == "GET /places answered 503\n"


def test_a_taken_port_is_said_to_be_taken(door: FrontDoor, tmp_path: Path) -> None:
    with pytest.raises(PortTaken, match=f"port {door.port} is taken"):
        FrontDoor(door.port, Mail(tmp_path))


def test_nothing_but_loopback_is_listened_on(door: FrontDoor) -> None:
    assert door.server_address[0] == "127.0.0.1"
