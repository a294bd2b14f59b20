"""Documents: what they point at is there."""

import re
from pathlib import Path

import pytest

from infra.settings import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDES = (ROOT / "docs" / "organisers-guide.md", ROOT / "docs" / "moderators-guide.md")
PICTURES = ROOT / "docs" / "pictures"
LARGEST = 150_000
"""Bytes of a picture: they live in the repository for good."""


def links(document: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", document.read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_a_document_links_only_to_what_is_there(document: Path) -> None:
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in document.read_text().splitlines()
        if line.startswith("#")
    }
    for link in links(document):
        if link.startswith("#"):
            assert link[1:] in headings, link
        elif not re.match(r"https?://", link):
            assert (document.parent / link.partition("#")[0]).exists(), link


def test_the_guides_show_every_picture_there_is_and_no_other() -> None:
    shown = {Path(link).name for guide in GUIDES for link in links(guide) if link.endswith(".png")}
    assert shown == {path.name for path in PICTURES.iterdir()}


def test_every_picture_says_in_words_what_it_shows() -> None:
    assert all(words for guide in GUIDES for words in re.findall(r"!\[([^\]]*)\]", guide.read_text()))


def test_pictures_are_small() -> None:
    for path in PICTURES.iterdir():
        assert path.suffix == ".png"
        assert path.stat().st_size < LARGEST, path.name
