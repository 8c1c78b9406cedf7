"""Names of AudioSet's classes: as published, or as the files beside a list say."""

from pathlib import Path

import pytest

from earmark.errors import DataError
from earmark.formats.audioset_names import find_classes, read_classes, read_ontology, read_strong_names

HEADER = "index,mid,display_name\n"


def test_the_published_classes_are_in_the_package() -> None:
    classes = read_classes(None)
    assert len(classes) == 527
    assert next(iter(classes.items())) == ("/m/09x0r", "Speech")


def test_the_list_in_a_folder_above_is_found_and_ordered_by_index(tmp_path: Path) -> None:
    (tmp_path / "class_labels_indices.csv").write_text(HEADER + '1,/m/b,"Bark, loud"\n0,/m/a,Siren\n')
    (tmp_path / "lists" / "deep").mkdir(parents=True)
    assert list(find_classes(tmp_path / "lists" / "deep").items()) == [("/m/a", "Siren"), ("/m/b", "Bark, loud")]
    assert len(find_classes(tmp_path.parent)) == 527


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,/m/a,Siren\n2,/m/b,Bark\n", "class 1 is missing"),
        ("0,/m/a,Siren\n0,/m/b,Bark\n", r"line 3: class 0 \(/m/b\) is there twice"),
        ("0,/m/a,Siren\n1,/m/b\n", "line 3: expected index,mid"),
        ("", "class 0 is missing"),
    ],
)
def test_a_damaged_list_is_refused_by_its_line(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(HEADER + rows)
    with pytest.raises(DataError, match=message):
        read_classes(tmp_path / "a.csv")


def test_files_that_are_not_there_give_no_names_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    assert read_strong_names(tmp_path) == {}
    assert read_ontology(tmp_path / "ontology.json") == {}
    (tmp_path / "mid_to_display_name.tsv").write_text("/m/a\tSiren\n")
    (tmp_path / "ontology.json").write_text('[{"id": "/m/a", "name": "Siren"}]')
    assert read_strong_names(tmp_path) == read_ontology(tmp_path / "ontology.json") == {"/m/a": "Siren"}
    (tmp_path / "ontology.json").write_text('[{"id": "/m/a"}]')
    with pytest.raises(DataError, match="ontology of AudioSet"):
        read_ontology(tmp_path / "ontology.json")
