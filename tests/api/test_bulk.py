"""What is asked of many recordings is checked before any of them is read."""

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from earmark.api.bulk import Bulk, BulkOptions
from earmark.errors import ConfigError, EarmarkError


def test_every_option_has_a_default_and_no_other_options_are_taken() -> None:
    own = {"verb", "inputs", "scores"}  # arguments of the calls themselves
    known = {field.name: field.default for field in fields(Bulk) if field.init}
    assert set(known) - own == set(BulkOptions.__annotations__)
    assert not [name for name, default in known.items() if default is MISSING and name not in own]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ["cvs"]}, "unknown format 'cvs'"),
        ({"formats": ["csv", "json"]}, "several formats need a folder"),
        ({"shard": "3/2"}, "3/2"),
        ({"output": "/dev/null"}, "not a regular file"),
    ],
)
def test_what_cannot_be_is_refused_before_a_model_is_opened(options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match=message):
        Bulk(verb="detect", inputs=[tmp_path], tagger=pytest.fail, **options)


def test_formats_of_events_are_no_formats_of_tags(tmp_path: Path) -> None:
    Bulk(verb="detect", inputs=[tmp_path], formats=["raven"], output=tmp_path / "out")
    with pytest.raises(ConfigError, match="unknown format 'raven'"):
        Bulk(verb="tag", inputs=[tmp_path], formats=["raven"], output=tmp_path / "out")
