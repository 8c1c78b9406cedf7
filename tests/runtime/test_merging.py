"""Shards together are the undivided run."""

from pathlib import Path

import pytest
from bulk_script import FORMATS, content, detect, make

from earmark import api
from earmark.audio.listing import Listing, Shard
from earmark.errors import ConfigError, DataError


@pytest.mark.parametrize("formats", [FORMATS, ("json",)])
def test_shards_together_are_the_undivided_run(tmp_path: Path, formats: tuple[str, ...]) -> None:
    source = make(tmp_path / "in", 20)
    (source / "day" / "0003.wav").write_bytes(b"")
    detect(source, tmp_path / "whole", formats=formats)
    for number in (3, 1, 2):
        detect(source, tmp_path / f"part{number}", formats=formats, shard=f"{number}/3")
    parts = [tmp_path / f"part{number}" for number in (2, 3, 1)]
    merged = api.merge(parts, tmp_path / "merged")
    assert content(tmp_path / "merged") == content(tmp_path / "whole")
    assert (merged.account.scored, len(merged.account.failed)) == (19, 1)
    with pytest.raises(ConfigError, match=r"shard 1/3 is missing \(1 of 3 are\)"):
        api.merge(parts[:2], tmp_path / "less")
    with pytest.raises(ConfigError, match="shard 2/3 is there twice"):
        api.merge([*parts, parts[0]], tmp_path / "more")
    with pytest.raises(DataError, match="made without --shard"):
        api.merge([*parts[:2], tmp_path / "whole"], tmp_path / "other")
    detect(source, tmp_path / "strange", formats=formats, shard="1/3", min_score=0.9)
    with pytest.raises(ConfigError, match=r"different options: min score: 0\.0 before, 0\.9 now"):
        api.merge([*parts[:2], tmp_path / "strange"], tmp_path / "other")


@pytest.mark.parametrize("text", ["5/4", "0/4", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"shard '{text}' does not exist: expected i/n"):
        Shard.parse(text)


def test_the_shard_of_a_recording_depends_on_its_name_alone(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 20)
    held = {entry.name for entry in Listing([source], shard=Shard(1, 3))}
    for path in source.rglob("*.wav"):
        if path.relative_to(source).as_posix() not in held:
            path.unlink()
    assert {entry.name for entry in Listing([source], shard=Shard(1, 3))} == held
    assert 2 <= len(held) <= 12
