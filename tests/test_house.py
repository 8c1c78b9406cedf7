"""The house: which room may import which, and what every file owes its reader."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import earmark

SOURCE = Path(earmark.__file__).parent
BASE = {
    *("errors", "files", "lock", "options", "arrays", "clock", "labels", "events", "scores"),
    *("engine", "stopwatch", "reporter", "plugins", "problems", "processors"),
}
ROOMS = (
    *("base", "formats", "metrics", "decisions", "audio", "runtime", "report", "web"),  # these need no torch
    *("devices", "masking", "features", "augment", "encoders", "pooling", "models", "data", "hub"),
    *("evaluation", "training", "recipes", "studies", "opening", "export", "api", "cli"),
)
WITHOUT_TORCH = ROOMS[:8]
ENTRANCES = {"earmark", "earmark.__main__"}  # these may open any door
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in SOURCE.rglob("__init__.py") if path.parent != SOURCE)


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    first = module.split(".")[1]
    return "base" if first in BASE else first


class Imports(ast.NodeVisitor):
    """Modules that a file imports anywhere but under `if TYPE_CHECKING`."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int]] = []

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.unparse(node.test):
            self.generic_visit(node)
        for other in node.orelse:
            self.visit(other)

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(alias.name, node.lineno) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert not node.level, "imports are written out from the top"
        whole = node.module or ""
        inner = [alias.name for alias in node.names] if whole == "earmark" else []
        self.found += [(f"{whole}.{name}", node.lineno) for name in inner] or [(whole, node.lineno)]


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports() -> Iterator[tuple[Path, str, str, int]]:
    """File, its module name, what it imports, and in which line."""
    for path in MODULES:
        visitor = Imports()
        visitor.visit(parse(path))
        for target, line in visitor.found:
            yield path, module_name(path), target, line


def test_the_imports_are_read_as_they_are_meant() -> None:
    hidden = "if TYPE_CHECKING:\n    import hidden\nelse:\n    import seen\n"
    visitor = Imports()
    visitor.visit(ast.parse(f"import a.b\nfrom earmark import tagger\n{hidden}def f():\n    from c import d\n"))
    assert [name for name, _ in visitor.found] == ["a.b", "earmark.tagger", "seen", "c"]


def test_a_room_imports_only_from_rooms_before_it() -> None:
    wrong = []
    for path, module, target, line in imports():
        if module in ENTRANCES or not target.startswith("earmark.") or target == "earmark.__version__":
            continue
        here, there = room_of(module), room_of(target)
        if ROOMS.index(there) > ROOMS.index(here):
            wrong.append(f"{path.relative_to(SOURCE)}:{line}: {here} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room_of(module_name(path)) for path in MODULES if module_name(path) not in ENTRANCES} <= set(ROOMS)
    for module in (*ROOMS[1:], *BASE):
        assert (SOURCE / module).is_dir() or (SOURCE / f"{module}.py").is_file(), f"{module} is gone"


def test_the_rooms_that_need_no_torch_import_none() -> None:
    wrong = []
    for path, module, target, line in imports():
        if module in ENTRANCES or room_of(module) not in WITHOUT_TORCH:
            continue
        if target.split(".")[0] in ("torch", "lightning", "safetensors"):
            wrong.append(f"{path.relative_to(SOURCE)}:{line}: imports {target}")
    assert not wrong, "\n".join(wrong)


LIGHT = (  # groups of modules that load no torch
    "earmark",
    "earmark.metrics.evaluation, earmark.decisions, earmark.decisions.tuning, earmark.formats, earmark.report.page",
    "earmark.audio, earmark.options, earmark.scores, earmark.files",
    "earmark.web.server, earmark.web.app, earmark.web.listen",
)


def test_importing_them_loads_no_torch() -> None:
    """In one process, for starting one costs more than the imports: the first group that loads it is named."""
    code = "import sys\n" + "\n".join(
        f"import {names}\nif {{'torch', 'lightning'}} & set(sys.modules): sys.exit({names!r})" for names in LIGHT
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_library_does_not_print() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in MODULES
        if module_name(path).split(".")[1:2] != ["cli"]
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, f"printed from the library: {wrong}"


def test_every_public_module_opens_with_its_chapter() -> None:
    public = [path for path in MODULES if path.name == "__init__.py" or not path.stem.startswith("_")]
    assert not [str(path.relative_to(SOURCE)) for path in public if not ast.get_docstring(parse(path))]


def test_every_package_is_one() -> None:
    folders = {path.parent for path in MODULES}
    assert not [str(folder.relative_to(SOURCE)) for folder in folders if not (folder / "__init__.py").is_file()]


def test_nothing_broad_is_caught_without_a_reason() -> None:
    """A bare or broad `except` hides faults; where one is right the line says why (`noqa: BLE001 - ...`)."""
    wrong = []
    for path in MODULES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else ""
                broad = not caught or caught in ("Exception", "BaseException")
                raised = isinstance(node.body[-1], ast.Raise)  # as something else, or again
                if broad and not raised and "noqa: BLE001 - " not in lines[node.lineno - 1]:
                    wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert not wrong, wrong


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_docstring_of_a_package_names_its_modules(package: Path) -> None:
    """Each module once at least, and none that is not there."""
    text = ast.get_docstring(parse(package / "__init__.py")) or ""
    here = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    here |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert here <= set(re.findall(r"`(\w+)(?:\.py)?`", text))
    assert set(re.findall(r"`(\w+)\.py`", text)) <= here


def test_the_tour_leads_to_files_that_are_there() -> None:
    root = SOURCE.parents[1]
    tour = (root / "docs" / "tour.md").read_text(encoding="utf-8")
    for name in re.findall(r"src/earmark/([\w/]+\.py)", tour):
        assert (SOURCE / name).is_file(), name


NOT_OURS = {
    "TaskAEvaluate.py",
    "task4_subtaskB_evaluation.py",
    "hub/FAMILY.py",
}  # scorers of others, and a family by any name


def test_files_that_docstrings_and_the_guide_name_are_there() -> None:
    """By their path in the package, in the repository, or in the folder of the file that names them."""
    root = SOURCE.parents[1]
    wrong = []
    for path in [root / "CONTRIBUTING.md", *MODULES]:
        folders = "|/" if path.suffix == ".md" else ""  # in the package a folder may be one of data
        for name in re.findall(rf"`([\w/]+(?:\.py{folders}))`", path.read_text(encoding="utf-8")):
            places = (root, SOURCE) if path.suffix == ".md" else (root, SOURCE, path.parent)
            if name not in NOT_OURS and not any((place / name).exists() for place in places):
                wrong.append(f"{path.relative_to(root)}: {name}")
    assert not wrong, "\n".join(wrong)


def test_each_array_type_is_defined_once() -> None:
    """In `arrays.py`; an alias elsewhere must be a name of something else (`Seconds`, `Samples`)."""
    taken = {"FloatArray", "DoubleArray", "IntArray", "BoolArray", "Array"}
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in MODULES
        if path.name != "arrays.py"
        for node in parse(path).body
        if isinstance(node, ast.Assign)
        and {target.id for target in node.targets if isinstance(target, ast.Name)} & taken
    ]
    assert not wrong, wrong


def test_nothing_private_is_taken_from_another_room() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno}: {alias.name} of {node.module}"
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("earmark.")
        for alias in node.names
        if alias.name.startswith("_")
        and not alias.name.startswith("__")
        and room_of(node.module or "") != room_of(module_name(path))
    ]
    assert not wrong, wrong


