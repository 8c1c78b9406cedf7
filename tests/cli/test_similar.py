"""`earmark similar`: a table of events on stdout or in a folder."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def embedded(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> Path:
    ran = earmark("embed", collection / "dev" / "audio", "-o", tmp_path / "out", "-m", trained, "--quiet")
    assert (ran.code, ran.err) == (0, "")
    return tmp_path / "out"


def test_the_nearest_stretches_are_printed(earmark: Callable, collection: Path, embedded: Path) -> None:
    ran = earmark("similar", collection / "dev" / "audio" / "dev00.wav", embedded, "--top", 5)
    assert (ran.code, ran.err) == (0, "5 results\n")
    header, *rows = ran.out.splitlines()
    assert header == "filename,onset,offset,event_label,score"
    assert len(rows) == 5
    assert rows[0].startswith("dev00.wav,0.000,2.000,dev00,")


def test_the_best_is_printed_first_whatever_its_recording(earmark: Callable, embedded: Path, tmp_path: Path) -> None:
    words = ("similar", "dev01.wav", embedded, "--start", 0.2, "--end", 0.5, "--top", 40)
    ran = earmark(*words)
    rows = [row.split(",") for row in ran.out.splitlines()[1:]]
    scores = [float(row[4]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    names = [row[0] for row in rows]
    changes = sum(one != other for one, other in itertools.pairwise(names))
    assert changes >= len(set(names))  # some recording comes again after another
    written = earmark(*words, "-o", tmp_path / "like.csv")
    assert written.code == 0
    assert sorted((tmp_path / "like.csv").read_text().splitlines()) == sorted(ran.out.splitlines())
    recordings = json.loads(earmark(*words, "-f", "json").out)["recordings"]
    assert sum(map(len, recordings.values())) == 40
    assert list(recordings) == list(dict.fromkeys(names))


def test_a_row_of_the_set_under_a_label(earmark: Callable, embedded: Path, tmp_path: Path) -> None:
    words = ("similar", "dev01.wav", embedded, "--start", 0.2, "--end", 0.5, "--label", "horn", "-o", tmp_path / "like")
    ran = earmark(*words, "--top", 3)
    assert (ran.code, ran.out) == (0, "")
    assert f"wrote {tmp_path / 'like' / 'events.csv'}" in ran.err
    assert (tmp_path / "like" / "events.csv").read_text().count(",horn,") == 3
    cut = earmark("clips", tmp_path / "like", "-o", tmp_path / "clips")  # knows where the recordings are
    assert cut.code == 0
    assert len(list((tmp_path / "clips" / "horn").glob("*.wav"))) == 3


def test_mistakes_are_one_line(earmark: Callable, embedded: Path, collection: Path, tmp_path: Path) -> None:
    ran = earmark("similar", "dev1.wav", embedded)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "is neither a sound file nor one of the 16 recordings" in ran.err
    ran = earmark("similar", collection / "dev" / "strong.tsv", embedded)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "cannot be read as audio" in ran.err
    ran = earmark("similar", "dev01.wav", tmp_path)
    assert ran.code == 2
    assert "holds no embeddings" in ran.err
