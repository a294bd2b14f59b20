"""Lambda `accounts-web`: signing in and out, and API tokens."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from accounts import sign_in, tokens
from accounts.sign_in import HINT, AddressUnproven, Provider, SignInRefused, SignInUnfinished
from kernel import access, clock, pages, secrets, settings, site
from kernel.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, NotSignedIn, Problem
from kernel.http import Answer, Edge, Operation, Parameter, Request, json_answer, no_content, page_answer, see_other
from kernel.limits import Limit
from kernel.problem_page import problem_page

API = "/api/v1/organiser/tokens"
WHO: Final = "organiser or moderator"


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    origin_secret: str
    community_name: str
    secret_id: str
    rate_limits: str
    sign_in_url: str
    sign_in_client_id: str
    sign_in_issuer: str
    sign_in_keys_url: str


_SETTINGS = settings.read(Settings)
_SIGN_INS = Limit(60, timedelta(minutes=1))
"""A network's sign-ins a minute: each end of one asks the user pool something. Behind one may be a whole hospital."""
_PROVIDER = Provider(
    _SETTINGS.sign_in_url, _SETTINGS.sign_in_issuer, _SETTINGS.sign_in_keys_url, _SETTINGS.sign_in_client_id
)
_other_problem = problem_page(community=_SETTINGS.community_name, base_url=_SETTINGS.base_url)


def _problem_page(request: Request, problem: Problem, request_id: str) -> str:
    """Show a problem; one with a sign-in says how to begin again."""
    if not isinstance(problem, SignInUnfinished | SignInRefused | AddressUnproven):
        return _other_problem(request, problem, request_id)
    again = {"href": "/sign-in", "label": "Sign in again"}
    if isinstance(problem, AddressUnproven):  # with the session they have there, they would come straight back
        again = {"href": sign_in.way_out(_PROVIDER, base_url=_SETTINGS.base_url), "label": "Sign in as somebody else"}
    return pages.render(
        "kernel/problem.html",
        **site.shown_beside(problem, _SETTINGS.community_name),
        base_url=_SETTINGS.base_url,
        page_url=None,
        now=request.now,
        problem={"title": problem.title, "detail": problem.detail},
        actions=[again, {"href": "/", "label": "See the coming visits"}],
        request_id=request_id,
    )


edge = Edge(
    origin_secret=_SETTINGS.origin_secret,
    problem_page=_problem_page,
    who_is=partial(access.actor, base_url=_SETTINGS.base_url),
)
handler = edge.handler


# --- signing in and out


@edge.page("GET", "/sign-in")
def begin() -> Answer:
    """Send the browser to the user pool's pages. Nothing is stored: what must come back is in its own cookie."""
    begun = sign_in.begin(
        _PROVIDER,
        base_url=_SETTINGS.base_url,
        return_to=sign_in.local_path(edge.request.query.get("return")),
        now=edge.request.now,
        keys=_secret().signing_keys,
    )
    answer = see_other(begun.location)
    answer.cookies = [sign_in.cookie(sign_in.COOKIE, begun.cookie, int(sign_in.TIME_TO_SIGN_IN.total_seconds()))]
    return answer


@edge.page("GET", "/auth/callback")
def finish() -> Answer:
    """Take back who comes from the user pool's pages: a session begins, in place of the one they may have had."""
    request = edge.request
    if _SETTINGS.rate_limits == "on":
        _SIGN_INS.check(request.network, request.now)
    who, return_to = sign_in.finish(
        _PROVIDER,
        request.query,
        request.cookie(sign_in.COOKIE),
        base_url=_SETTINGS.base_url,
        now=request.now,
        real_now=clock.unmoved(),
        keys=_secret().signing_keys,
    )
    cookie = sign_in.open_session(who, pepper=_secret().pepper, now=request.now)
    sign_in.end_session(request.cookie(access.COOKIE), now=request.now)
    seconds = int(sign_in.SESSION_GOOD_FOR.total_seconds())
    answer = see_other(return_to)
    answer.cookies = [
        sign_in.cookie(access.COOKIE, cookie, seconds),
        sign_in.cookie(HINT, "1", seconds, http_only=False),
        sign_in.cookie(sign_in.COOKIE, "", 0),
    ]
    return answer


@edge.page("POST", "/sign-out")
def sign_out() -> Answer:
    """End the session at once, then the one at the user pool.

    The way there is not a redirect: browsers hold the redirect after a form to the `form-action` of the page the form
    stood on, and this form stands on every page. A `Refresh` is a navigation of its own.
    """
    access.must_be_ours(edge.request, _SETTINGS.base_url)
    sign_in.end_session(edge.request.cookie(access.COOKIE), now=edge.request.now)
    way_out = sign_in.way_out(_PROVIDER, base_url=_SETTINGS.base_url)
    answer = page_answer(_render("accounts/signed_out.html", way_out=way_out))
    answer.headers["Refresh"] = f"0; url={way_out}"
    answer.cookies = sign_in.forgotten_cookies()
    return answer


# --- API tokens