MOST_POSITIONAL = 6  # parameters that a call may give by place alone; the others go by name


def positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Parameters of a function that can be given without their names, `self` and `cls` left out."""
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def test_positional_parameters_are_counted() -> None:
    (function,) = ast.parse("def f(self, a, /, b, *rest, c=1, **more): ...").body
    assert isinstance(function, ast.FunctionDef)
    assert positional(function) == ["a", "b"]


def test_no_function_takes_a_train_of_positional_arguments() -> None:
    """A reader of `f(a, b, c, d, e, f, g)` cannot tell which is which. (The verbs' parameters are options by name.)"""
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno}: {node.name}({', '.join(positional(node))})"
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and len(positional(node)) > MOST_POSITIONAL
        and not (path.parent.name == "cli" and node.name == "command")
        and not path.stem.endswith("_kernels")  # of Triton: sizes and places in memory, given by one call
    ]
    assert not wrong, "make these keyword-only:\n" + "\n".join(wrong)


THROUGH = {  # modules that the tests of another file exercise, and which
    "api/serving.py": "tests/web/test_server.py",
    "cli/clips.py": "tests/runtime/test_clips.py",
    "cli/reproduce.py": "tests/studies/test_run.py",
    "cli/serve.py": "tests/web/test_server.py",
    "cli/training_progress.py": "tests/cli/test_train.py",
    "data/datasets/collections.py": "tests/data/datasets/test_published.py",  # each a row of its table
    "encoders/gru_kernels.py": "tests/encoders/test_fused_gru.py",
    "encoders/norm_kernels.py": "tests/encoders/test_fused_norm.py",
    "features/mel_kernels.py": "tests/features/test_fused_mel.py",
    "export/network.py": "tests/test_export.py",  # one graph: its parts are tested by what the whole computes
    "export/parity.py": "tests/test_export.py",
    "export/recurrence.py": "tests/test_export.py",
    "studies/results.py": "tests/studies/test_run.py",  # one tiny study, which is trained once
    "web/app.py": "tests/web/test_server.py",
    "web/parameters.py": "tests/web/test_v1.py",
    "web/scoring.py": "tests/web/test_v1.py",
    "web/service.py": "tests/web/test_page.py",
    "web/shelf.py": "tests/web/test_page.py",
    "web/telemetry.py": "tests/web/test_v1.py",
}


def behaves(tree: ast.Module) -> bool:
    """Whether a module does something by itself: a public function, or a public class with a public method.

    Options, records and protocols do not: what they hold or promise is tested with those that use it.
    """
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            return True
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if any(ast.unparse(base).startswith("Protocol") for base in node.bases):
                continue
            methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            plain = [each for each in methods if "property" not in map(ast.unparse, each.decorator_list)]
            if any(not method.name.startswith("_") for method in plain):
                return True
    return False


def test_modules_that_behave_are_told_from_those_that_hold() -> None:
    assert behaves(ast.parse("def load(): ..."))
    assert behaves(ast.parse("class Store:\n    def read(self): ..."))
    assert not behaves(ast.parse("def _load(): ...\nclass Options:\n    @property\n    def rate(self): ..."))
    assert not behaves(ast.parse("class Engine(Protocol):\n    def listen(self): ..."))


def test_every_module_that_does_something_has_a_test_file_of_its_name() -> None:
    root = SOURCE.parents[1]
    missing = []
    for path in MODULES:
        name = path.relative_to(SOURCE)
        if path.stem.startswith("__") or not behaves(parse(path)):
            continue
        test = root / "tests" / name.parent / f"test_{path.name}"
        if not test.is_file() and name.as_posix() not in THROUGH:
            missing.append(test.relative_to(root).as_posix())
    assert not missing, "write these, or name in THROUGH the file that tests the module:\n" + "\n".join(missing)
    assert not [place for place in THROUGH.values() if not (root / place).exists()]
    stale = [name for name in THROUGH if not (SOURCE / name).exists()]
    assert not stale, f"THROUGH names modules that are gone: {stale}"
