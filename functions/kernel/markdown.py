"""Markdown that people write, rendered when it is written and sanitised once more before it is kept."""

import nh3
from markdown_it import MarkdownIt

_TAGS = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote", "code", "pre", "h3", "h4", "hr"}
_SCHEMES = {"http", "https", "mailto"}


def render(text: str) -> str:
    """Return safe HTML of a small subset: paragraphs, emphasis, links, lists, quotes, code, two heading levels.

    HTML in the text is shown as text. A heading of any level becomes h3 or h4: the page owns the levels above.
    """
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = "h3" if token.tag in {"h1", "h2", "h3"} else "h4"
    html = parser.renderer.render(tokens, parser.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href"}, "*": set()},  # left out, the latter would be title and lang
        url_schemes=_SCHEMES,
        link_rel="nofollow noopener noreferrer",
    )
