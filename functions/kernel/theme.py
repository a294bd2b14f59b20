"""A community's own colour: whether people can read it, and the style sheet it makes. Pure.

One colour is chosen, the accent: of links and buttons on light pages. What dark pages need is made from it. Contrast
is WCAG 2.2's (1.4.3: at least 4.5 for text), over the backgrounds of ``site.css``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

DEFAULT_ACCENT: Final = "#1d6650"
"""What ``site.css`` is made with: this accent needs no style sheet of its own."""

ENOUGH: Final = 4.5
"""Contrast of text (WCAG 2.2, 1.4.3)."""

WELL: Final = 7.0
"""Contrast aimed for where we choose the shade (WCAG 2.2, 1.4.6)."""

_WHITE: Final = "#ffffff"
_PAPER: Final = "#f9f7f1"
_EMAIL_PAPER: Final = "#f4f1e8"
_DARK_PAPER: Final = "#121916"
_DARK_CARD: Final = "#22302a"

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_NAME: Final = re.compile(r"([0-9a-f]{6})-([0-9a-f]{10})")


@dataclass(frozen=True, slots=True)
class EmailColours:
    """The accent in an email, and its shade where the reader's program is dark."""

    accent: str = DEFAULT_ACCENT
    accent_dark: str = "#8fd3b6"


def is_colour(text: str) -> bool:
    """Tell whether the text is a colour as we write them: ``#`` and six hexadecimal digits in small letters."""
    return _COLOUR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def unreadable(accent: str) -> str | None:
    """Return why people could not read an accent, as a sentence with the contrast it has; None where they can."""
    on_it, on_paper = contrast(_WHITE, accent), min(contrast(accent, _PAPER), contrast(accent, _EMAIL_PAPER))
    if on_it < ENOUGH:
        return (
            f"White text on this colour has a contrast of {_ratio(on_it)} to 1, and people need at least "
            f"{ENOUGH} to 1. Choose a darker shade."
        )
    if on_paper < ENOUGH:
        return (
            f"As text on our light background this colour has a contrast of {_ratio(on_paper)} to 1, and people need "
            f"at least {ENOUGH} to 1. Choose a darker shade."
        )
    return None


def path(accent: str) -> str | None:
    """Return where an accent's style sheet is served; None for the one that ``site.css`` has anyway.

    The name holds the colour and a hash of the sheet, so that copies of it stay good for ever.
    """
    return None if accent == DEFAULT_ACCENT else f"/theme-{_named(accent)}.css"


def sheet(name: str) -> str | None:
    """Return the style sheet served under ``/theme-<name>.css``; None where nothing was ever served there."""
    match = _NAME.fullmatch(name)
    accent = f"#{match[1]}" if match else ""
    return stylesheet(accent) if match and unreadable(accent) is None and _named(accent) == name else None


def email_colours(accent: str) -> EmailColours:
    """Return an accent as emails need it."""
    return EmailColours() if accent == DEFAULT_ACCENT else EmailColours(accent, _until(accent, _WHITE, _DARK_CARD))


def stylesheet(accent: str) -> str:
    """Return what an accent changes of ``site.css``."""
    darker = _mix(accent, "#000000", 0.25)
    soft = _mix(accent, _PAPER, 0.88)
    light = {
        "--green-soft": soft,
        "--green-ink": _until(accent, "#000000", soft),
        "--pico-text-selection-color": _mix(accent, _PAPER, 0.7),
        "--pico-primary": accent,
        "--pico-primary-background": accent,
        "--pico-primary-underline": f"{accent}80",
        "--pico-primary-hover": darker,
        "--pico-primary-hover-background": darker,
        "--pico-primary-focus": f"{accent}66",
    }
    shown = _until(accent, _WHITE, _DARK_CARD)
    dark_soft = _mix(accent, _DARK_PAPER, 0.7)
    dark = {
        "--green-soft": dark_soft,
        "--green-ink": _until(accent, _WHITE, dark_soft),
        "--pico-text-selection-color": _mix(accent, _DARK_PAPER, 0.5),
        "--pico-primary": shown,
        "--pico-primary-background": accent,
        "--pico-primary-underline": f"{shown}80",
        "--pico-primary-hover": _mix(shown, _WHITE, 0.4),
        "--pico-primary-hover-background": darker,
        "--pico-primary-focus": f"{shown}80",
    }
    in_the_dark = f"@media only screen and (prefers-color-scheme:dark){{{_rule(dark)}}}"
    return _rule(light) + in_the_dark


def _rule(properties: dict[str, str]) -> str:
    return ":root:not([data-theme]){" + ";".join(f"{name}:{value}" for name, value in properties.items()) + "}"


def _named(accent: str) -> str:
    return f"{accent[1:]}-{hashlib.sha256(stylesheet(accent).encode()).hexdigest()[:10]}"


def _until(colour: str, towards: str, background: str) -> str:
    """Return the nearest shade of a colour, ``towards`` white or black, that is read well on a background."""
    shades = (_mix(colour, towards, step / 20) for step in range(21))
    return next((shade for shade in shades if contrast(shade, background) >= WELL), towards)


def _mix(colour: str, other: str, share: float) -> str:
    """Return a colour with a ``share`` (0 to 1) of another in it."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02x}" for mine, theirs in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _ratio(contrast: float) -> str:
    """Round down: 4.49 must not be shown as the 4.5 it is refused for not having."""
    return f"{int(contrast * 10) / 10}"
