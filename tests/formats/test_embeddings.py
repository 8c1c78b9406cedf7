"""Embeddings on disk: what is written comes back, numpy and pandas read it too, and what is damaged is named."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import ConfigError, DataError
from earmark.formats.embeddings import (
    CARD,
    ENCODING,
    TABLE,
    Card,
    Set,
    Vectors,
    check_choice,
    read_vectors,
    write_card,
    write_vectors,
)

PARQUET = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow (extra parquet) is not installed")
FORMS = ["npz", pytest.param("parquet", marks=PARQUET)]


def vectors(name: str = "street/a.wav", count: int = 3, values: int = 4) -> Vectors:
    edges = 0.5 * np.arange(count + 1)
    made = np.random.default_rng(0).standard_normal((count, values)).astype(np.float32)
    return Vectors(name, edges[:-1], edges[1:], made)


def write_set(folder: Path, *found: Vectors, form: str = "npz") -> Path:
    """A folder as `embed` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [ENCODING.header]
    for each in found:
        file = Path(each.recording).with_suffix(f".{form}").as_posix()
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        write_vectors(folder / file, each)
        rows.append(ENCODING.encode(each.recording, [(float(len(each.start)), float(each.end[-1]), file, None)], None))
    (folder / TABLE).write_text("".join(rows))
    write_card(folder, Card(fingerprint="f", values=found[0].vectors.shape[1], rate=16_000, format=form))
    return folder


@pytest.mark.parametrize("form", FORMS)
@given(
    bits=st.binary(min_size=12, max_size=48),
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
)
def test_what_is_written_comes_back(
    form: str, bits: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = np.nan_to_num(np.frombuffer(bits[: len(bits) // 12 * 12], np.float32)).reshape(-1, 3)
    edges = np.cumsum(np.random.default_rng(len(bits)).exponential(size=len(values) + 1))
    path = tmp_path_factory.mktemp("set") / f"a.{form}"
    write_vectors(path, Vectors(name, edges[:-1], edges[1:], values))
    found = read_vectors(path)
    assert found.recording == name
    np.testing.assert_array_equal(found.vectors, values)
    np.testing.assert_array_equal(found.start, edges[:-1])
    np.testing.assert_array_equal(found.end, edges[1:])


def test_numpy_and_arrow_read_them_without_us(tmp_path: Path) -> None:
    wanted = vectors()
    write_vectors(tmp_path / "a.npz", wanted)
    with np.load(tmp_path / "a.npz") as file:
        assert str(file["recording"]) == "street/a.wav"
        np.testing.assert_array_equal(file["vector"], wanted.vectors)
    parquet = pytest.importorskip("pyarrow.parquet")
    write_vectors(tmp_path / "a.parquet", wanted)
    table = parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert set(table) == {"recording", "start", "end", "vector"}
    assert table["recording"] == ["street/a.wav"] * 3
    np.testing.assert_array_equal(table["vector"], wanted.vectors)


@pytest.mark.parametrize("form", FORMS)
def test_a_set_is_read_recording_by_recording(form: str, tmp_path: Path) -> None:
    found = Set.open(write_set(tmp_path, vectors("b.wav", 2), vectors("street/a.wav"), form=form))
    assert (len(found), [entry.recording for entry in found.entries]) == (2, ["b.wav", "street/a.wav"])
    assert [each.vectors.shape for each in found] == [(2, 4), (3, 4)]


def test_the_same_vectors_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_vectors(tmp_path / name, vectors())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("damage", ["cut", "text", "gone"])
def test_a_damaged_file_is_named(form: str, damage: str, tmp_path: Path) -> None:
    found = Set.open(write_set(tmp_path, vectors("a.wav"), form=form))
    path = tmp_path / f"a.{form}"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"no vectors" if damage == "text" else path.read_bytes()[:-40])
    with pytest.raises(DataError, match=rf"a\.{form}(: holds no embeddings, or is damaged| is missing)"):
        list(found)


def test_arrays_of_other_shapes_are_no_embeddings(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, recording="a", start=np.zeros(2), end=np.zeros(2), vector=np.zeros((3, 4), np.float32))
    with pytest.raises(DataError, match="expected start"):
        read_vectors(path)
    np.savez(path, recording="a", vector=np.zeros((3, 4), np.float32))
    with pytest.raises(DataError, match="holds no embeddings"):
        read_vectors(path)
    np.savez(path, recording="a", start=np.zeros(1), end=np.zeros(1), vector=np.array([[{}]], object))
    with pytest.raises(DataError, match="holds no embeddings"):  # nothing is unpickled
        read_vectors(path)


def test_vectors_of_another_size_than_the_card_says_are_refused(tmp_path: Path) -> None:
    found = Set.open(write_set(tmp_path, vectors("a.wav")))
    write_vectors(tmp_path / "a.npz", vectors("a.wav", values=5))
    with pytest.raises(DataError, match=r"a\.npz: its vectors have 5 values, those of embeddings\.json 4"):
        list(found)


def test_folders_that_are_no_sets_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no embeddings \(embeddings\.json is missing\); expected what 'earmark"):
        Set.open(tmp_path)
    write_set(tmp_path, vectors("a.wav"))
    (tmp_path / TABLE).write_text("filename,file,vectors,duration\na.wav,../a.npz,3,1.5\n")
    with pytest.raises(DataError, match=r"embeddings\.csv, line 2: \.\./a\.npz is outside the folder"):
        Set.open(tmp_path)
    (tmp_path / TABLE).write_text("filename,file,vectors,duration\na.wav,a.npz,three,1.5\n")
    with pytest.raises(DataError, match=r"embeddings\.csv, line 2: expected filename,file,vectors,duration"):
        Set.open(tmp_path)
    (tmp_path / TABLE).unlink()
    with pytest.raises(DataError, match="was stopped before it wrote anything"):
        Set.open(tmp_path)
    (tmp_path / CARD).write_text('{"format_version": 2}')
    with pytest.raises(DataError, match=r"embeddings\.json: is damaged, or of a later version"):
        Set.open(tmp_path)


def test_choices_are_guessed() -> None:
    with pytest.raises(
        ConfigError, match=r"--per frames: unknown \(did you mean 'frame'\?\); choose from frame, second"
    ):
        check_choice("frames", "npz")
    with pytest.raises(ConfigError, match="--format npy: unknown"):
        check_choice("frame", "npy")
