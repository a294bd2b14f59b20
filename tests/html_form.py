"""A form of a page as a browser without JavaScript would send it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class SentForm:
    """A form: where it goes, and what it would send as it stands."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[SentForm] = []
        self._inside: SentForm | None = None
        self._text: tuple[str, list[str]] | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = SentForm(given["action"] or "", given.get("method") or "get")
            self.forms.append(self._inside)
        elif tag == "option" and self._inside and self._select:
            if "selected" in given or self._select not in self._inside.fields:
                self._inside.fields[self._select] = [given.get("value") or ""]
        elif self._inside is None or not (name := given.get("name")):
            return
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._text = (name, [])
        elif tag == "input" and (given.get("type") not in {"radio", "checkbox"} or "checked" in given):
            self._inside.fields.setdefault(name, []).append(given.get("value") or "")

    def handle_data(self, data: str) -> None:
        if self._text:
            self._text[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea" and self._text and self._inside:
            name, parts = self._text
            # HTML drops the first line's end after the tag; a browser sends lines with both characters.
            text = "".join(parts).removeprefix("\n").replace("\n", "\r\n")
            self._inside.fields.setdefault(name, []).append(text)
            self._text = None


def forms_of(page: str) -> list[SentForm]:
    """Return a page's forms."""
    parser = _Forms()
    parser.feed(page)
    return parser.forms


def form_to(page: str, ending: str) -> SentForm:
    """Return the page's one form whose action ends so."""
    [found] = [form for form in forms_of(page) if form.action.endswith(ending)]
    return found
