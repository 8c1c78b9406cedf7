"""`earmark reproduce`: a paper's experiment, run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, Terminal
from earmark.errors import counted


def command(
    study: Annotated[str, typer.Argument(metavar="PAPER", help="xu2018 or hong2020.")],
    data: choices.Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Output folder for models, figures and tables.")],
    budget: Annotated[
        str, typer.Option("--budget", help="full: as in the paper; small: hours instead of weeks.")
    ] = "full",
    audio: choices.Audio = None,
    test: Annotated[
        Path | None, typer.Option("--test", help="Labelled clips to score on, if DATA has no test part.")
    ] = None,
    test_audio: Annotated[
        Path | None, typer.Option("--test-audio", help="Folder of the audio of the --test clips.")
    ] = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="N,N...", help="Train every row once for each seed.")] = "0",
    rows: Annotated[
        list[str], typer.Option("--row", metavar="RECIPE", help="Train only the row of this recipe; may be repeated.")
    ] = [],  # noqa: B006 - the command line's default, never changed
    clips: Annotated[
        list[str], typer.Option("--clip", help="Test clip to draw in the paper's figure; may be repeated.")
    ] = [],  # noqa: B006 - as above
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Train every row of a paper's tables and print the tables.

    Published figures are printed beside ours. A run that was stopped continues with the same command.
    """
    from earmark.errors import ConfigError, EarmarkError, did_you_mean
    from earmark.files import check_folder, write_text
    from earmark.studies import find_study
    from earmark.training.run import require_engine

    require_engine()
    from earmark.cli.training_progress import TrainingReporter
    from earmark.devices import resolve_device, tune_allocator
    from earmark.studies.results import (
        as_csv,
        choose_clips,
        findings,
        findings_table,
        markdown,
        paper_table,
        write_figures,
    )
    from earmark.studies.run import Reproduction, read_material
    from earmark.training.loop import Machine

    chosen = find_study(study)
    budgets = [known.name for known in chosen.budgets]
    if budget not in budgets:
        raise ConfigError(f"no budget {budget!r}{did_you_mean(budget, budgets)}; known: {', '.join(budgets)}")
    for row in rows:
        if row not in chosen.recipes():
            raise ConfigError(f"no row {row!r}{did_you_mean(row, chosen.recipes())} in {chosen.paper}")
    numbers = _seeds(seeds)
    check_folder(output)
    tune_allocator()
    terminal = Terminal(quiet)
    material = read_material(chosen, data, audio, test, test_audio)
    work = Reproduction(chosen, material, chosen.budget(budget), output, Machine(resolve_device(device), precision))
    drawn = choose_clips(material, clips)
    work.outcomes()  # refuses a folder of another budget before anything is trained
    tested = ", ".join(f"{counted(len(manifest), 'clip')} of {part}" for part, manifest in material.tests.items())
    terminal.say(
        f"{chosen.paper}, budget {budget}: training on {counted(len(material.train), 'clip')}, scoring {tested}"
    )
    failed = []
    for name in rows or chosen.recipes():
        try:
            for seed in numbers:
                with TrainingReporter(terminal) as reporter:
                    if work.row(name, seed, reporter):
                        terminal.say(f"{name}, seed {seed}: done")
        except EarmarkError as error:
            failed.append(f"{name}: {error}")
    outcomes = work.outcomes()
    for part in material.tests:
        for table in chosen.tables:
            terminal.table(paper_table(chosen, table, outcomes, part), f"{table.name}: {table.title}; scored on {part}")
            terminal.print()
        found = list(findings(chosen, outcomes, part))
        if found:
            terminal.table(findings_table(found), f"What {chosen.paper} found")
    write_text(output / "tables.md", f"# {chosen.paper}\n\n" + markdown(chosen, outcomes, work.budget.sentence))
    write_text(output / "results.csv", as_csv(outcomes))
    for path in (output / "tables.md", output / "results.csv", *write_figures(work, numbers[0], drawn)):
        terminal.say(f"wrote {path}")
    terminal.faults([*map(str, material.train.problems), *failed], "failed rows and clips left out")
    raise typer.Exit(SOME_FAILED if failed else OK)


def _seeds(text: str) -> list[int]:
    from earmark.errors import ConfigError

    try:
        return list(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise ConfigError(f"--seeds {text}: expected whole numbers, for example 0,1,2") from None
