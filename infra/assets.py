"""The files browsers load: built from Pico CSS and htmx (npm) and our own sources, named after their content.

Run ``python -m infra.assets``. The result is deterministic: the same sources give the same names, so a
deployment changes an asset's address only when its bytes changed, and caches may keep it for a year.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "functions" / "kernel" / "assets"
BUILT = SOURCES / "built"
PICO = ROOT / "node_modules" / "@picocss" / "pico" / "css" / "pico.classless.min.css"
HTMX = ROOT / "node_modules" / "htmx.org" / "dist" / "htmx.min.js"

UNUSED = (
    # What Pico styles and no page of ours has. A test holds the templates to this list.
    "dialog",
    "progress",
    "audio",
    "video",
    "canvas",
    "iframe",
    "figure",
    "hgroup",
    "kbd",
    "samp",
    "[type=range]",
    "[type=color]",
    "[type=file]",
    "[type=reset]",
    "[type=time]",
    "[type=week]",
    "[type=month]",
    "[role=switch]",
    "[role=group]",
    "[role=button]",
    "[role=link]",
    "[data-tooltip]",
    "[data-theme=dark]",
    "[data-theme=light]",
    "[dir=rtl]",
    "[aria-invalid=false]",
    "[aria-label=breadcrumb]",
    "[aria-busy=true]",
    "[rel=prev]",
    ":host",
    ":indeterminate",
    "::-ms-",
    "::-webkit-file-upload-button",
    "table.striped",
)


def build_assets(out: Path = BUILT) -> dict[str, str]:
    """Write every asset and ``manifest.json`` into `out`; answer what the manifest says.

    The manifest maps a logical name (``site.css``) to the name it is served under (``site.1f2e3d4c5b.css``).
    Files of an earlier build are removed. Raises FileNotFoundError when ``npm ci`` has not run.
    """
    for needed in (PICO, HTMX):
        if not needed.is_file():
            raise FileNotFoundError(f"{needed.relative_to(ROOT)} is missing: run `npm ci` first")
    site_css = minify_css((SOURCES / "site.css").read_text())
    contents = {
        "site.css": purge(PICO.read_text(), also=site_css) + site_css,
        "site.js": minify_js((SOURCES / "site.js").read_text()),
        "htmx.js": HTMX.read_text(),  # as it was published: the organisers' pages alone load it
        "moderate.css": minify_css((SOURCES / "moderate.css").read_text()),
        "moderate.js": minify_js((SOURCES / "moderate.js").read_text()),
        "icon.svg": _one_line((SOURCES / "icon.svg").read_text()),
    }
    manifest = {name: _hashed(name, text) for name, text in contents.items()}
    out.mkdir(parents=True, exist_ok=True)
    _remove_strangers(out, keep={*manifest.values(), "manifest.json"})
    for name, text in contents.items():
        (out / manifest[name]).write_text(text)
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return manifest


def _hashed(name: str, text: str) -> str:
    stem, suffix = name.rsplit(".", 1)
    return f"{stem}.{hashlib.sha256(text.encode()).hexdigest()[:10]}.{suffix}"


def _remove_strangers(folder: Path, keep: set[str]) -> None:
    for path in folder.iterdir():
        if path.is_file() and path.name not in keep:
            path.unlink()


def _one_line(text: str) -> str:
    return re.sub(r">\s+<", "><", text.strip())


def minify_css(css: str) -> str:
    """Our own stylesheet without its comments and blanks. Strings in it must hold neither braces nor comments."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    css = re.sub(r"\s*([{};,>])\s*", r"\1", css)
    css = re.sub(r":\s+", ":", css)
    return css.replace(";}", "}").strip()


