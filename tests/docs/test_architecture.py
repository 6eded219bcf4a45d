"""Tests that the map of the code names files that exist."""

import re

import pytest
from doc_pages import ROOT

PACKAGE = ROOT / "src" / "lrfinder"
PAGES = [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]


def files_named_in(page):
    named = re.findall(r"`([\w./]+\.py|[\w]+/[\w/.]+|_\w+)`", page.read_text(encoding="utf-8"))
    return sorted({name for name in named if "NAME" not in name and not name.endswith("PAGE.py") and "x/" not in name})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_on_the_map_exists(page):
    names = files_named_in(page)
    assert len(names) > 8
    places = [ROOT, PACKAGE, *(folder for folder in PACKAGE.rglob("*") if folder.is_dir()), *(ROOT / "tests").iterdir()]
    assert [name for name in names if not any((place / name).exists() for place in places)] == []
