"""What can be refused, and how it is said: problem details (RFC 9457) over HTTP, a page for a person.

Each class knows its problem type, status and title; ``detail`` is for the person in front of it and says what to
do next. Nothing internal belongs in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that cannot be taken as it is: its name in the request, and what to do about it."""

    field: str
    message: str


class Problem(Exception):
    """Anything the service refuses or fails at, as the contract says it."""

    type: ClassVar[str] = "about:blank"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"
    default_detail: ClassVar[str] = "Something went wrong on our side. Please try again in a minute."

    def __init__(
        self, detail: str | None = None, *, errors: Sequence[FieldError] = (), retry_after: int | None = None
    ) -> None:
        self.detail = detail or self.default_detail
        self.errors = tuple(errors)
        self.retry_after = retry_after
        super().__init__(self.title)


class Unavailable(Problem):
    """A part of the service did not answer in time; nothing is known to be wrong with the request."""

    status = 503
    title = "Busy right now"
    default_detail = "The service is very busy. Nothing you typed was wrong: please try again in a minute."


class MalformedRequest(Problem):
    """The request cannot be read at all."""

    status = 400
    title = "The request cannot be read"
    default_detail = "The request cannot be read. Check that it is valid JSON or a form."


class NotSignedIn(Problem):
    """No session and no valid API token."""

    status = 401
    title = "Not signed in"
    default_detail = "Sign in, or send a valid API token as `Authorization: Bearer …`."


class Forbidden(Problem):
    """Signed in, but not for this."""

    status = 403
    title = "Not allowed"
    default_detail = "You are not allowed to do this."


class NotThroughTheFront(Forbidden):
    """A request that did not come through CloudFront: nothing is read or done for it."""

    default_detail = "Please use the service's own address."


class CrossOrigin(Forbidden):
    """A change asked for with somebody's session from another site (cross-site request forgery)."""

    title = "This came from another site"
    default_detail = "This request came from another site, so nothing was done. Use the form on our own page."


class NotFound(Problem):
    """Unknown, or not yours: the two are answered alike."""

    status = 404
    title = "Not found"
    default_detail = "There is nothing here. The address may be mistyped, or what it named is gone."


class LinkInvalid(NotFound):
    """A link that we did not sign for this purpose."""

    type = "/problems/link-invalid"
    title = "This link does not work"
    default_detail = "This link does not work. It may have been cut off: copy the whole of it from the email."


class LinkExpired(NotFound):
    """A link that was good once."""

    type = "/problems/link-expired"
    title = "This link has expired"
    default_detail = "This link has expired. Ask for a new one with your email address."


class MethodNotAllowed(Problem):
    """The path exists, the method does not."""

    status = 405
    title = "Method not allowed"
    default_detail = "This address does not take that method."


class Conflict(Problem):
    """The state of things does not allow it now."""

    status = 409
    title = "Not possible now"


class RegistrationClosed(Conflict):
    """Before the opening, after the closing, or the visit was cancelled or is over."""

    type = "/problems/registration-closed"
    title = "Registration is closed"
    default_detail = "Registration for this visit is closed."


class VisitFull(Conflict):
    """Every place is taken and there is no waiting list."""

    type = "/problems/visit-full"
    title = "This visit is full"
    default_detail = "Every place on this visit is taken, and there is no waiting list."


class AlreadyRegistered(Conflict):
    """This person has a live registration: said to organisers, who may know it, and to nobody else."""

    type = "/problems/already-registered"
    title = "Registered already"
    default_detail = "Somebody with this address is registered for this visit already."


class CommentsClosed(Conflict):
    """A story that takes no comments, or none any more."""

    type = "/problems/comments-closed"
    title = "Comments are closed"
    default_detail = "This story takes no more comments."


class TooLateToChange(Conflict):
    """A comment that has been public for too long for its author to change it."""

    type = "/problems/too-late-to-change"
    title = "Too late to change"
    default_detail = "This comment has been public for more than 15 minutes, so it can no longer be changed here."


class VisitIdTaken(Conflict):
    """Another visit already has this id."""

    type = "/problems/visit-id-taken"
    title = "That address is taken"
    default_detail = "Another visit already has this visit_id. Choose another one."


class ChangedMeanwhile(Problem):
    """Somebody else changed it since the caller read it."""

    status = 412
    title = "Changed meanwhile"
    default_detail = "Somebody changed this since you read it. Read it again, then send your change again."


class TooLarge(Problem):
    """The body is over the limit."""

    status = 413
    title = "Too large"
    default_detail = "The request is too large: 64 KB at most."


class UnsupportedMediaType(Problem):
    """The body is of a kind this address does not read (RFC 9110, 15.5.16)."""

    status = 415
    title = "This kind of file cannot be read"
    default_detail = "Send the request as JSON, with `Content-Type: application/json`."


class Invalid(Problem):
    """Fields that cannot be taken as they are."""

    status = 422
    title = "Some fields need another look"
    default_detail = "Some fields need another look. Nothing was saved yet."


class IdempotencyKeyReused(Invalid):
    """The same key came with another body."""

    type = "/problems/idempotency-key-reused"
    title = "Idempotency-Key was used before"
    default_detail = "This Idempotency-Key came with another request before. Use a new key for a new request."


class PreconditionRequired(Problem):
    """A change needs the version it is based on."""

    status = 428
    title = "If-Match is needed"
    default_detail = 'Send the version you read as `If-Match: "<version>"`, so that nobody\'s change is lost.'


class TooManyRequests(Problem):
    """Over a rate limit; ``retry_after`` seconds say when to come back."""

    status = 429
    title = "Too many requests"
    default_detail = "That was a lot of requests in a short time. Please wait a minute and try again."
