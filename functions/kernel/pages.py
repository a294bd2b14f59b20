"""HTML pages (and the words of emails): Jinja2 templates, and the files that pages refer to.

Every context keeps its templates in its own ``templates`` folder; a template is named after the context and the
file, so ``visits/visit.html`` is ``functions/visits/templates/visit.html``. What a template needs stands in the
comment at its top; whatever is missing there raises `jinja2.UndefinedError` rather than leaving a gap in a page.

Jinja2 is imported with the first page: whoever asks for JSON does not wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment

FUNCTIONS: Final = Path(__file__).resolve().parent.parent
ASSETS: Final = Path(__file__).resolve().parent / "assets" / "built"
COMPILED: Final = FUNCTIONS / "_templates"

ASSET_CACHE: Final = "public, max-age=31536000, immutable"
"""An asset's name holds a hash of its bytes, so a copy of it is good for as long as RFC 9111 lets us say."""

CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def render(template: str, **context: object) -> str:
    """The page that `template` makes of `context`.

    Raises `jinja2.TemplateNotFound` for a name nobody has, `jinja2.UndefinedError` for context left out.
    """
    return environment().get_template(template).render(context)


def asset(name: str) -> str:
    """The path that the asset `name` (``site.css``) is served under. Raises KeyError when there is none."""
    return f"/assets/{_manifest()[name]}"


def read_asset(name: str) -> tuple[bytes, str] | None:
    """The bytes and the content type of the asset served under `name`, or None when there is none.

    Only names in the manifest are ever opened, so no name reaches the file system unchecked.
    """
    if name not in _manifest().values():
        return None
    path = ASSETS / name
    return path.read_bytes(), CONTENT_TYPES[path.suffix]


@cache
def _manifest() -> dict[str, str]:
    manifest: dict[str, str] = json.loads((ASSETS / "manifest.json").read_text())
    return manifest


@cache
def environment() -> Environment:
    """The environment every page comes from: compiled templates where the bundle has them, else the sources."""
    from jinja2 import ModuleLoader

    return _environment(ModuleLoader(COMPILED) if COMPILED.is_dir() else _source_loader())


def compile_templates(target: Path) -> int:
    """Compile every context's templates into `target` for Lambda; answer how many.

    Parsing templates is most of what a page costs at a cold start, so the bundle carries them as Python modules
    in ``functions/_templates``.
    """
    compiler = _environment(_source_loader())
    names = template_names()
    target.mkdir(parents=True, exist_ok=True)
    compiler.compile_templates(target, zip=None, filter_func=names.__contains__)
    return len(names)


def template_names() -> list[str]:
    """The names of all templates there are, in every context."""
    found = FUNCTIONS.glob("*/templates/**/*.*")
    return sorted(
        f"{context}/{'/'.join(inner)}"
        for context, _, *inner in (path.relative_to(FUNCTIONS).parts for path in found if path.is_file())
    )


def _source_loader() -> BaseLoader:
    from jinja2 import FunctionLoader

    class ContextLoader(FunctionLoader):
        """Reads templates from their sources, and can list them (which compiling needs)."""

        def list_templates(self) -> list[str]:
            return template_names()

    return ContextLoader(_source)


def _source(name: str) -> str | None:
    context, _, inner = name.partition("/")
    path = FUNCTIONS / context / "templates" / inner
    return path.read_text() if name in template_names() else None


def _environment(loader: BaseLoader) -> Environment:
    from jinja2 import Environment, StrictUndefined, select_autoescape

    from kernel import times

    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(("html", "mjml", "xml", "atom"), default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = asset
    environment.filters.update(
        when=times.when,
        when_text=times.when_text,
        moment=times.moment,
        moment_text=times.moment_text,
        leaf=times.leaf,
        field_id=field_id,
        event_json_ld=_event_json_ld,
        api_reference=_api_reference,
    )
    return environment


def field_id(field: str) -> str:
    """The HTML id of a form's field: ``answers.lunch`` → ``field-answers-lunch``.

    Neither the contract's fields nor question ids hold both a dot and a hyphen in this place, so ids stay distinct;
    ids derived from one (its help, its error) add a dot, which none of these has.
    """
    return "field-" + field.replace(".", "-")


def _event_json_ld(visit: Mapping[str, Any], base_url: str, community: str) -> object:
    from kernel.structured_data import event

    return event(visit, base_url=base_url, community=community)


def _api_reference(openapi: Mapping[str, Any]) -> object:
    from kernel.api_reference import reference

    return reference(openapi)
