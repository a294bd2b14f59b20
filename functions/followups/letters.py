"""What each step says to whom: the re-read at the moment of sending, then the words of the templates.

A step has two templates, ``<step>.txt``, whose first line is the subject, and ``<step>.mjml``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from followups import words
from followups.delivery import Identity
from followups.message import Invitation, Letter
from followups.model import Trial
from followups.plan import Step, digest_span, reason_to_skip
from followups.steps import DEFAULT, OF_EVENTS, TEST, PlanStep, Running, Times, due_for, reason_not_to_send
from followups.visit_times import times_of
from kernel import calendar, markdown, pages, theme, times
from kernel.email_address import sender_parts
from kernel.site import Site
from kernel.text import greeting, one_line
from visits.query import MessageView, Newcomers, Publisher, RegistrationView, VisitView, calendar_entry, where

if TYPE_CHECKING:
    from markupsafe import Markup

LARGEST_HTML: Final = 100_000
"""Bytes: Gmail cuts a message off at 102 KB, and the link to the person's place would be gone."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing is to be sent, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is to be sent for the moment, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What an organiser wrote for a step, filled in for one person; ``html`` is safe."""

    subject: str
    text: str
    html: Markup


def _no_trial(_delivery_id: str) -> Trial | None:
    return None


def _default_plan(_visit_id: str) -> Running:
    return Running(DEFAULT)


