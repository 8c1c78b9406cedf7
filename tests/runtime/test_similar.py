"""The nearest stretches: against the obvious search, and as a person meets them."""

import importlib.util
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import ConfigError, DataError, OutputError
from earmark.formats import read_events
from earmark.formats.embeddings import Card, Set, Vectors, write_card
from earmark.runtime.clips import find_audio
from earmark.runtime.embedder import Embedder
from earmark.runtime.review import Review
from earmark.runtime.similar import (
    Query,
    as_events,
    check_alike,
    nearest,
    query_of,
    query_of_sound,
    write_matches,
)


def _load(name: str, path: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


write_set = _load("written_sets", "formats/test_embeddings.py").write_set
Ramp = _load("ramp", "runtime/test_embedder.py").Ramp


def recording(name: str, vectors: Any) -> Vectors:
    values = np.asarray(vectors, np.float32)
    edges = 0.5 * np.arange(len(values) + 1)
    return Vectors(name, edges[:-1], edges[1:], values)


def example(vector: Any, steps: int = 1) -> Query:
    vector = np.asarray(vector, float)
    return Query((vector / np.linalg.norm(vector)).astype(np.float32), steps)


def obvious(found: list[Vectors], query: Query, top: int) -> list[tuple[float, str, float, float]]:
    """All stretches of all recordings by score; those that overlap a better one of the same recording left out."""
    every = []
    for place, each in enumerate(found):
        steps = min(query.steps, len(each.vectors))
        for at in range(len(each.vectors) - steps + 1):
            mean = np.mean([v / np.linalg.norm(v) for v in each.vectors[at : at + steps].astype(float)], axis=0)
            cosine = float(mean @ query.vector / np.linalg.norm(mean))
            every.append((cosine, place, each.start[at], each.end[at + steps - 1]))
    every.sort(key=lambda row: (-round(row[0], 6), row[1], row[2]))
    chosen: list[tuple[float, int, float, float]] = []
    for score, place, start, end in every:
        if all(other != place or end <= low or start >= high for _, other, low, high in chosen):
            chosen.append((score, place, start, end))
    return [(score, found[place].recording, start, end) for score, place, start, end in chosen[:top]]


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 4), top=st.integers(1, 9))
def test_it_finds_what_the_obvious_search_finds(
    seed: int, steps: int, top: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    random = np.random.default_rng(seed)
    found = [recording(f"{n}.wav", random.standard_normal((random.integers(1, 30), 3))) for n in range(4)]
    query = example(random.standard_normal(3), steps)
    with mock.patch("earmark.runtime.similar._PIECE", 6):  # in pieces of a few vectors
        matches = nearest([Set.open(write_set(tmp_path_factory.mktemp("set"), *found))], query, top)
    wanted = obvious(found, query, top)
    np.testing.assert_allclose([match.score for match in matches], [row[0] for row in wanted], atol=1e-5)
    assert [(m.recording, m.start, m.end) for m in matches] == [tuple(row[1:]) for row in wanted]


def test_several_sets_are_one_and_the_first_of_equals_comes_first(tmp_path: Path) -> None:
    sets = [Set.open(write_set(tmp_path / name, recording(f"{name}.wav", [[1, 0], [0, 1]]))) for name in "ab"]
    matches = nearest(sets, example([1, 0]), 3)
    assert [match.recording for match in matches] == ["a.wav", "b.wav", "a.wav"]
    assert [round(match.score, 6) for match in matches] == [1, 1, 0]


def test_an_example_out_of_the_set_does_not_find_itself(tmp_path: Path) -> None:
    found = Set.open(
        write_set(tmp_path, recording("a.wav", [[1, 0], [0, 1], [1, 0.1], [1, 0.2]]), recording("b.wav", [[1, 0]]))
    )
    query = query_of("a.wav", [found], 0.0, 0.5)
    assert query is not None
    assert [(m.recording, m.start) for m in nearest([found], query, 3)] == [
        ("b.wav", 0.0),
        ("a.wav", 1.0),
        ("a.wav", 1.5),
    ]
    longer = query_of("a.wav", [found], 0.0, 1.0)
    assert longer is not None
    assert longer.steps == 2
    assert [(m.recording, m.start, m.end) for m in nearest([found], longer, 5)] == [
        ("a.wav", 1.0, 2.0),
        ("b.wav", 0.0, 0.5),  # shorter than the example
    ]


def test_a_part_between_two_middles_is_the_step_it_lies_in(tmp_path: Path) -> None:
    found = Set.open(write_set(tmp_path, recording("a.wav", [[1, 0], [0, 1]])))
    query = query_of("a.wav", [found], 0.6, 0.65)
    assert query is not None
    assert query.vector.tolist() == [0, 1]


def test_a_recording_of_zeros_is_like_nothing(tmp_path: Path) -> None:
    found = Set.open(write_set(tmp_path, recording("silence.wav", [[0, 0], [0, 0]]), recording("a.wav", [[-1, 0]])))
    matches = nearest([found], example([1, 0]), 3)
    assert [(m.recording, m.score) for m in matches] == [("silence.wav", 0), ("silence.wav", 0), ("a.wav", -1)]
    assert [event.score for event in as_events(matches, "x")["a.wav"]] == [0]  # events have no negative scores
    with pytest.raises(
        DataError, match=r"silence\.wav: its embedding is zero, as of silence; choose a part with sound"
    ):
        query_of("silence.wav", [found], None, None)


@pytest.mark.parametrize(
    ("start", "end", "error", "message"),
    [
        (3.0, None, ConfigError, r"--start 3 --end 1: expected 0 <= start < end"),
        (3.0, 4.0, ConfigError, r"a\.wav: lasts 1\.000 s; --start 3 is beyond its end"),
        (0.5, 0.5, ConfigError, "expected 0 <= start < end"),
        (float("nan"), 1.0, ConfigError, "expected 0 <= start < end"),
    ],
)
def test_parts_that_are_not_there_are_refused(
    start: float, end: float | None, error: type[Exception], message: str, tmp_path: Path
) -> None:
    found = Set.open(write_set(tmp_path, recording("a.wav", [[1, 0], [0, 1]])))
    with pytest.raises(error, match=message):
        query_of("a.wav", [found], start, end)


def test_a_name_that_is_nothing_gets_a_guess(tmp_path: Path) -> None:
    found = Set.open(write_set(tmp_path, recording("street.wav", [[1, 0]])))
    with pytest.raises(DataError, match=r"stret\.wav: is neither a sound file nor one of .*did you mean 'street\.wav'"):
        query_of("stret.wav", [found], None, None)


def test_sets_of_different_models_are_not_searched_together(tmp_path: Path) -> None:
    sets = [Set.open(write_set(tmp_path / name, recording("a.wav", [[1, 0]]))) for name in "ab"]
    check_alike(sets)
    for change, message in (({"fingerprint": "other"}, "another model"), ({"per": "clip"}, "another per")):
        write_card(tmp_path / "b", Card(**{**sets[0].card.model_dump(), **change}))
        with pytest.raises(ConfigError, match=message):
            check_alike([sets[0], Set.open(tmp_path / "b")])
    with pytest.raises(ConfigError, match="nothing to search"):
        check_alike([])
    with pytest.raises(ConfigError, match="its vectors have 2 values, the example has 3"):
        nearest(sets, example([1, 0, 0]), 1)
    with pytest.raises(ConfigError, match="--top 0: expected 1 or more"):
        nearest(sets, example([1, 0]), 0)


def test_a_sound_file_is_an_example_in_the_units_of_the_set(tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "a.wav"
    soundfile.write(path, np.linspace(-0.5, 0.5, 7_330), 1_000)
    embedder = Embedder(Ramp())
    whole, part, seconds, clip = (
        query_of_sound(embedder, path, start, end, per)
        for start, end, per in (
            *((None, None, "frame"), (1.0, 2.0, "frame")),
            *((1.0, 3.2, "second"), (1.0, 3.2, "clip")),
        )
    )
    assert [query.steps for query in (whole, part, seconds, clip)] == [184, 25, 2, 1]
    assert all(np.linalg.norm(query.vector) == pytest.approx(1) for query in (whole, part, seconds, clip))


def test_results_open_in_a_review_and_know_their_recordings(results: Path, tmp_path: Path) -> None:
    """Events of `similar` in a folder of their own, the recordings elsewhere."""
    name = next(path.name for path in sorted(results.iterdir()) if path.suffix == ".wav")
    found = Set.open(write_set(tmp_path / "set", recording(name, [[1, 0], [0, 1]])))
    from earmark.runtime.journal import Journal

    with Journal(tmp_path / "set" / ".earmark" / "embed.jsonl") as journal:
        journal.begin({"verb": "embed"})
        journal.append({"name": name, "path": str(results / name)})
    matches = nearest([found], example([1, 0]), 2)
    (table,) = write_matches(matches, [found], "dog", tmp_path / "like", ["csv"])
    assert table == tmp_path / "like" / "events.csv"
    assert [(e.onset, e.offset, e.label) for e in read_events(table)[name]] == [(0, 0.5, "dog"), (0.5, 1.0, "dog")]
    with Review.open(tmp_path / "like") as review:
        assert review.audio[name] == results / name
        assert [(item.label, item.score) for item in review.of(name)] == [("dog", 1.0), ("dog", 0.0)]
        review.judge(review.of(name)[0].id, "confirmed")
    with Review.open(tmp_path / "like") as again:
        assert [item.verdict for item in again.of(name)] == ["confirmed", None]
    assert find_audio([], table, None) == {}


def test_the_table_may_be_one_file(tmp_path: Path) -> None:
    found = Set.open(write_set(tmp_path / "set", recording("a.wav", [[1, 0]])))
    matches = nearest([found], example([1, 0]), 1)
    (table,) = write_matches(matches, [found], "dog", tmp_path / "like.csv", ["csv"])
    assert table.read_text() == "filename,onset,offset,event_label,score\na.wav,0.000,0.500,dog,1.0\n"


def test_results_of_detect_are_not_written_over(tmp_path: Path) -> None:
    found = Set.open(write_set(tmp_path / "set", recording("a.wav", [[1, 0]])))
    (tmp_path / "results" / ".earmark").mkdir(parents=True)
    (tmp_path / "results" / ".earmark" / "detect.jsonl").write_text("{}\n")
    with pytest.raises(OutputError, match="holds results of 'earmark detect'; choose another folder"):
        write_matches(nearest([found], example([1, 0]), 1), [found], "dog", tmp_path / "results", ["csv"])
