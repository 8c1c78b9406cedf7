import json
import re
from collections.abc import Callable
from pathlib import Path

from earmark.formats import read_tags


def test_tags_go_to_stdout_and_messages_to_stderr(earmark: Callable, collection: Path, trained: Path) -> None:
    ran = earmark("tag", collection / "dev" / "audio" / "dev00.wav", "-m", trained)
    assert ran.code == 0
    header, row = ran.out.splitlines()
    assert header == "filename,event_labels,scores"
    assert row.startswith("dev00.wav,beep,0.")
    assert re.fullmatch(r"1 tag in 1 recording \(cpu, (bf16|float32)\)\n", ran.err)


def test_several_formats_say_the_same(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    ran = earmark("tag", collection / "dev", "-m", trained, "-o", tmp_path, *("-f", "csv", "-f", "tsv", "-f", "json"))
    assert (ran.code, ran.out) == (0, "")
    written = [tmp_path / f"tags.{form}" for form in ("csv", "tsv", "json")]
    assert ran.err.splitlines()[:3] == [f"wrote {path}" for path in written]
    first, *others = (read_tags(path) for path in written)
    assert len(first) == 16
    assert all(other == first for other in others)


def test_the_tags_are_right(earmark: Callable, collection: Path, trained: Path) -> None:
    ran = earmark("tag", collection / "dev" / "audio", "-m", trained, "-f", "json", "-q")
    found = {name: {tag["label"] for tag in tags} for name, tags in json.loads(ran.out)["recordings"].items()}
    lines = (collection / "dev" / "weak.tsv").read_text().splitlines()[1:]
    truth = {name: set(filter(None, labels.split(","))) for name, labels in (line.split("\t") for line in lines)}
    assert sum(found[name] == labels for name, labels in truth.items()) >= 15


def test_thresholds_and_least_scores_leave_out(earmark: Callable, collection: Path, trained: Path) -> None:
    def tags(*more: object) -> int:
        ran = earmark("tag", collection / "dev" / "audio", "-m", trained, "-f", "json", *more)
        return sum(map(len, json.loads(ran.out)["recordings"].values()))

    assert tags("--threshold", 0) == 64  # every label of every recording
    assert tags("--threshold", 1) == 0
    assert tags("--threshold", 0, "--min-score", 0.5) == tags("--threshold", 0.5)


def test_formats_of_events_are_no_formats_of_tags(earmark: Callable, collection: Path, trained: Path) -> None:
    ran = earmark("tag", collection / "dev", "-m", trained, "-f", "raven", "-o", "x")
    assert (ran.code, ran.err) == (2, "earmark: unknown format 'raven'; known: csv, tsv, json, dcase2017, parquet\n")
