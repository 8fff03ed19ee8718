"""The pages are whole: links lead somewhere, nothing is fetched from elsewhere, the reference has every name."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import kerasemble

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ADDRESS = re.compile(r"\b(?:https?|ftp|git|ssh)://\S+|\bwww\.\S+")
SNIPPET = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)


def without_blocks(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text):
    """Return the anchors of a page's headings, as MkDocs makes them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[-\s]+", "-", heading) for heading in plain}


def text_of(path, root):
    """Return a page's text, with those of the checkout's own files that it takes in."""
    text = path.read_text(encoding="utf-8")
    return SNIPPET.sub(lambda found: (root / found[1]).read_text(encoding="utf-8"), text)


def test_links_lead_to_files_and_headings_that_exist(page, root):
    links = LINK.findall(without_blocks(page.text))
    if page.name in ("README.md", "docs/index.md"):
        assert len(links) > 3, "the links are not found"
    for link in links:
        name, _, anchor = link.partition("#")
        target = (root / page.name).parent / name if name else root / page.name
        assert target.is_file(), f"{page.name} links to {link}, which does not exist"
        assert not anchor or anchor in anchors(text_of(target, root)), f"{page.name} links to {link}: no such heading"


def test_pages_of_the_site_link_to_pages_of_the_site(pages, root):
    links = [
        (page.name, link.partition("#")[0])
        for page in pages
        for link in LINK.findall(without_blocks(page.text))
        if page.name.startswith("docs/") and not link.startswith("#")
    ]
    assert len(links) > 10, "the links are not found"
    outside = [
        (name, link)
        for name, link in links
        if not ((root / name).parent / link).resolve().is_relative_to(root / "docs")
    ]
    assert outside == []


def test_pages_name_no_addresses(page):
    assert ADDRESS.findall(page.text) == []


@pytest.mark.parametrize("name", ["mkdocs.yml", "docs/style.css"])
def test_the_site_fetches_nothing(name, root):
    text = (root / name).read_text(encoding="utf-8")
    assert ADDRESS.findall(text) == []
    if name == "mkdocs.yml":
        assert "font: false" in text, "the theme's fonts would be fetched"


def test_the_site_has_every_page(root):
    # The tables in docs/measured/ are parts of a page.
    found = {path.relative_to(root / "docs") for path in root.glob("docs/**/*.md")}
    pages = {str(path) for path in found if path.parts[0] != "measured"}
    listed = set(re.findall(r"\S+\.md$", (root / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert listed == pages


def test_the_python_reference_has_every_public_name_once(root):
    text = (root / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"^::: kerasemble\.(\w+)$", text, flags=re.MULTILINE)
    assert sorted(found) == sorted([*kerasemble.__all__, "testing"])


def test_the_index_of_decisions_has_each_of_them_in_order(root):
    index = (root / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")
    pages = sorted(path.name for path in root.glob("docs/decisions/0*.md"))
    assert re.findall(r"\d{4}-[\w-]+\.md", index) == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))


def check_reference(root):
    script = root / "docs" / "make_reference.py"
    return subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)


def test_the_reference_of_the_command_line_is_what_the_commands_say(root):
    result = check_reference(root)
    assert result.returncode == 0, result.stderr


def test_a_stale_reference_is_noticed(root, tmp_path):
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    script = (root / "docs" / "make_reference.py").read_text(encoding="utf-8")
    (tmp_path / "docs" / "make_reference.py").write_text(script, encoding="utf-8")
    page = (root / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    (tmp_path / "docs" / "reference" / "cli.md").write_text(page.replace("--weights", "--weight"), encoding="utf-8")
    result = check_reference(tmp_path)
    assert result.returncode == 1
    assert "python docs/make_reference.py" in result.stderr
