"""Which labels stand above which, by a file that the user has."""

import json
from pathlib import Path

import pytest

from earmark.errors import DataError
from earmark.formats.audioset_names import read_classes, strong_classes
from earmark.formats.ontology import read_parents

SHARED = Path(__file__).parents[3] / "shared" / "data" / "audioset" / "ontology.json"
NODES = (
    ("/m/0jbk", "Animal", ["/m/068hy", "/m/wild"]),
    ("/m/068hy", "Domestic animals, pets", ["/m/0bt9lr", "/m/cat"]),
    ("/m/0bt9lr", "Dog", ["/m/05tny_"]),
    ("/m/05tny_", "Bark", []),
    ("/m/wild", "Wild animals", ["/m/0bt9lr"]),
    ("/m/cat", "House cat", []),
)


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    return write(tmp_path, [{"id": mid, "name": name, "child_ids": below} for mid, name, below in NODES])


def write(folder: Path, nodes: object) -> Path:
    path = folder / "ontology.json"
    path.write_text(json.dumps(nodes))
    return path


def test_all_labels_above_are_given_the_nearest_first(ontology: Path) -> None:
    found = read_parents(ontology, ["Bark", "Animal", "Siren"])
    assert found == {"Bark": ("Dog", "Domestic animals, pets", "Wild animals", "Animal")}


def test_own_labels_are_found_by_name_and_keep_their_spelling(ontology: Path) -> None:
    found = read_parents(ontology, ["house_cat", "dog", "animal"])
    assert found["house_cat"] == ("Domestic animals, pets", "animal")
    assert found["dog"] == ("Domestic animals, pets", "Wild animals", "animal")


def test_a_published_class_is_found_by_its_identifier_whatever_it_is_called(tmp_path: Path) -> None:
    (mid,) = (mid for mid, name in strong_classes().items() if name == "Bicycle, tricycle")
    nodes = [{"id": "/m/v", "name": "Vehicle", "child_ids": [mid]}, {"id": mid, "name": "Bicycle", "child_ids": []}]
    assert read_parents(write(tmp_path, nodes), ["Bicycle, tricycle"]) == {"Bicycle, tricycle": ("Vehicle",)}


def test_a_circle_ends(tmp_path: Path) -> None:
    nodes = [{"id": "a", "name": "one", "child_ids": ["b"]}, {"id": "b", "name": "two", "child_ids": ["a"]}]
    assert read_parents(write(tmp_path, nodes), ["one", "two"]) == {"one": ("two",), "two": ("one",)}


@pytest.mark.parametrize(
    "nodes",
    [{"a": 1}, [1], [{"id": "a", "name": "b"}], [{"id": 3, "name": "b", "child_ids": []}], "text", None, [[]]],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, nodes: object) -> None:
    with pytest.raises(DataError, match=r"ontology.json: is not an ontology like AudioSet's, a list of .*child_ids"):
        read_parents(write(tmp_path, nodes), ["dog"])


def test_a_file_that_is_no_json_and_one_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "ontology.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="is not an ontology"):
        read_parents(tmp_path / "ontology.json", ["dog"])
    with pytest.raises(DataError, match=r"nowhere.json"):
        read_parents(tmp_path / "nowhere.json", ["dog"])


def test_a_file_that_knows_no_label_is_refused(ontology: Path) -> None:
    with pytest.raises(DataError, match=r"knows none of the 2 labels, by name or identifier; the first: siren"):
        read_parents(ontology, ["siren", "bell"])


@pytest.mark.skipif(not SHARED.is_file(), reason="AudioSet's ontology is not here")
def test_the_published_ontology_knows_the_published_classes() -> None:
    found = read_parents(SHARED, read_classes(None).values())
    assert found["Dog"] == ("Domestic animals, pets", "Animal")
    assert found["Bicycle"] == ("Non-motorized land vehicle", "Vehicle", "Sounds of things")
    assert len(found) > 500
    strong = read_parents(SHARED, strong_classes().values())
    assert strong["Bicycle, tricycle"] == found["Bicycle"]
    assert "Domestic animals, pets" in strong["Bark"]