_REFUSED = (NotSignedIn, Forbidden)


@edge.route(
    Operation(
        "GET",
        API,
        "My API tokens, the newest first",
        "Accounts",
        query=(
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "accounts.contract:TokenList"},
        problems=(*_REFUSED, Invalid),
        who=WHO,
    )
)
def list_tokens() -> Answer:
    """List the caller's own tokens."""
    query = edge.request.query
    page = tokens.theirs(
        edge.actor.person, limit=_limit(query.get("limit", "50")), cursor=query.get("cursor"), now=edge.request.now
    )
    return json_answer(200, {"items": [tokens.token_json(one) for one in page.items], "next": page.next})


@edge.route(
    Operation(
        "POST",
        API,
        "Make an API token, which is shown once",
        "Accounts",
        body="accounts.contract:TokenWritten",
        answers={201: "accounts.contract:TokenMade"},
        problems=(*_REFUSED, Conflict, Invalid),
        who=WHO,
    )
)
def make_token() -> Answer:
    """Make a token that acts as the caller."""
    token, made = tokens.make(edge.actor, _wanted(edge.request.json(), tokens.new_id()), now=edge.request.now)
    return json_answer(201, {**tokens.token_json(made), "token": token}, Location=f"{API}/{made.token_id}")


@edge.route(
    Operation(
        "DELETE",
        f"{API}/<token_id>",
        "Withdraw one of my API tokens",
        "Accounts",
        answers={204: None},
        problems=(*_REFUSED, NotFound),
        who=WHO,
    )
)
def withdraw_token(token_id: str) -> Answer:
    """Withdraw a token: it opens nothing from now on."""
    tokens.withdraw(edge.actor, token_id, now=edge.request.now)
    return no_content()


@edge.page("GET", "/organise/tokens", who=WHO)
def tokens_page() -> Answer:
    """Show the caller's tokens, and a form to make one."""
    return page_answer(_tokens_html(_form()))


@edge.page("POST", "/organise/tokens", who=WHO)
def make_token_on_page() -> Answer:
    """Make a token and show it, this once; a form that cannot be taken comes back with what was typed."""
    sent = edge.request.form()
    values: dict[str, Any] = {
        "name": _first(sent, "name"),
        "scopes": sent.get("scopes", []),
        "expires_at": _first(sent, "expires_at"),
    }
    token_id = _first(sent, "token_id")
    try:
        if not tokens.is_id(token_id):
            raise Invalid(errors=[FieldError("token_id", "Please send the form once more.")])
        written = {**values, "expires_at": _end_of_day(values["expires_at"])}
        token, made = tokens.make(edge.actor, _wanted(written, token_id), now=edge.request.now)
    except (Invalid, Conflict) as problem:
        errors = problem.errors or (FieldError("name", problem.detail),)
        again: dict[str, object] = {"values": values, "errors": errors, "token": tokens.new_id()}
        return page_answer(_tokens_html(again), status=problem.status)
    return page_answer(_tokens_html(_form(), token=token, made=tokens.token_json(made)), status=201)


@edge.page("POST", "/organise/tokens/<token_id>/withdraw", who=WHO)
def withdraw_token_on_page(token_id: str) -> Answer:
    """Withdraw a token, and show the others."""
    tokens.withdraw(edge.actor, token_id, now=edge.request.now)
    return see_other("/organise/tokens")


def _tokens_html(form: dict[str, object], **more: object) -> str:
    page = tokens.theirs(
        edge.actor.person, limit=tokens.MOST, cursor=edge.request.query.get("cursor"), now=edge.request.now
    )
    shown = {"token": None, "made": None, **more}
    scopes = [scope for scope in access.SCOPES if scope.removesuffix(":read") in edge.actor.roles]
    items = [tokens.token_json(one) for one in page.items]
    return _render("accounts/tokens.html", form=form, tokens=items, scopes=scopes, actor=edge.actor, **shown)


def _form() -> dict[str, object]:
    return {"values": {}, "errors": [], "token": tokens.new_id()}


def _wanted(document: dict[str, object], token_id: str) -> tokens.Wanted:
    from accounts.contract import TokenWritten
    from kernel import fields

    asked = fields.read(TokenWritten, document)
    return tokens.Wanted(asked.name, asked.scopes, asked.expires_at, token_id)


def _end_of_day(typed: str) -> str | None:
    """Return the end of a day as a date field sends it; the contract takes moments."""
    return f"{typed}T23:59:59+00:00" if typed else None


def _first(sent: dict[str, list[str]], name: str) -> str:
    return sent.get(name, [""])[0]


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 100:
        raise Invalid(errors=[FieldError("limit", "Ask for 1 to 100.")])
    return int(text)


def _secret() -> secrets.Secret:
    return secrets.load(_SETTINGS.secret_id)


def _render(template: str, **context: object) -> str:
    return pages.render(
        template,
        **site.shown(_SETTINGS.community_name),
        base_url=_SETTINGS.base_url,
        page_url=None,
        now=edge.request.now,
        **context,
    )
