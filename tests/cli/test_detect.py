import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.formats import read_events

EARMARK = [sys.executable, "-m", "earmark.cli"]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_events_go_to_stdout_and_messages_to_stderr(earmark: Callable, collection: Path, trained: Path) -> None:
    ran = earmark("detect", collection / "dev" / "audio" / "dev01.wav", "-m", trained)
    assert ran.code == 0
    assert ran.out.startswith("filename,onset,offset,event_label,score\ndev01.wav,")
    assert {row["event_label"] for row in table(ran.out)} == {"horn"}
    assert re.fullmatch(r"1 event in 1 recording \(cpu, (bf16|float32)\)\n", ran.err)  # auto: whichever is faster here
    exact = earmark("detect", collection / "dev" / "audio" / "dev01.wav", "-m", trained, "--precision", "float32")
    assert exact.err == "1 event in 1 recording (cpu, float32)\n"


def test_quiet_leaves_results_alone(earmark: Callable, collection: Path, trained: Path) -> None:
    loud, quiet = (earmark("detect", collection / "dev", "-m", trained, *more) for more in ((), ("--quiet",)))
    assert (quiet.out, quiet.err) == (loud.out, "")


def test_every_format_at_once(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    forms = [word for form in ("csv", "tsv", "json", "audacity", "raven") for word in ("-f", form)]
    ran = earmark("detect", collection / "dev" / "audio", "-m", trained, "-o", tmp_path / "out", *forms)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith(f"wrote 35 files into {tmp_path / 'out'}\n")
    out = tmp_path / "out"
    whole = {form: read_events(out / f"events.{form}") for form in ("csv", "tsv", "json")}
    assert len(whole["csv"]) == 16
    times = {
        form: {
            name.removesuffix(".wav"): [(round(e.onset, 3), round(e.offset, 3), e.label) for e in events]
            for name, events in found.items()
        }
        for form, found in whole.items()
    }
    assert times["csv"] == times["tsv"] == times["json"]
    for name, events in times["csv"].items():
        audacity = [(round(e.onset, 3), round(e.offset, 3), e.label) for e in read_events(out / f"{name}.txt")[name]]
        assert audacity == events
        assert (out / f"{name}.selections.txt").is_file() or list(out.glob(f"{name}*.txt"))


def test_folders_are_searched_to_the_bottom_and_names_stay_apart(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    source = collection / "dev" / "audio" / "dev00.wav"
    for place in ("a/one.wav", "a/deep/two.wav", "b/one.wav"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tmp_path / place)
    (tmp_path / "a" / "readme.txt").write_text("no sound")
    ran = earmark("detect", tmp_path / "a", tmp_path / "b", "-m", trained, "-f", "json")
    names = ["deep/two.wav", f"{tmp_path}/a/one.wav", f"{tmp_path}/b/one.wav"]
    assert list(json.loads(ran.out)["recordings"]) == names
    mirrored = earmark("detect", tmp_path / "a", "-m", trained, "-f", "audacity", "-o", tmp_path / "out")
    assert mirrored.code == 0
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.txt")) == [
        "deep/two.txt",
        "one.txt",
    ]


def test_any_rate_and_number_of_channels_is_taken_and_told(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    import soxr

    wave, rate = soundfile.read(collection / "dev" / "audio" / "dev01.wav")
    soundfile.write(tmp_path / "x.flac", np.stack([soxr.resample(wave, rate, 44_100)] * 2, axis=1), 44_100)
    ran = earmark("detect", tmp_path / "x.flac", "-m", trained)
    assert "2 channels averaged to mono: 1 recording" in ran.err
    assert "resampled from 44100 to 16000 Hz: 1 recording" in ran.err
    plain = earmark("detect", collection / "dev" / "audio" / "dev01.wav", "-m", trained)
    for one, other in zip(table(ran.out), table(plain.out), strict=True):
        assert one["event_label"] == other["event_label"]
        assert abs(float(one["onset"]) - float(other["onset"])) < 0.05


def test_thresholds_override_the_model(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    def count(*more: object) -> int:
        return len(
            [row for row in table(earmark("detect", collection / "dev", "-m", trained, *more).out) if row["onset"]]
        )

    assert count("--threshold", 1) == 0
    lower, higher = count("--threshold", 0.1), count("--threshold", 0.7)
    assert lower >= higher > 0
    assert count("--threshold", 0) >= 64  # each label of each recording is heard somewhere
    assert count("--threshold", 0.6, "--min-score", 0.999) == 0
    shutil.copy(trained / "operating_point.json", tmp_path / "op.json")
    assert count("--operating-point", tmp_path / "op.json") == count()
    both = earmark(
        "detect", collection / "dev", "-m", trained, "--threshold", 0.5, "--operating-point", tmp_path / "op.json"
    )
    assert (both.code, "exclude each other" in both.err) == (2, True)
    much = earmark("detect", collection / "dev", "-m", trained, "--threshold", 30)
    assert much.err == "earmark: threshold 30.0 is not between 0 and 1; did you mean 0.3?\n"


def test_an_operating_point_of_other_labels_is_refused(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    text = (trained / "operating_point.json").read_text().replace('"beep"', '"bleep"')
    (tmp_path / "op.json").write_text(text)
    ran = earmark("detect", collection / "dev", "-m", trained, "--operating-point", tmp_path / "op.json")
    assert (ran.code, ran.err) == (
        2,
        "earmark: the operating point has no label 'beep' (did you mean 'bleep'?)\n",
    )


def test_stdout_and_stderr_hold_no_control_characters_where_there_is_no_terminal(collection: Path, twin: Path) -> None:
    words = ["detect", str(collection / "dev" / "audio"), "-m", str(twin)]
    done = subprocess.run([*EARMARK, *words], capture_output=True)
    assert done.returncode == 0
    for text in (done.stdout, done.stderr):
        assert not set(text) & (set(range(32)) - {10})
    assert done.stderr.decode().split(" in ")[1].startswith("16 recordings (onnxruntime, ")


def test_a_terminal_gets_a_bar_and_its_cursor_back(collection: Path, twin: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    words = ["detect", str(collection / "dev" / "audio"), "-m", str(twin)]
    with subprocess.Popen([*EARMARK, *words], stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        out = process.stdout.read()
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65_536)
            except OSError:  # the other end was closed
                break
    os.close(ours)
    assert process.returncode == 0
    assert b"scoring" in shown
    assert b"16/16" in shown
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l") >= 0  # shown again after it was hidden
    assert b"\x1b" not in out


def test_a_damaged_mp3_is_told_in_our_words_alone(mixed: Path, twin: Path) -> None:
    words = ["detect", str(mixed / "half.mp3"), "-m", str(twin)]
    done = subprocess.run([*EARMARK, *words], capture_output=True, text=True)
    assert done.returncode == 1
    count, part, fault = done.stderr.splitlines()
    assert " in 1 recording (onnxruntime, " in count
    assert part == "recordings that could be read only in part: 1"
    assert fault.startswith("  half.mp3: cut short: ")


def peak(path: Path, model: Path, out: Path) -> int:
    """Bytes of memory a process needed at most to detect events in a file."""
    code = (
        "import resource, sys; from earmark.cli.app import run; code = run(sys.argv[1:]);"
        "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    words = ["detect", str(path), "-m", str(model), "-o", str(out), "-q", "--threshold", "0"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    exit_code, kilobytes = done.stdout.split()
    assert exit_code == "0", done.stderr
    return int(kilobytes) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_memory_does_not_grow_with_the_length_of_a_recording(trained: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for minutes in (2, 20):
        with soundfile.SoundFile(tmp_path / f"{minutes}.wav", "w", 8_000, 1) as file:
            for _ in range(minutes):
                file.write(0.01 * rng.standard_normal(60 * 8_000))
    short, long = (peak(tmp_path / f"{minutes}.wav", trained, tmp_path / f"{minutes}.csv") for minutes in (2, 20))
    whole = 20 * 60 * 16_000 * 4  # bytes of the recording at the model's rate: 77 MB
    assert long - short < whole / 4
    events = read_events(tmp_path / "20.csv")["20.wav"]
    for label in {event.label for event in events}:  # at threshold 0 every label is heard from end to end
        own = [event for event in events if event.label == label]
        assert min(event.onset for event in own) < 1
        assert max(event.offset for event in own) > 1199
    assert len({event.label for event in events}) == 4


def test_results_are_printed_as_they_come_and_a_reader_may_leave(collection: Path, twin: Path) -> None:
    words = " ".join(["detect", str(collection / "dev" / "audio"), "-m", str(twin), "--quiet"])
    shell = f"{sys.executable} -m earmark.cli {words} | head -n 2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == "filename,onset,offset,event_label,score"
    assert len(done.stdout.splitlines()) == 3
    assert (done.stdout.splitlines()[2], done.stderr) == ("0", "")


def test_the_same_command_goes_on_and_other_options_are_refused(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    words = ("detect", collection / "dev" / "audio", "-m", trained, "-o", tmp_path / "out")
    first = earmark(*words)
    assert first.code == 0
    table = (tmp_path / "out" / "events.csv").read_bytes()
    again = earmark(*words)
    assert "nothing to do: 16 recordings done before; --overwrite begins anew\n" in again.err
    other = earmark(*words, "--threshold", 0.9)
    assert other.code == 2
    assert "was begun with other options (operating point, classes, beep, tag_threshold: " in other.err
    assert (tmp_path / "out" / "events.csv").read_bytes() == table
    assert earmark(*words, "--threshold", 0.9, "--overwrite").code == 0
    assert (tmp_path / "out" / "events.csv").read_bytes() != table


def test_lists_and_shards_and_their_merge(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    folder = collection / "dev" / "audio"
    (tmp_path / "list.csv").write_text("path\n" + "".join(f"{path}\n" for path in sorted(folder.iterdir())[:5]))
    whole = earmark("detect", "--files-from", tmp_path / "list.csv", "-m", trained, "-o", tmp_path / "whole")
    assert whole.code == 0
    for part in ("1/2", "2/2"):
        words = ("--files-from", tmp_path / "list.csv", "-m", trained, "--shard", part, "-o", tmp_path / part[0])
        assert earmark("detect", *words).code == 0
    merged = earmark("merge", tmp_path / "2", tmp_path / "1", "-o", tmp_path / "merged")
    assert merged.code == 0
    assert merged.err.endswith(" in 5 recordings\n")
    assert (tmp_path / "merged" / "events.csv").read_bytes() == (tmp_path / "whole" / "events.csv").read_bytes()
    assert earmark("detect", folder, "-m", trained, "--shard", "5/4").err.startswith("earmark: shard '5/4' does not")


def test_a_shard_without_a_recording_or_with_none_that_can_be_used_is_a_shard(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    good = next((collection / "dev" / "audio").iterdir())
    (tmp_path / "broken.wav").write_text("no sound")
    (tmp_path / "list.csv").write_text(f"path\n{good}\n{tmp_path / 'broken.wav'}\n")
    words = ("--files-from", tmp_path / "list.csv", "-m", trained)
    whole = earmark("detect", *words, "-o", tmp_path / "whole")
    parts, said = [], ""
    for number in range(1, 8):
        parts.append(tmp_path / f"part{number}")
        ran = earmark("detect", *words, "--shard", f"{number}/7", "-o", parts[-1])
        assert ran.code in ((1, 2) if "could not be used" in ran.err else (0,))
        assert (parts[-1] / "events.csv").read_text().startswith("filename,onset,offset,event_label,score\n")
        said += ran.err
    assert said.count("holds none of the recordings (2 in all)") in (5, 6)  # a shard follows from a file's path
    merged = earmark("merge", *parts, "-o", tmp_path / "merged")
    assert (whole.code, merged.code) == (1, 1)
    for name in ("events.csv", "failures.csv"):
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_processes_give_the_same_table(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    words = ("detect", collection / "dev" / "audio", "-m", trained, "--precision", "float32")
    one = earmark(*words, "-o", tmp_path / "one.csv")
    two = earmark(*words, "-o", tmp_path / "two.csv", "--processes", 2)
    assert (one.code, two.code) == (0, 0)
    ours, theirs = (table((tmp_path / name).read_text()) for name in ("one.csv", "two.csv"))
    assert [(row["filename"], row["event_label"]) for row in ours] == [
        (row["filename"], row["event_label"]) for row in theirs
    ]
