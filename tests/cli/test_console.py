from pathlib import Path

import pytest
from rich.console import Console

from earmark.cli.console import BarReporter, Terminal
from earmark.report.tables import Table


def test_quiet_keeps_results_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(quiet=True)
    terminal.say("reading")
    terminal.print("a result")
    terminal.faults(["a.wav: broken"], "recordings that could not be used")
    out, err = capsys.readouterr()
    assert out == "a result\n"
    assert err == "recordings that could not be used: 1\n  a.wav: broken\n"


def test_of_many_faults_twenty_are_shown_and_all_are_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().faults([f"{n}.wav" for n in range(50)], "broken")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "broken: 50"
    assert len(lines) == 22
    said, _, path = lines[-1].partition(" all are in ")
    assert said == "  and 30 more;"
    assert Path(path).read_text().splitlines() == ["broken: 50", *(f"{n}.wav" for n in range(50))]
    Path(path).unlink()


@pytest.mark.parametrize("name", ["a\x1b[31m.wav", "a\x07.wav", "a\u202e.wav", "caf\udce9.wav", "a\x9b.wav"])
def test_no_name_steers_the_terminal(capsys: pytest.CaptureFixture[str], name: str) -> None:
    terminal = Terminal()
    terminal.out = Console(force_terminal=True, color_system=None, soft_wrap=True, highlight=False)
    terminal.say(name)
    terminal.print(name)
    terminal.faults([f"{name}\nis broken"], "broken")
    terminal.table(Table(("class",), ((name,),)), name)
    out, err = capsys.readouterr()
    assert (out + err).replace("\n", "").isprintable()
    assert err.count("\n") == 3  # one line a message, whatever its names hold


def test_names_in_brackets_are_names_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.say("[bold]a[/bold].wav")
    terminal.print("[red]b.wav")
    terminal.faults(["[c].wav"], "broken")
    terminal.table(Table(("class",), (("[d]",),)), "[title]")
    out, err = capsys.readouterr()
    assert err == "[bold]a[/bold].wav\nbroken: 1\n  [c].wav\n"
    assert out == "[red]b.wav\n[title]\nclass\n[d]\n"


def test_sections_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {
        "segment": {"f1": 0.5, "insertions": 3, "per_class": {"dog": {"f1": 0.5}}},
        "event": {"f1": 0.25, "insertions": 7, "per_class": {"dog": {"f1": 0.25}}},
    }
    Terminal().metrics(metrics, "on test clips")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "on test clips"
    titles = [lines.index("Detection by segments"), lines.index("Detection by events")]
    rows = [number for number, line in enumerate(lines) if line.startswith("Insertions")]
    assert titles[0] < rows[0] < titles[1] < rows[1]
    assert lines[-2:] == ["class  segment F1  event F1", "dog         0.500     0.250"]
    assert not any(line.endswith(" ") for line in lines)


def test_no_bar_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with BarReporter(Terminal()) as reporter:
        assert reporter.stage("scoring") is None
        assert reporter.counts("scoring") is None
    assert capsys.readouterr() == ("", "")
