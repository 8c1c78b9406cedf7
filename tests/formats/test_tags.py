import pytest

from earmark.errors import DataError
from earmark.formats import Tag, read_tags, read_weak, write_tags

TAGS = {
    "a.wav": [Tag("Air horn, truck horn", 0.93), Tag("dog", 0.414141)],
    "b.wav": [],
    "x/ü.wav": [Tag('say "hi"', 1.0), Tag("unsure")],
}


@pytest.mark.parametrize("form", ["csv", "tsv", "json"])
def test_tags_round_trip(tmp_path, form):
    (path,) = write_tags(tmp_path, TAGS, [form])
    assert path == tmp_path / f"tags.{form}"
    assert read_tags(path) == TAGS


def test_several_formats_and_a_file_of_ones_own(tmp_path):
    assert [path.name for path in write_tags(tmp_path, TAGS, ["csv", "json"], name="out")] == ["out.csv", "out.json"]
    assert write_tags(tmp_path / "mine.tsv", TAGS, ["tsv"]) == [tmp_path / "mine.tsv"]


def test_readers_of_weak_labels_read_them_and_the_other_way_round(tmp_path):
    (path,) = write_tags(tmp_path, TAGS, ["tsv"])
    assert read_weak(path) == {name: [tag.label for tag in tags] for name, tags in TAGS.items()}
    (tmp_path / "w.csv").write_text('filename,event_labels\na.wav,"dog,cat"\n')
    assert read_tags(tmp_path / "w.csv") == {"a.wav": [Tag("dog"), Tag("cat")]}


def test_scores_must_go_with_the_labels(tmp_path):
    (tmp_path / "t.csv").write_text('filename,event_labels,scores\na.wav,"dog,cat",0.5\n')
    with pytest.raises(DataError, match="line 2: 2 labels, but 1 scores"):
        read_tags(tmp_path / "t.csv")
    (tmp_path / "t.json").write_text('{"recordings": {"a.wav": [{"score": 1}]}}')
    with pytest.raises(DataError, match=r"tag 1 of 'a.wav': expected label"):
        read_tags(tmp_path / "t.json")
