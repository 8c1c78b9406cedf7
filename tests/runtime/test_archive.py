"""A run that writes: results as they come, and the same command goes on."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import soundfile
from bulk_script import FORMATS, content, detect, make, open_tagger

from earmark import api
from earmark.audio.listing import Listing
from earmark.errors import OutputError
from earmark.events import Event
from earmark.formats import read_events, write_events
from earmark.runtime.archive import Archive
from earmark.runtime.bulk import Decided, Task
from earmark.runtime.place import Place

SCRIPT = Path(__file__).with_name("bulk_script.py")


class Said(api.Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def run_with(
    source: Path, output: Path, backend: Callable[[Iterable[Task]], Iterator[tuple[Task, Decided]]]
) -> Archive:
    archive = Archive(Place.of("detect", output, FORMATS), Listing([source]), {"model": "none"})
    archive.execute(backend)
    return archive


def one_event(tasks: Iterable[Task]) -> Iterator[tuple[Task, Decided]]:
    for task in tasks:
        yield task, Decided([Event(0.0, 1.0, "dog", 0.5)], 1.0)


def test_the_tables_are_those_that_are_written_at_once(tmp_path: Path) -> None:
    source = make(tmp_path / "in")
    found = detect(source, tmp_path / "out")
    at_once = {result.recording: result for result in map(open_tagger(), sorted(source.rglob("*.wav")))}
    events = {path.relative_to(source).as_posix(): at_once[path.name].events for path in sorted(source.rglob("*.wav"))}
    write_events(tmp_path / "whole", events, FORMATS)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert found.total == sum(map(len, events.values())) > 0
    assert list(found.events) == list(events)


def test_results_are_on_disk_while_the_run_goes_on_and_its_tables_can_be_read(tmp_path: Path) -> None:
    source, seen = make(tmp_path / "in", 6), []

    def slow(tasks: Iterable[Task]) -> Iterator[tuple[Task, Decided]]:
        for task, decided in one_event(tasks):
            journal = tmp_path / "out" / ".earmark" / "detect.jsonl"
            tracks = len(list((tmp_path / "out").rglob("0*.txt")))
            tables = {
                form: len(read_events(path))
                for form in ("csv", "json")
                if (path := tmp_path / "out" / f"events.{form}").exists()
            }
            seen.append((journal.read_bytes().count(b"\n") - 1, tracks, tables))
            time.sleep(0.6)  # tables follow twice a second
            yield task, decided

    run_with(source, tmp_path / "out", slow)
    assert [lines for lines, _, _ in seen] == [0, 1, 2, 3, 4, 5]
    assert [tracks for _, tracks, _ in seen] == [0, 1, 2, 3, 4, 5]
    assert seen[-1][2] == {"csv": 5, "json": 5}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_that_is_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, processes: int) -> None:
    source = make(tmp_path / "in", 40)
    for number in range(40, 400):
        os.link(source / "night" / "0000.wav", source / "night" / f"{number:04d}.wav")
    detect(source, tmp_path / "whole", formats=["csv", "json"])
    wanted, rng = content(tmp_path / "whole"), random.Random(processes)
    words = [sys.executable, str(SCRIPT), str(source), "", "formats=csv,json", f"processes={processes}"]
    begun = 0
    for number in range(4):
        output = tmp_path / f"killed{number}"
        words[3] = str(output)
        journal = output / ".earmark" / "detect.jsonl"
        kill_at = rng.randrange(1, 390)
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if journal.exists() and journal.read_bytes().count(b"\n") > kill_at:
                    process.kill()
                time.sleep(0.002)
        begun += process.returncode == -signal.SIGKILL
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert sum(map(int, done.stdout.split()[:1])) == 400
        assert content(output) == wanted
        names = Counter(json.loads(line)["name"] for line in journal.read_bytes().splitlines()[1:])
        assert set(names.values()) == {1}
        assert len(names) == 400
    assert begun >= 2  # the others were over before they were hit


def test_a_finished_run_says_that_nothing_was_done(tmp_path: Path) -> None:
    source, said = make(tmp_path / "in"), Said()
    detect(source, tmp_path / "out")
    found = detect(source, tmp_path / "out", reporter=said)
    assert said.lines == ["nothing to do: 12 recordings done before; --overwrite begins anew"]
    assert (found.account.scored, found.account.before, found.tracks) == (12, 12, 0)


def test_changed_and_new_recordings_are_done_and_vanished_ones_left_out(tmp_path: Path) -> None:
    source, said = make(tmp_path / "in"), Said()
    detect(source, tmp_path / "out")
    shutil.copy(source / "night" / "0002.wav", source / "day" / "0001.wav")
    shutil.copy(source / "night" / "0002.wav", source / "day" / "0000.wav")
    (source / "night" / "0004.wav").unlink()
    found = detect(source, tmp_path / "out", reporter=said)
    assert (found.account.before, found.account.gone) == (10, 1)
    assert any("1 recording of the run before not there any more" in line for line in said.lines)
    assert any("night/0004.wav" in line for line in said.lines)
    detect(source, tmp_path / "anew")
    assert content(tmp_path / "out") == content(tmp_path / "anew")  # and no label track of what is gone


def test_label_tracks_follow_where_two_recordings_share_a_stem(tmp_path: Path) -> None:
    source = make(tmp_path / "in")
    detect(source, tmp_path / "out")
    wave, rate = soundfile.read(source / "day" / "0001.wav")
    soundfile.write(source / "day" / "0001.flac", wave, rate)
    detect(source, tmp_path / "out")
    detect(source, tmp_path / "two")
    assert content(tmp_path / "out") == content(tmp_path / "two")
    assert {"day/0001.wav.txt", "day/0001.flac.txt"} < content(tmp_path / "out").keys()
    (source / "day" / "0001.flac").unlink()
    detect(source, tmp_path / "out")
    detect(source, tmp_path / "one")
    assert content(tmp_path / "out") == content(tmp_path / "one")


def test_formats_may_change_from_run_to_run(tmp_path: Path) -> None:
    source = make(tmp_path / "in")
    detect(source, tmp_path / "out", formats=["csv"])
    found = detect(source, tmp_path / "out")
    assert found.account.before == 12
    detect(source, tmp_path / "anew")
    assert content(tmp_path / "out") == content(tmp_path / "anew")


def test_failures_are_listed_and_tried_again_when_asked_for(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 4)
    whole = (source / "day" / "0001.wav").read_bytes()
    (source / "day" / "0001.wav").write_bytes(b"")
    (source / "night" / "0002.wav").write_bytes((source / "night" / "0002.wav").read_bytes()[:4000])
    detect(source, tmp_path / "out")
    table = (tmp_path / "out" / "failures.csv").read_text().splitlines()
    assert table[0] == "filename,problem,done"
    shown = [(row.split(",")[0], row.split(",")[-1]) for row in table[1:]]
    assert shown == [("day/0001.wav", "left out"), ("night/0002.wav", "scored in part")]
    assert "is empty (0 bytes)" in table[1]
    assert "cut short: " in table[2]
    again = detect(source, tmp_path / "out")
    assert (again.account.before, len(again.account.failed), len(again.account.partial)) == (4, 1, 1)
    assert detect(source, tmp_path / "out", retry_failed=True).account.before == 2
    assert (tmp_path / "out" / "failures.csv").read_text().splitlines() == table
    (source / "day" / "0001.wav").write_bytes(whole)  # mended: it is another file now
    mended = detect(source, tmp_path / "out")
    assert (mended.account.before, mended.account.failed) == (3, [])
    assert len((tmp_path / "out" / "failures.csv").read_text().splitlines()) == 2


def test_nothing_is_left_where_no_recording_could_be_used(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 1)
    (source / "night" / "0000.wav").write_bytes(b"")
    assert len(detect(source, tmp_path / "out").account.failed) == 1
    assert not (tmp_path / "out").exists()


def test_a_second_run_is_refused_while_the_first_lives_and_not_after_it_was_killed(tmp_path: Path) -> None:
    source, seen = make(tmp_path / "in", 4), []

    def nested(tasks: Iterable[Task]) -> Iterator[tuple[Task, Decided]]:
        words = [sys.executable, str(SCRIPT), str(source), str(tmp_path / "out")]
        seen.append(subprocess.run(words, capture_output=True, text=True).stderr)
        yield from one_event(tasks)

    run_with(source, tmp_path / "out", nested)
    assert f"another run is writing here (process {os.getpid()} on " in seen[0]
    (tmp_path / "out" / ".earmark" / "lock").write_text("process 1 on elsewhere, since long ago\n")
    run_with(source, tmp_path / "out", one_event)


def test_a_full_disk_stops_the_run_and_what_was_done_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, real, count = make(tmp_path / "in"), os.pwrite, 0

    def full(file: int, data: bytes, place: int) -> int:
        nonlocal count
        count += 1
        if count > 3:
            real(file, data[: len(data) // 2], place)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data, place)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        patch.setattr("earmark.runtime.tables.FLUSH_SECONDS", -1.0)
        with pytest.raises(OutputError, match=r"disk full .*the same command goes on"):
            detect(source, tmp_path / "out")
    found = detect(source, tmp_path / "out")
    assert found.account.before >= 1
    detect(source, tmp_path / "anew")
    assert content(tmp_path / "out") == content(tmp_path / "anew")
