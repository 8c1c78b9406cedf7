"""What the package and its documents promise: commands that exist, links that lead somewhere, one version."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

import earmark
from earmark.cli.app import app
from earmark.recipes import load_recipe, recipe_names

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    ROOT.glob("docs/**/*.md")
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def fenced(text: str) -> list[str]:
    """Lines of a document's code blocks."""
    return [
        line
        for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]


def commands(text: str) -> list[list[str]]:
    """Every earmark command line of a document, in code blocks and between backticks, as words."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    candidates = fenced(text) + re.findall(r"`([^`\n]+)`", prose)
    lines = [line.strip() for line in candidates]
    return [shlex.split(line, comments=True) for line in lines if re.match(r"(\.venv/bin/)?earmark( |$)", line)]


@cache
def usage(verb: str) -> str:
    """What `earmark VERB --help` prints, unbroken."""
    result = CliRunner().invoke(app, [verb, "--help"] if verb else ["--help"], env={"COLUMNS": "400"})
    assert result.exit_code == 0, result.output
    return result.output


def options_of(verb: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", usage(verb)))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_the_documents_exists_with_its_options(document: Path) -> None:
    verbs = {command.name or "" for command in app.registered_commands}
    for words in commands(document.read_text(encoding="utf-8")):
        if len(words) == 1:
            continue
        verb = "" if words[1].startswith("-") else words[1]
        assert not verb or verb in verbs, f"{shlex.join(words)}: no such verb"
        for word in words[1:]:
            if word.startswith("-") and word != "-":  # that one is standard input
                assert word.partition("=")[0] in options_of(verb) | options_of(""), (
                    f"{shlex.join(words)}: no option {word}"
                )


def test_readme_is_short_and_leads_to_the_first_result_at_once() -> None:
    lines = README.splitlines()
    assert len(lines) < 200
    assert next(number for number, line in enumerate(lines) if line.startswith("earmark detect ")) < 24


def test_readme_names_every_command() -> None:
    named = {words[1] for words in commands(README) if len(words) > 1}
    assert {command.name for command in app.registered_commands} <= named


def test_options_named_in_the_readme_alone_belong_to_some_verb() -> None:
    known = {option for command in app.registered_commands for option in options_of(command.name or "")}
    known |= options_of("") | {"--index-url"}  # pip's
    for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", README):
        assert option in known, option


def test_make_targets_in_the_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for document in DOCUMENTS:
        for line in fenced(document.read_text(encoding="utf-8")):
            if match := re.match(r"make ([a-z]+)", line):
                assert match[1] in targets, f"{document.name}: {line}"


def test_the_guide_to_models_lists_the_recipes() -> None:
    """Those of the project by name, those of a paper by its folder."""
    guide = (ROOT / "docs" / "guides" / "models.md").read_text(encoding="utf-8")
    table = guide.partition("| recipe | what it is |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ((?:`[\w/*-]+`(?:, )?)+) \|", table, re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    wanted = {re.sub("/.*", "/*", name) for name in recipe_names()}
    assert sorted(listed) == sorted(wanted)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_under_its_own_name_and_says_what_it_is(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description


def test_recipe_keys_in_papers_exist() -> None:
    text = (ROOT / "docs" / "papers" / "README.md").read_text(encoding="utf-8")
    content = load_recipe().model_dump()
    for key in re.findall(r"`(training\.[\w.]+)`", text):
        place = content
        for part in key.split("."):
            assert part in place, key
            place = place[part]


def test_version_is_said_once_the_same() -> None:
    assert PYPROJECT["project"]["version"] == earmark.__version__
    assert CliRunner().invoke(app, ["--version"]).output.strip() == f"earmark {earmark.__version__}"
    released = earmark.__version__.partition(".dev")[0]  # what is being made is named by what it becomes
    assert released in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_package_data_is_where_the_code_looks_for_it() -> None:
    package = resources.files("earmark")
    for path in ("py.typed", "report/page.html.j2", "recipes/default.yaml", "web/static/index.html"):
        assert package.joinpath(path).is_file(), path


def test_the_constraint_is_within_the_range_of_the_package() -> None:
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert [line.partition("==")[0] for line in pinned] == ["torch"]
    (low,) = (each for each in PYPROJECT["project"]["optional-dependencies"]["torch"] if each.startswith("torch>"))
    lowest, below = (tuple(map(int, part.split("."))) for part in re.findall(r"[\d.]+", low))
    assert lowest <= tuple(map(int, pinned[0].partition("==")[2].split("."))) < below


def test_the_core_needs_no_torch() -> None:
    core = {re.split(r"[^\w-]", each)[0] for each in PYPROJECT["project"]["dependencies"]}
    assert "onnxruntime" in core
    assert not core & {"torch", "lightning", "onnx", "onnxscript"}


def test_extra_all_is_what_one_machine_wants() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert extras["all"] == ["earmark[train,media,report,export,parquet,web,live,hub]"]
    assert "lightning>=2.6.4,<2.7" in extras["train"]  # 2.6.2 and 2.6.3 were malicious uploads


def test_no_path_of_the_machine_it_was_written_on() -> None:
    """Tracked files work from any checkout: they name no home, no root, no scratch folder."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: nothing says which files are tracked")
    machine = re.compile(r"(?<![\w.])/(?:work|root|opt|tmp|home|Users)/[\w.-]+")
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.name == "test_packaging.py" or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not a text file
        found = machine.search(text)
        assert found is None, f"{name}: {found[0] if found else ''}"