@dataclass(frozen=True, slots=True)
class Visits:
    """What letters read of the visits context (`visits.query`), and the links they carry."""

    visit: Callable[[str], VisitView | None]
    registration: Callable[[str, int], RegistrationView | None]
    registrations_of: Callable[[str], Sequence[RegistrationView]]
    place_link: Callable[[RegistrationView, VisitView], str]
    address_link: Callable[[RegistrationView, str, datetime], str]
    address_undo_link: Callable[[RegistrationView, str, datetime], str]
    message: Callable[[str, str], MessageView | None]
    newcomers: Callable[[str, datetime, datetime], Sequence[Newcomers]]
    join_link: Callable[[RegistrationView, VisitView], str]


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with an account: how they are addressed, and whether they want the daily digest."""

    name: str
    email: str
    wants_digest: bool


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes letters for one community."""

    visits: Visits
    base_url: str
    sender: str
    site: Site
    reader: Callable[[str], Reader | None]
    plan: Callable[[str], Running] = _default_plan
    times: Callable[[VisitView], Times] = times_of
    test: Callable[[str], Trial | None] = _no_trial

    def letter(self, identity: Identity, now: datetime) -> Letter | Skip | Hold:  # noqa: PLR0911  one answer a kind
        """Return what a delivery's person is to read as things are now, or why they are to read nothing."""
        if identity.step == TEST:
            return self._trial(identity, now)
        if identity.step == Step.LINKS:
            return self._links(identity.person, now)
        if identity.step == Step.DIGEST:
            return self._digest(identity)
        if identity.visit_id is None or identity.place is None:
            return Skip("about no visit")
        visit = self.visits.visit(identity.visit_id)
        registration = self.visits.registration(identity.visit_id, identity.place)
        if identity.step not in Step:
            return self._planned(identity, visit, registration, now)
        message = self._message(identity, visit)
        reason = reason_to_skip(
            identity.step,
            visit=visit,
            registration=registration,
            now=now,
            schedule=identity.schedule,
            to=message.to if message else (),
        )
        if reason is not None or visit is None or registration is None:
            return Skip(reason or "nobody is registered there any more")
        planned = self.plan(identity.visit_id).find(identity.step) if identity.step in OF_EVENTS else None
        return self._about_a_place(Step(identity.step), planned, visit, registration, now=now, message=message)

    def _trial(self, identity: Identity, now: datetime) -> Letter | Skip:
        """A sample of a step, for somebody made up, to the address an organiser gave."""
        trial = self.test(identity.delivery_id)
        visit = self.visits.visit(identity.visit_id or "")
        step = self.plan(identity.visit_id or "").find(trial.step) if trial else None
        if trial is None or visit is None or step is None:
            return Skip("what was to be tried out is gone")
        from followups import sample

        letter = sample.letters(self.base_url, self.sender, self.site).of_a_step(
            step, visit, sample.registration(visit, step), now
        )
        return replace(letter, to_name="", to_email=trial.email, subject=f"Test: {letter.subject}")

    def _planned(
        self, identity: Identity, visit: VisitView | None, registration: RegistrationView | None, now: datetime
    ) -> Letter | Skip | Hold:
        """A step that goes by plan alone."""
        running = self.plan(identity.visit_id or "")
        step = running.find(identity.step)
        due = due_for(step, registration, self.times(visit), running) if step and visit and registration else None
        reason = reason_not_to_send(
            step, schedule=identity.schedule, visit=visit, registration=registration, due=due, now=now
        )
        if reason is not None or step is None or visit is None or registration is None:
            return Skip(reason or "nobody is registered there any more")
        if step.step in running.paused:
            return Hold("the step is paused")
        return self.of_a_step(step, visit, registration, now)

    def _message(self, identity: Identity, visit: VisitView | None) -> MessageView | None:
        """What an organiser wrote for this step: a message, or what goes with the visit's present schedule."""
        if visit is None:
            return None
        asked = visit.notice if identity.step in {Step.RESCHEDULED, Step.VISIT_CANCELLED} else identity.message_id
        return None if asked is None else self.visits.message(visit.visit_id, asked)

    def of_a_step(self, step: PlanStep, visit: VisitView, registration: RegistrationView, now: datetime) -> Letter:
        """Return what a step of a plan says to somebody, whether or not it would go to them now."""
        if step.step in OF_EVENTS:
            return self._about_a_place(Step(step.step), step, visit, registration, now=now)
        facts = self._facts_of_a_place(visit, registration)
        own = self.own_words(step, visit, registration)
        return self._written("plan_step", registration.name, registration.email, facts, own=own)

    def own_words(self, step: PlanStep, visit: VisitView, registration: RegistrationView) -> OwnWords:
        """Return what an organiser wrote for a step, filled in for one person."""
        from markupsafe import Markup

        values = self._values(visit, registration)
        html = markdown.render(words.fill_markdown(step.body_markdown, values))
        return OwnWords(
            subject=one_line(words.fill(step.subject, values)),
            text=words.plain(step.body_markdown, values),
            # MJML is XML: an element without an end must say so.
            html=Markup(html.replace("<br>", "<br />").replace("<hr>", "<hr />")),  # noqa: S704  sanitised by render
        )

    def _values(self, visit: VisitView, registration: RegistrationView) -> dict[str, str]:
        """What the variables of `words.VARIABLES` stand for."""
        facts, page = self._facts(visit), self._page(visit)
        place_link = self.visits.place_link(registration, visit)
        tools = [f"- {words.link(one_line(title), url)}" for title, url in visit.resources]
        return {
            "name": greeting(registration.name) or "there",
            "visit": str(facts["title"]),
            "host": str(facts["host"]),
            "when": str(facts["when"]),
            "where": str(facts["where"]),
            "position": "" if registration.position is None else str(registration.position),
            "community": self.site.community,
            "place_link": place_link,
            "visit_link": page,
            "join_link": self._way_in(visit, registration, place_link),
            "recording_link": visit.recording_url or page,
            "tools": "\n".join(tools),
            "attendance_line": words.ATTENDANCE_LINES[registration.attendance],
        }

    def _way_in(self, visit: VisitView, registration: RegistrationView, place_link: str) -> str:
        """Who has a place online joins by their own link; everybody else looks at their page."""
        joins = visit.format != "in_person" and registration.status == "confirmed"
        return self.visits.join_link(registration, visit) if joins else place_link

    def _facts_of_a_place(self, visit: VisitView, registration: RegistrationView) -> dict[str, object]:
        return {
            "visit": self._facts(visit),
            "status": registration.status,
            "position": registration.position,
            "was_confirmed": registration.was_confirmed,
            "by_organiser": registration.cancelled_by_organiser,
            "place_link": self.visits.place_link(registration, visit),
        }

    def _about_a_place(
        self,
        step: Step,
        planned: PlanStep | None,
        visit: VisitView,
        registration: RegistrationView,
        *,
        now: datetime,
        message: MessageView | None = None,
    ) -> Letter:
        facts = self._facts_of_a_place(visit, registration) | _from_the_organiser(message, visit)
        to_email = registration.email
        if step is Step.CONFIRM_ADDRESS and registration.pending_email:
            to_email = registration.pending_email
            facts["address_link"] = self.visits.address_link(registration, to_email, now)
        if step is Step.ADDRESS_CHANGED and registration.previous_email:
            to_email = registration.previous_email
            facts["undo_link"] = self.visits.address_undo_link(registration, to_email, now)
        invitation = self._invitation(step, visit, registration, now)
        own = self.own_words(planned, visit, registration) if planned else None
        return self._written(step, registration.name, to_email, facts, invitation=invitation, own=own)

    def _links(self, person: str, now: datetime) -> Letter | Skip:
        """One letter with the link of every live registration, the next visit first and those over last."""
        found = [
            (visit, registration)
            for registration in self.visits.registrations_of(person)
            if registration.status in {"confirmed", "waiting"}
            and (visit := self.visits.visit(registration.visit_id)) is not None
            and visit.status == "published"
        ]
        if not found:
            return Skip("no live registration")
        ahead = sorted((pair for pair in found if pair[0].ends_at > now), key=lambda pair: pair[0].starts_at)
        over = sorted((pair for pair in found if pair[0].ends_at <= now), key=lambda pair: pair[0].starts_at)
        newest = max((registration for _, registration in found), key=lambda one: one.registration_id)
        places = [
            {
                "visit": self._facts(visit),
                "status": "over" if visit.ends_at <= now else registration.status,
                "position": registration.position,
                "place_link": self.visits.place_link(registration, visit),
            }
            for visit, registration in (*ahead, *reversed(over))
        ]
        return self._written(Step.LINKS, newest.name, newest.email, {"places": places})

    def _digest(self, identity: Identity) -> Letter | Skip:
        """One letter about all the visits of an organiser that somebody registered for in a day."""
        reader = self.reader(identity.person)
        if reader is None or not reader.wants_digest:
            return Skip("no longer wanted")
        since, until = digest_span(identity.schedule)
        found = self.visits.newcomers(reader.email, since, until)
        if not found:
            return Skip("nobody registered")
        facts: dict[str, object] = {
            "people": sum(one.people for one in found),
            "since": times.moment_text(since, "Europe/London"),
            "until": times.moment_text(until, "Europe/London"),
            "visits": [
                {
                    "visit": self._facts(one.visit),
                    "said": _registered(one),
                    "names": _names(one),
                    "url": f"{self.base_url}/organise/visits/{one.visit.visit_id}",
                }
                for one in found
            ],
        }
        return self._written(Step.DIGEST, reader.name, reader.email, facts)

    def _written(
        self,
        template: str,
        name: str,
        email: str,
        facts: Mapping[str, object],
        *,
        invitation: Invitation | None = None,
        own: OwnWords | None = None,
    ) -> Letter:
        colours = theme.email_colours(self.site.accent)
        context = {
            **facts,
            "community": self.site.community,
            "base_url": self.base_url,
            "greeting": greeting(name),
            "reply_to": self.site.reply_to or sender_parts(self.sender)[1],
            "accent": colours.accent,
            "accent_dark": colours.accent_dark,
            "has_invitation": invitation is not None,
            "own": own,
        }
        subject, _, text = pages.render(f"followups/{template}.txt", **context).partition("\n")
        subject = (own.subject if own else "") or subject
        return Letter(
            to_name=greeting(name) or "",
            to_email=email,
            subject=one_line(subject),
            text=text.strip() + "\n",
            html=html(pages.render(f"followups/{template}.mjml", **context, subject=one_line(subject))),
            invitation=invitation,
        )

    def _facts(self, visit: VisitView) -> dict[str, object]:
        return {
            "title": one_line(visit.title),
            "host": one_line(visit.host),
            "when": _when(visit.starts_at, visit.ends_at, visit.timezone),
            "where": where(visit),
            "online": visit.format != "in_person",
            "cancelled": visit.status == "cancelled",
            "url": self._page(visit),
        }

    def _page(self, visit: VisitView) -> str:
        return f"{self.base_url}/visits/{visit.visit_id}"

    def _invitation(
        self, step: Step, visit: VisitView, registration: RegistrationView, now: datetime
    ) -> Invitation | None:
        """The calendar part: with a place, and with its loss. Who waits has nothing to put into a calendar yet."""
        with_an_entry = {
            Step.CONFIRMATION: True,
            Step.ADMITTED: True,
            Step.CANCELLED: registration.was_confirmed,
            Step.RESCHEDULED: registration.status == "confirmed",
            Step.VISIT_CANCELLED: registration.status == "confirmed",
        }
        if not with_an_entry.get(step):
            return None
        name, address = sender_parts(self.sender)
        named = self.site.community if self.site.version else name
        publisher = Publisher(self.base_url, self.site.community, named, address)
        entry = calendar_entry(visit, registration, publisher)
        return Invitation(calendar.method_of(entry), calendar.invitation(entry, stamp=now))


