"""What the documents and the citations of documents promise: files, headings and sections that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md"), *ROOT.glob("tests/**/*.md")]
)
CITING = sorted(
    path
    for folder in ("src", "tests", "benchmarks", "tools", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".yaml", ".md", ".html", ".j2"} and path != Path(__file__)
) + sorted(ROOT.glob("*.md"))
CITATION = re.compile(
    r"\b(docs/[\w/-]+\.md)"  # the file
    r"(?:, sections? (\d+(?:\.\d+)*(?:(?:, | and | to |, and )\d+(?:\.\d+)*)*))?"  # its sections, where some are named
)


def citations(text: str) -> list[tuple[str, list[str]]]:
    """File and sections of every citation in `text`, across line ends and comment signs."""
    flowing = re.sub(r"\n[ \t]*(?:#:?[ \t]*)?", " ", text)
    return [(match[1], re.findall(r"[\d.]+", match[2] or "")) for match in CITATION.finditer(flowing)]


def headings(path: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)


def anchor(heading: str) -> str:
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading)).strip().lower().replace(" ", "-")


def sections(path: Path) -> set[str]:
    """The numbers that a document's headings begin with."""
    return {match[1] for heading in headings(path) if (match := re.match(r"(\d+(?:\.\d+)*)\.? ", heading))}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_citations_are_read_as_they_are_written() -> None:
    text = "a (docs/x.md, section\n    2.3). b docs/y/z.md, sections 1, 2.4 and 8. c # see docs/w.md,\n# section 5: 7"
    assert citations(text) == [("docs/x.md", ["2.3"]), ("docs/y/z.md", ["1", "2.4", "8"]), ("docs/w.md", ["5"])]
    assert anchor("Hong et al. 2020, `side` by side") == "hong-et-al-2020-side-by-side"


def test_every_cited_document_and_section_exists() -> None:
    wrong, count = [], 0
    for path in CITING:
        for document, cited in citations(path.read_text(encoding="utf-8")):
            count += len(cited)
            target = ROOT / document
            if not target.is_file():
                wrong.append(f"{name(path)} cites {document}, which does not exist")
            else:
                missing = [section for section in cited if section not in sections(target)]
                wrong += [f"{name(path)} cites section {section} of {document}" for section in missing]
    assert not wrong, "\n".join(wrong)
    assert count > 40  # so that a change of style cannot empty this test


def test_no_source_cites_facts_that_are_not_in_the_repository() -> None:
    cites = re.compile(r"\b(?:xu2018|hong2020)\s+facts\b|\(facts, ")
    assert [name(path) for path in CITING if cites.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_to_files_and_headings(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, place = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), f"{name(document)} links to {link}"
        if place:
            assert place in {anchor(heading) for heading in headings(target)}, f"{name(document)} links to {link}"


def test_the_readme_of_the_benchmarks_names_every_program() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    benchmarks = ROOT / "benchmarks"
    programs = {
        ".".join(path.relative_to(benchmarks).with_suffix("").parts)
        for path in benchmarks.rglob("*.py")
        if path.parent.name not in {"ours", "rivals"} and '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    rows = set(re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE))
    assert rows == programs - {"speed.worker"}


def test_the_readme_links_every_guide_and_stays_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    guides = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "guides").glob("*.md")}
    assert guides <= set(re.findall(r"\]\(([^)#\s]+)", readme))
    assert len(readme.splitlines()) < 200


def test_contributing_names_the_rooms_in_the_order_that_is_tested() -> None:
    house = (ROOT / "tests" / "test_house.py").read_text(encoding="utf-8")
    tree = ast.parse(house)
    assigned = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    source = ast.get_source_segment(house, assigned["ROOMS"]) or ""
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    order = re.search(r"`base`(?: < `\w+`)+", text)
    assert order is not None
    assert re.findall(r"\w+", order[0]) == re.findall(r'"(\w+)"', source)
