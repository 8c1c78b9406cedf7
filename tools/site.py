"""The documentation site: what is in the repository, as pages. A hook of mkdocs (`mkdocs.yml`).

    make site                       into site/, which opens from the disk, offline

The README is the first page. Links out of `docs/` lead to pages that show the file. Two references are made from the
code: every command's own `--help`, and `earmark.api` from its signatures and docstrings.
"""

from __future__ import annotations

import functools
import os
import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
VERBS = "reference/commands.md"
_LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".sh": "bash", ".js": "javascript"}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are made: the first one, the commands, and the files that pages link to."""
    files.append(File.generated(config, "index.md", content=(ROOT / "README.md").read_text(encoding="utf-8")))
    files.append(File.generated(config, VERBS, content=commands()))
    linked = {
        target
        for file in files.documentation_pages()
        for target in outside(file.src_uri, file.content_string)
        if (ROOT / target).is_file()
    }
    for target in sorted(linked):
        files.append(File.generated(config, shown_at(target), content=shown(target)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links out of `docs/` to the pages that show what they lead to."""
    here = page.file.src_uri

    def moved(link: re.Match[str]) -> str:
        opening, target, anchor, closing = link.groups(default="")
        wanted = posixpath.relpath(address(here, target), posixpath.dirname(here) or ".")
        return f"{opening}{wanted}{anchor}{closing}"

    return _LINK.sub(moved, markdown)


def address(page: str, target: str) -> str:
    """Where a link of a page leads, as a page of the site.

    >>> address("tour.md", "../src/earmark/clock.py"), address("index.md", "docs/tour.md")
    ('source/src/earmark/clock.py.md', 'tour.md')
    """
    path = in_repository(page, target)
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return shown_at(path) if (ROOT / path).is_file() else path


def in_repository(page: str, target: str) -> str:
    """The file of the repository that a link of a page names."""
    folder = "" if page == "index.md" else posixpath.join("docs", posixpath.dirname(page))
    return posixpath.normpath(posixpath.join(folder, target))


def outside(page: str, markdown: str) -> set[str]:
    """Files outside `docs/` that a page links to."""
    targets = {in_repository(page, link.group(2)) for link in _LINK.finditer(markdown)}
    return {target for target in targets if target != "README.md" and not target.startswith("docs/")}


def shown_at(path: str) -> str:
    """The page that shows a file."""
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def shown(path: str) -> str:
    """A file of the repository as a page; Markdown as it is."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        return _LINK.sub(r"\g<2>", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text))
    return f"# {path}\n\n````{_LANGUAGES.get(Path(path).suffix, 'text')}\n{text}\n````\n"


@functools.cache
def commands() -> str:
    """Every command with what its `--help` prints."""
    os.environ.update(COLUMNS="96", TERMINAL_WIDTH="96")
    from typer.testing import CliRunner

    from earmark.cli.app import app

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--help"], prog_name="earmark")
        if result.exit_code:
            sys.exit(f"earmark {' '.join(arguments)} --help: {result.output}")
        return result.output.strip()

    names = [str(command.name) for command in app.registered_commands]
    parts = ["# Commands", "What `earmark COMMAND --help` prints.", f"```text\n{said()}\n```"]
    for name in names:
        parts += [f"## {name}", f"```text\n{said(name)}\n```"]
    return "\n\n".join(parts) + "\n"