def _registered(new: Newcomers) -> str:
    """How many registered for one visit, and what they have."""
    parts = {"with a place": new.confirmed, "waiting": new.waiting, "cancelled since": new.cancelled}
    said = ", ".join(f"{number} {what}" for what, number in parts.items() if number)
    return f"{new.people} new: {said}"


def _names(new: Newcomers) -> str:
    """The names of who registered; those that read like an advertisement are left out, as in a greeting."""
    shown = [name for one in new.names if (name := greeting(one))]
    more = new.confirmed + new.waiting - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more and shown else "")


def _from_the_organiser(message: MessageView | None, visit: VisitView) -> dict[str, object]:
    """What the templates show of an organiser's message; nothing of an empty one."""
    from markupsafe import Markup

    if message is None:
        return {"message": None, "moved_from": None}
    was = message.moved_from
    # The HTML was sanitised when it was written; MJML is XML, where an element without content must say so.
    html = Markup(re.sub(r"<(br|hr)>", r"<\1 />", message.html))  # noqa: S704
    return {
        "message": {"subject": one_line(message.subject), "text": message.markdown.strip(), "html": html}
        if message.markdown.strip()
        else None,
        "moved_from": None if was is None else _when(was[0], was[1], visit.timezone),
    }


def _when(starts_at: datetime, ends_at: datetime, timezone: str) -> str:
    return times.when_text({"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat(), "timezone": timezone})


def html(mjml: str) -> str:
    """Return the HTML of an MJML document. No font is fetched: an email that calls home tells who reads it."""
    from mjml import mjml2html

    return mjml2html(mjml, fonts={})
