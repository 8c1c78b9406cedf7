"""Where a run writes, and what else is refused there."""

from pathlib import Path

import pytest
from bulk_script import FORMATS, content, detect, make, open_tagger

from earmark import api
from earmark.decisions import OperatingPoint
from earmark.errors import ConfigError, OutputError


def test_other_options_are_refused_with_the_difference(tmp_path: Path) -> None:
    source = make(tmp_path / "in")
    detect(source, tmp_path / "out")
    before = content(tmp_path / "out")
    with pytest.raises(ConfigError, match=r"min score: 0.0 before, 0.7 now\).*--overwrite to begin anew"):
        detect(source, tmp_path / "out", min_score=0.7)
    changed = open_tagger()
    changed.operating_point = OperatingPoint.plain(changed.labels).with_threshold(0.3)
    with pytest.raises(ConfigError, match=r"operating point, classes, sound, tag_threshold: 0\.5 before, 0.3 now"):
        api.detect([source], output=tmp_path / "out", tagger=changed, formats=FORMATS)
    assert content(tmp_path / "out") == before
    detect(source, tmp_path / "out", min_score=0.7, overwrite=True)
    detect(source, tmp_path / "anew", min_score=0.7)
    assert content(tmp_path / "out") == content(tmp_path / "anew")


def test_where_the_numbers_come_from_is_no_other_option(tmp_path: Path) -> None:
    source = make(tmp_path / "in")
    detect(source, tmp_path / "out")
    same = open_tagger()
    same.operating_point = same.operating_point.model_copy(update={"origin": "said by somebody"})
    assert api.detect([source], output=tmp_path / "out", tagger=same, formats=FORMATS).account.before == 12


def test_tags_and_events_may_share_a_folder(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 4)
    (source / "day" / "0001.wav").write_bytes(b"")
    for _ in range(2):
        detect(source, tmp_path / "out", formats=["csv"])
        api.tag([source], output=tmp_path / "out", tagger=open_tagger())
    assert sorted(content(tmp_path / "out")) == ["events.csv", "failures.csv", "failures.tags.csv", "tags.csv"]
    detect(source, tmp_path / "events", formats=["csv"])
    api.tag([source], output=tmp_path / "tags", tagger=open_tagger())
    assert content(tmp_path / "out") == content(tmp_path / "events") | content(tmp_path / "tags")


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 2)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        detect(source, tmp_path / "file" / "out")