def minify_js(js: str) -> str:
    """Our own script without its comment lines and indentation. Lines stay, so nothing depends on parsing it."""
    lines = (line.strip() for line in js.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def purge(css: str, also: str = "") -> str:
    """Pico's minified stylesheet without the selectors in UNUSED and the custom properties nobody reads.

    `also` is what reads Pico's properties beside Pico itself. The licence comment stays.
    """
    licence = re.search(r"/\*!.*?\*/", css, flags=re.DOTALL)
    bare = re.sub(r'/\*.*?\*/|@charset "[^"]*";', "", css, flags=re.DOTALL)
    kept = _without_unplayed_keyframes("".join(_kept_rules(bare)))
    return (licence.group().replace("\n", "") if licence else "") + _without_unread_properties(kept, also)


def _kept_rules(css: str) -> Iterator[str]:
    for prelude, body in _rules(css):
        if prelude.startswith("@keyframes"):
            yield f"{prelude}{{{body}}}"
        elif prelude.startswith("@-moz-document"):
            continue
        elif prelude.startswith("@"):
            if inner := "".join(_kept_rules(body)):
                yield f"{prelude}{{{inner}}}"
        elif selectors := [one for one in _split(prelude, ",") if not _is_unused(one)]:
            yield f"{','.join(selectors)}{{{body}}}"


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """Each rule of a stylesheet at its top level: what stands before its brace, and what stands within."""
    depth, start, opened = 0, 0, 0
    for position, character in _outside_strings(css):
        if character == "{":
            opened = position if depth == 0 else opened
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                yield css[start:opened].strip(), css[opened + 1 : position]
                start = position + 1


def _outside_strings(text: str) -> Iterator[tuple[int, str]]:
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            yield position, character


def _split(text: str, separator: str) -> list[str]:
    """`text` cut at each separator that stands outside strings and parentheses."""
    depth, start, pieces = 0, 0, []
    for position, character in _outside_strings(text):
        depth += (character == "(") - (character == ")")
        if character == separator and depth == 0:
            pieces.append(text[start:position])
            start = position + 1
    return [*pieces, text[start:]]


def _is_unused(selector: str) -> bool:
    # What stands in :not(…) and in a list of alternatives does not tie a selector to a part we lack.
    required = re.sub(r":(?:is|where)\(([^(),]*)\)", r"\1", selector)
    while re.search(r"\([^()]*\)", required):
        required = re.sub(r"\([^()]*\)", "", required)
    return any(re.search(_as_pattern(part), required) for part in UNUSED)


def _as_pattern(part: str) -> str:
    return rf"(?<![\w.#-]){part}(?![\w-])" if part.isalpha() else re.escape(part)


def _without_unplayed_keyframes(css: str) -> str:
    rest = "".join(f"{prelude}{{{body}}}" for prelude, body in _rules(css) if not prelude.startswith("@keyframes"))
    played = (
        f"{prelude}{{{body}}}"
        for prelude, body in _rules(css)
        if prelude.startswith("@keyframes ") and prelude.removeprefix("@keyframes ") in rest
    )
    return rest + "".join(played)


def _without_unread_properties(css: str, also: str) -> str:
    while True:
        read = set(re.findall(r"var\((--[\w-]+)", css + also))
        lean = _without_properties(css, read)
        if lean == css:
            return css
        css = lean


def _without_properties(css: str, read: set[str]) -> str:
    lean = []
    for prelude, body in _rules(css):
        if prelude.startswith("@keyframes"):
            inner = body
        elif prelude.startswith("@"):
            inner = _without_properties(body, read)
        else:
            inner = ";".join(one for one in _split(body, ";") if not _is_unread(one, read))
        if inner:
            lean.append(f"{prelude}{{{inner}}}")
    return "".join(lean)


def _is_unread(declaration: str, read: set[str]) -> bool:
    name = declaration.split(":", 1)[0].strip()
    return name.startswith("--") and name not in read


def main() -> int:
    """Build, and print each file with its size in bytes."""
    for name in build_assets().values():
        print(f"{(BUILT / name).stat().st_size:>7} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
