"""What comes of a review on disk: the same events in every format, and tables of recordings that are complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.errors import ConfigError
from earmark.events import Event
from earmark.formats import read_events
from earmark.formats.label_studio import read_tasks
from earmark.runtime.review import Review
from earmark.runtime.review_tables import audio_root, export
from tests.runtime.reviewed import ids


def test_exports_hold_what_was_decided(results):
    with Review.open(results) as review:
        cat, dog, _low = ids(review)
        review.judge(dog, "confirmed")
        review.correct(cat, 2.25, 2.75)
        done = export(review)
    out = results / "review"
    wanted = {"a.wav": [Event(0.5, 1.0, "dog", 0.9), Event(2.25, 2.75, "cat", 0.6)]}
    assert read_events(out / "events.csv") == wanted
    bare = {name: [event[:3] for event in events] for name, events in wanted.items()}
    assert {name: [e[:3] for e in found] for name, found in read_events(out / "strong.tsv").items()} == bare
    assert {name: [e[:3] for e in found] for name, found in read_tasks(out / "label-studio.json").items()} == bare
    for kind in ("audacity", "raven"):
        [track] = (out / kind).glob("a*.txt")
        [found] = read_events(track).values()
        assert [(round(e.onset, 3), round(e.offset, 3), e.label) for e in found] == bare["a.wav"]
    assert (done.recordings, done.events, done.complete) == (1, 2, 2)


def test_tables_for_training_hold_complete_recordings_only(results):
    """`c.wav` has no event, so it is complete: nothing was there to be judged."""
    from earmark.data.manifest import read_manifest

    with Review.open(results) as review:
        cat, dog, low = ids(review)
        review.judge(dog, "confirmed")
        review.judge(cat, "unsure")
        review.judge(low, "rejected")
        done = export(review, ["training"])
        assert done.complete == 2
        assert done.command == ""  # nothing to learn from yet
        review.judge(cat, "rejected")
        done = export(review, ["training"])
    place = results / "review" / "training"
    assert done.command == f"earmark train {place} --audio {results} -o new-model"
    manifest = read_manifest(place, audio=results)
    found = {clip.name: (clip.labels, clip.events) for clip in manifest.clips}
    assert found == {
        "a.wav": (("dog",), (Event(0.5, 1.0, "dog"),)), "sub/b.wav": ((), ()), "c.wav": ((), ()),
    }  # fmt: skip


def test_an_unknown_export_is_refused_with_a_guess(results):
    with Review.open(results) as review, pytest.raises(ConfigError, match="did you mean 'raven'"):
        export(review, ["ravn"])


def test_recordings_of_several_folders_have_no_root_and_go_by_their_paths(results, tmp_path):
    elsewhere = tmp_path / "elsewhere.wav"
    soundfile.write(elsewhere, np.zeros(8_000, np.float32), 8_000)
    audio = {"a.wav": results / "a.wav", "x.wav": elsewhere}
    assert audio_root(audio, audio) is None
    with Review({"a.wav": [], "x.wav": []}, audio, tmp_path / "review.jsonl") as review:
        export(review, ["training"])
    table = (tmp_path / "review" / "training" / "weak.tsv").read_text()
    assert str(results / "a.wav") in table
    assert str(elsewhere) in table


def test_tracks_of_an_earlier_export_do_not_stay(results):
    with Review.open(results) as review:
        [cat] = ids(review, "cat")
        review.judge(cat, "confirmed")
        export(review, ["audacity"])
        assert len(list((results / "review" / "audacity").rglob("*.txt"))) == 1
        review.undo()
        export(review, ["audacity"])
        assert not list((results / "review" / "audacity").rglob("*.txt"))
        assert isinstance(review.folder, Path)
