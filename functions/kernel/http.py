"""The HTTP edge: routes on Powertools' resolver, and all that every request and every answer has in common.

An edge module makes one `Edge`, adds routes to it and exports its `Edge.handler`. A route parses, calls and answers;
problems it raises become problem+json under ``/api/`` and a page elsewhere, here and nowhere else.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlencode

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from kernel import clock
from kernel.errors import (
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    NotSignedIn,
    NotThroughTheFront,
    Problem,
    TooLarge,
    Unavailable,
)
from kernel.headers import Audience, headers
from kernel.log import logger, what_failed
from kernel.powertools import APIGatewayHttpResolver, NotFoundError, Response

if TYPE_CHECKING:
    from kernel.access import Actor

BODY_LIMIT = 64 * 1024
FIELDS_LIMIT = 200
HTML = "text/html; charset=utf-8"

type Answer = Response[Any]  # Powertools' responses carry text or bytes

type Who = Literal["anybody", "link", "me", "organiser", "moderator", "organiser or moderator"]
"""Who may call: ``link`` is whoever holds a capability, ``me`` whoever is signed in, the others have such a role."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, for the OpenAPI document."""

    name: str
    description: str
    schema: Mapping[str, object] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path does, for routing and for the OpenAPI document.

    Attributes:
        body, answers: models as ``module:Class``, so that no request pays for importing what only documents it;
            None is an answer without a body, text another media type.
        problems: the refusals a caller should expect, by class.
        who: who may call it. The edge sees to ``me`` and the roles before the route is called.
    """

    method: str
    path: str
    summary: str
    tag: str
    body: str | None = None
    answers: Mapping[int, str | None] = field(default_factory=dict)
    query: Sequence[Parameter] = ()
    problems: Sequence[type[Problem]] = ()
    who: Who = "anybody"
    headers: Sequence[Parameter] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """What paths of this operation match."""
        return re.compile(re.sub(r"<\w+>", "[^/]+", self.path))


class Request:
    """The request in hand, read once: nothing in it is trusted but its shape."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        self.method: str = event["requestContext"]["http"]["method"]
        self.path: str = event["rawPath"]
        self.headers: dict[str, str] = {k.lower(): v for k, v in (event.get("headers") or {}).items()}
        self.now = clock.now()

    @property
    def is_api(self) -> bool:
        """Whether a program is asking, so that problems are JSON."""
        return self.path.startswith("/api/")

    @cached_property
    def query(self) -> dict[str, str]:
        """The query parameters; of a repeated one the last.

        Raises:
            MalformedRequest: there are more than 200.
        """
        try:
            return dict(parse_qsl(self._event.get("rawQueryString") or "", max_num_fields=FIELDS_LIMIT))
        except ValueError as broken:
            raise MalformedRequest(f"The address has too many parameters: {FIELDS_LIMIT} at most.") from broken

    def every(self, name: str) -> list[str]:
        """Return every value of a query parameter that may be repeated."""
        _ = self.query  # its limit holds
        return [value for key, value in parse_qsl(self._event.get("rawQueryString") or "") if key == name]

    @cached_property
    def body(self) -> bytes:
        """The body as bytes.

        Raises:
            TooLarge: over 64 KB.
        """
        text = self._event.get("body") or ""
        try:
            body = base64.b64decode(text) if self._event.get("isBase64Encoded") else text.encode()
        except ValueError as broken:
            raise MalformedRequest from broken
        if len(body) > BODY_LIMIT:
            raise TooLarge
        return body

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; an empty one as an empty object.

        Raises:
            MalformedRequest: it is no JSON object, or is not sent as ``application/json``.
        """
        document = self._document("{}")
        if not isinstance(document, dict):
            raise MalformedRequest("Send a JSON object.")
        return document

    def json_list(self) -> list[Any]:
        """Return the body as a JSON list.

        Raises:
            MalformedRequest: it is no JSON list, or is not sent as ``application/json``.
        """
        document = self._document("null")
        if not isinstance(document, list):
            raise MalformedRequest("Send a JSON list.")
        return document

    def _document(self, when_empty: str) -> object:
        if self.body and not self.headers.get("content-type", "").startswith("application/json"):
            raise MalformedRequest("Send the request as JSON, with `Content-Type: application/json`.")
        try:
            # UTF-8 and nothing else (RFC 8259, 8.1): given bytes, json would guess, and let halves of characters pass.
            text = self.body.decode("utf-8-sig")
            document: object = json.loads(text or when_empty)
        except (ValueError, RecursionError) as broken:
            raise MalformedRequest from broken
        if "\\ud" in text.lower():
            _refuse_lone_surrogates(document)
        return document

    def form(self) -> dict[str, list[str]]:
        """Return the fields of a posted form, every value of each; lines end as people count them.

        Browsers send every line's end as two characters (HTML, "form submission").

        Raises:
            MalformedRequest: it is no form, or has more than 200 fields.
        """
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=FIELDS_LIMIT, errors="strict")
        except ValueError as broken:
            raise MalformedRequest from broken
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
        return fields

    def header(self, name: str, limit: int = 200) -> str | None:
        """Return a header, None where it is absent.

        Raises:
            MalformedRequest: it is longer than ``limit`` characters.
        """
        value = self.headers.get(name.lower())
        if value is not None and len(value) > limit:
            raise MalformedRequest(f"The header {name} is too long: {limit} characters at most.")
        return value or None

    def cookie(self, name: str) -> str | None:
        """Return a cookie's value, None where it is absent."""
        # API Gateway takes cookies out of the headers into a list of their own; the local emulator leaves them in.
        pairs: list[str] = [*(self._event.get("cookies") or []), *self.headers.get("cookie", "").split(";")]
        for pair in pairs:
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value
        return None

    @property
    def address(self) -> str:
        """The path with its query: what "come back here" means. For pages without a capability in their path only."""
        query = self._event.get("rawQueryString")
        return f"{self.path}?{query}" if query else self.path

    @property
    def changes_state(self) -> bool:
        """Whether the method may change something (RFC 9110, 9.2.1)."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}

    @property
    def network(self) -> str | None:
        """The network the request comes from, as CloudFront says it (the secret header proves that it does)."""
        viewer = self.headers.get("cloudfront-viewer-address", "")
        address, _, _ = viewer.rpartition(":")
        return ":".join(address.split(":")[:4]) if address.count(":") > 1 else address or None


def form_to_send_again(request: Request) -> dict[str, object] | None:
    """Return a form somebody sent at a bad moment, for the page to keep: a busy service must not cost them a word."""
    if request.method != "POST":
        return None
    try:
        fields = request.form()
    except Problem:
        return None
    return {"action": request.path, "fields": [(name, text) for name, texts in fields.items() for text in texts]}


def _refuse_lone_surrogates(document: object) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as broken:
        raise MalformedRequest("The text holds half a character. Send it as valid Unicode.") from broken


class Edge:
    """One function's routes, and what surrounds them.

    ``origin_secret`` is what only our front (CloudFront) knows: a request without it is refused. ``problem_page``
    shows a problem to a person; it gets the request, the problem and the request's id. ``who_is`` says who is asking
    (`kernel.access.actor`); an edge without it has no route for the signed in.
    """

    def __init__(
        self,
        *,
        origin_secret: str,
        problem_page: Callable[[Request, Problem, str], str],
        who_is: Callable[[Request], Actor] | None = None,
    ) -> None:
        self.resolver = APIGatewayHttpResolver()
        self.resolver.exception_handler(Exception)(self._answer_problem)
        self.resolver.not_found(self._nowhere)
        self.operations: list[Operation] = []
        self._origin_secret = origin_secret
        self._problem_page = problem_page
        self._who_is = who_is
        self._request: Request | None = None
        self._actor: Actor | None = None
        self._request_id = ""

    @property
    def request(self) -> Request:
        """The request in hand."""
        if self._request is None:
            raise RuntimeError("there is no request in hand")
        return self._request

    @property
    def actor(self) -> Actor:
        """Who is asking, on a route for the signed in."""
        if self._actor is None:
            raise RuntimeError("the route is for anybody: nobody was asked who they are")
        return self._actor

    def route[**P](self, operation: Operation) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
        """Add an operation; the function under the decorator answers it."""
        self.operations.append(operation)

        def add(answer: Callable[P, Answer]) -> Callable[P, Answer]:
            guarded = answer if operation.who in {"anybody", "link"} else self._guarded(answer, operation.who)
            self.resolver.route(operation.path, method=operation.method)(guarded)
            return answer

        return add

    def page[**P](
        self, method: str, path: str, *, who: Who = "anybody"
    ) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
        """Add a page, which the OpenAPI document leaves out."""
        return self.route(Operation(method, path, "", tag="pages", who=who))

    def _guarded[**P](self, answer: Callable[P, Answer], who: Who) -> Callable[P, Answer]:
        who_is = self._who_is
        if who_is is None:
            raise TypeError("an edge with routes for the signed in needs who_is")

        @wraps(answer)
        def only_for_them(*args: P.args, **kwargs: P.kwargs) -> Answer:
            self._actor = who_is(self.request)
            if who != "me":
                self._actor.must_be(*who.split(" or "))
            return answer(*args, **kwargs)

        return only_for_them

    def handler(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one API Gateway request (payload 2.0): Lambda's entry point."""
        self._request_id = str(event["requestContext"].get("requestId") or getattr(context, "aws_request_id", ""))
        logger.append_keys(request_id=self._request_id)
        self._request, self._actor = Request(event), None
        asked_for_head = self._request.method == "HEAD"
        if asked_for_head:  # answered as GET is, without the body (RFC 9110, 9.3.2)
            event["requestContext"]["http"]["method"] = self._request.method = "GET"
        try:
            self._admit(self._request)
            response = self.resolver.resolve(event, context)
        except Problem as problem:
            response = _as_response(self._answer_problem(problem))
        response.setdefault("headers", {})["X-Request-Id"] = self._request_id
        if asked_for_head:
            response |= {"body": "", "isBase64Encoded": False}
        return response

    def _admit(self, request: Request) -> None:
        given = request.headers.get("x-origin-secret", "")
        if not hmac.compare_digest(given.encode(), self._origin_secret.encode()):
            raise NotThroughTheFront
        _ = request.body  # its limit holds on every route

    def _nowhere(self, _: NotFoundError) -> Answer:
        here = [one for one in self.operations if one.pattern.fullmatch(self.request.path)]
        # A path with a character that no route takes also ends here, with a method that would be right.
        if not here or self.request.method in {one.method for one in here}:
            return self._answer_problem(NotFound())
        answer = self._answer_problem(MethodNotAllowed())
        allowed = sorted({one.method for one in here} | {"HEAD" for one in here if one.method == "GET"})
        answer.headers["Allow"] = ", ".join(allowed)
        return answer

    def _answer_problem(self, error: Exception) -> Answer:
        problem = _problem(error)
        request = self.request
        if isinstance(problem, NotSignedIn) and not request.is_api and not request.changes_state:
            return see_other(f"/sign-in?{urlencode({'return': request.address})}")
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.error("request failed", failure=what_failed(error))
        if self.request.is_api:
            body, kind = json.dumps(self._document(problem)), "application/problem+json"
        else:
            body, kind = self._problem_page(self.request, problem, self._request_id), HTML
        answer: Answer = Response(problem.status, kind, body, headers=dict(headers("private")))
        if problem.retry_after is not None:
            answer.headers["Retry-After"] = str(problem.retry_after)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def _document(self, problem: Problem) -> dict[str, object]:
        document: dict[str, object] = {
            "type": problem.type,
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            # Not the path: a capability may stand in it, and problems end up in other people's logs.
            "instance": f"urn:request:{self._request_id}",
        }
        if problem.errors:
            document["errors"] = [asdict(error) for error in problem.errors]
        return document


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, PynamoDBException | BotoCoreError | ClientError):
        return Unavailable()
    return Problem()


