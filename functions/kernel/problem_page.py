"""The page of a problem, for edges whose pages need no other: what went wrong, and what to do next."""

from collections.abc import Callable

from kernel import pages, site
from kernel.errors import NotFound, NotSignedIn, Problem
from kernel.http import Request, form_to_send_again


def problem_page(*, community: str, base_url: str) -> Callable[[Request, Problem, str], str]:
    """Return what shows a problem to a person. A form that was sent is kept on the page, to be sent again.

    ``community`` is its name until one is saved in the settings.
    """

    def shown(request: Request, problem: Problem, request_id: str) -> str:
        context = {**site.shown_beside(problem, community), "base_url": base_url, "page_url": None, "now": request.now}
        if isinstance(problem, NotFound):
            return pages.render("kernel/not_found.html", **context)
        again = form_to_send_again(request)
        sign_in = [_sign_in(beside=again is not None)] if isinstance(problem, NotSignedIn) else []
        return pages.render(
            "kernel/problem.html",
            **context,
            problem={"title": problem.title, "detail": problem.detail},
            actions=sign_in,
            again=again,
            request_id=request_id,
        )

    return shown


def _sign_in(*, beside: bool) -> dict[str, object]:
    """Return the way to sign in: in a tab beside this one where a form waits here, or it would be lost."""
    if beside:
        return {"href": "/sign-in", "label": "Sign in in a new tab, then send it again here", "new_tab": True}
    return {"href": "/sign-in", "label": "Sign in"}
