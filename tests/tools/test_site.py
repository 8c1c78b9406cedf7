from pathlib import Path

import pytest
import yaml

from tools.site import ROOT, address, commands, outside


def entries(nav: object) -> list[str]:
    """Pages of a navigation, however nested."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in entries(part)]  # type: ignore[union-attr]


def test_every_page_can_be_reached_from_the_navigation() -> None:
    shown = set(entries(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert shown == pages | {"index.md", "reference/commands.md"}


@pytest.mark.parametrize(
    ("page", "target", "expected"),
    [
        ("index.md", "docs/guides/install.md", "guides/install.md"),
        ("index.md", "CHANGELOG.md", "source/CHANGELOG.md"),
        ("guides/python.md", "../tour.md", "tour.md"),
        ("guides/python.md", "../../README.md", "index.md"),
        ("papers/README.md", "../../src/earmark/hub/panns.py", "source/src/earmark/hub/panns.py.md"),
    ],
)
def test_links_lead_to_pages_of_the_site(page: str, target: str, expected: str) -> None:
    assert address(page, target) == expected


def test_files_that_pages_link_to_are_shown() -> None:
    tour = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    linked = outside("tour.md", tour)
    assert "src/earmark/clock.py" in linked
    assert all(Path(ROOT / target).exists() for target in linked)


def test_the_reference_has_every_command_with_its_options() -> None:
    page = commands()
    assert "## detect\n" in page
    assert "--operating-point" in page
