"""What a command loads before it knows what it is asked: help, for one verb or all, must be there at once."""

import resource
import subprocess
import sys

HEAVY = ("torch", "numpy", "lightning", "matplotlib", "soundfile", "soxr", "av", "safetensors", "jinja2")
LIGHT_ROOMS = ("cli", "report")  # of `report` the tables alone


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_help_of_no_verb_loads_what_only_its_work_needs() -> None:
    code = (
        "import pkgutil, sys, earmark\n"
        "from earmark.cli.app import app, run\n"
        "verbs = [command.name for command in app.registered_commands]\n"
        "codes = {run([verb, '--help']) for verb in verbs} | {run(['--help'])}\n"
        "rooms = {each.name for each in pkgutil.iter_modules(earmark.__path__) if each.ispkg}\n"
        f"heavy = set({HEAVY!r}) & set(sys.modules)\n"
        f"opened = {{room for room in rooms if 'earmark.' + room in sys.modules}} - set({LIGHT_ROOMS!r})\n"
        "print(len(verbs) > 10, codes, sorted(heavy), sorted(opened))"
    )
    assert python(code) == "True {0} [] []"


def test_the_package_alone_opens_no_room() -> None:
    code = "import earmark, sys; print([name for name in sys.modules if name.startswith('earmark.')])"
    assert python(code) == "[]"


def test_help_takes_less_than_three_tenths_of_a_second() -> None:
    """Of the processor: other processes must not fail this. The best of three, as caches are cold at first."""
    code = "from earmark.cli.app import run; run(['--help']); print('done')"
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert python(code) == "done"
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < 0.3