def _as_response(answer: Answer) -> dict[str, Any]:
    sent = {**answer.headers, "Content-Type": answer.content_type}
    return {"statusCode": answer.status_code, "headers": sent, "body": answer.body, "isBase64Encoded": False}


def json_answer(status: int, document: object, **more: str) -> Answer:
    """Return a JSON answer that nobody caches; ``more`` are further headers, ``_`` for ``-``."""
    sent = {**headers("private"), **{name.replace("_", "-"): value for name, value in more.items()}}
    return Response(status, "application/json", json.dumps(document, separators=(",", ":")), headers=dict(sent))


def public_json(document: object) -> Answer:
    """Return public JSON, which caches may hold for ten seconds."""
    body = json.dumps(document, separators=(",", ":"))
    return Response(200, "application/json", body, headers=dict(headers("public")))


def file_answer(body: str | bytes, content_type: str, *, audience: Audience, name: str | None = None) -> Answer:
    """Return a file to show, or under ``name`` to save."""
    sent = dict(headers(audience))
    if name:
        sent["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(200, content_type, body, headers=sent)


def page_answer(
    html: str, *, status: int = 200, audience: Audience = "private", form_action: Sequence[str] = ()
) -> Answer:
    """Return a page; ``form_action`` says where else its forms may lead (`kernel.headers.headers`)."""
    return Response(status, HTML, html, headers=dict(headers(audience, form_action=form_action)))


def see_other(location: str) -> Answer:
    """Return the redirect that follows a POST, so that reloading repeats nothing."""
    return Response(303, HTML, "", headers={**headers("private"), "Location": location})


def no_content() -> Answer:
    """Return 204."""
    return Response(204, None, "", headers=dict(headers("private")))
