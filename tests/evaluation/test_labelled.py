from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from earmark.data.records import Clip, Manifest
from earmark.decisions import OperatingPoint
from earmark.errors import DataError
from earmark.evaluation.labelled import ScoredClips, evaluate_scored, score_clips, within
from earmark.evaluation.tuning import tune
from earmark.events import Event
from earmark.labels import Labels
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.runtime.scorer import Scorer

LABELS = Labels(["loud", "quiet"])


@pytest.fixture
def manifest(noise: Callable[..., np.ndarray], write: Callable[..., Path]) -> Manifest:
    """Ten clips of 4 s; the even ones are loud for a second, from a time that moves on."""
    clips = []
    for number in range(10):
        loud = (0.2 * number, 0.2 * number + 1) if number % 2 == 0 else (0, 0)
        path = write(f"{number}.wav", noise(4.0, loud, seed=number))
        events = [Event(*loud, "loud")] if loud[1] else []
        quiet = [Event(a, b, "quiet") for a, b in ((0.0, loud[0]), (loud[1], 4.0)) if b > a]
        tags = ("loud", "quiet") if events else ("quiet",)
        clips.append(Clip(path, path.name, tags, tuple(events + quiet)))
    return Manifest(Path("here"), tuple(clips), LABELS)


def weak(manifest: Manifest) -> Manifest:
    return manifest.with_clips(Clip(clip.path, clip.name, clip.labels) for clip in manifest.clips)


def scored(loudness: Network, manifest: Manifest) -> ScoredClips:
    return score_clips(Scorer(engine_of(loudness)), manifest)


def test_clips_that_cannot_be_read_are_listed_and_never_scored(
    loudness: Network, manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("not a sound")
    more = manifest.with_clips(
        [*manifest.clips[:2], Clip(tmp_path / "text.wav", "text.wav", ("loud",)), *manifest.clips[2:]]
    )
    told: list[tuple[int, int]] = []
    found = score_clips(Scorer(engine_of(loudness)), more, lambda done, of: told.append((done, of)))
    assert [clip.name for clip in found.clips] == [f"{n}.wav" for n in range(10)]
    assert [scores.recording for scores in found.scores] == [f"{n}.wav" for n in range(10)]
    assert [(problem.kind, problem.where) for problem in found.problems] == [("unreadable", "text.wav")]
    assert told == [(n, 11) for n in range(1, 12)]


def test_events_outside_their_recording_are_listed(loudness: Network, manifest: Manifest) -> None:
    """As where milliseconds stand for seconds: they are left out, and not in silence."""
    first, *rest = manifest.clips
    late = Clip(first.path, first.name, first.labels, (Event(500, 1000, "loud"), Event(1.0, 9.0, "loud")))
    found = scored(loudness, manifest.with_clips([late, *rest]))
    (problem,) = found.problems
    assert str(problem).endswith(
        "'loud' ends at 1000.000 s, but the recording at 4.000 s (1 of 2 events); are the times in milliseconds?"
    )
    assert found.references()[0] == [Event(1.0, 4.0, "loud")]


def test_no_readable_clip_at_all_is_an_error(loudness: Network, manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"here: none of its 1 clips can be read; the first: gone\.wav"):
        scored(loudness, manifest.with_clips([Clip(tmp_path / "gone.wav", "gone.wav", ())]))


def test_a_good_model_is_found_good(loudness: Network, manifest: Manifest) -> None:
    evaluation, detected = evaluate_scored(scored(loudness, manifest), OperatingPoint.plain(LABELS))
    content = evaluation.to_json()
    assert content["tagging"]["micro_f1"] == 1.0
    assert content["segment"]["f1"] > 0.85  # a border inside a second counts for both sides
    assert content["event"]["f1"] == 1.0
    assert list(detected) == [clip.name for clip in manifest.clips]


def test_tags_alone_give_tag_figures_alone(loudness: Network, manifest: Manifest) -> None:
    evaluation, _ = evaluate_scored(scored(loudness, weak(manifest)), OperatingPoint.plain(LABELS))
    content = evaluation.to_json()
    assert content["tagging"]["micro_f1"] == 1.0
    assert content.get("segment") is None


def test_tuning_is_by_events_where_they_are_known_and_by_tags_elsewhere(loudness: Network, manifest: Manifest) -> None:
    strong, tags = scored(loudness, manifest), scored(loudness, weak(manifest))
    for found, objective in ((strong, None), (strong, "tagging-f1"), (tags, None)):
        evaluation, _ = evaluate_scored(strong, tune(found, objective).point)
        assert evaluation.to_json()["tagging"]["micro_f1"] > 0.9
    tuned = evaluate_scored(strong, tune(strong).point)[0].to_json()["segment"]["f1"]
    assert tuned >= evaluate_scored(strong, OperatingPoint.plain(LABELS))[0].to_json()["segment"]["f1"]


def test_an_objective_that_needs_events_says_so(loudness: Network, manifest: Manifest) -> None:
    with pytest.raises(DataError, match=r"'segment-f1' needs strong labels .* weak\.tsv has none"):
        tune(scored(loudness, weak(manifest)), "segment-f1", data="weak.tsv")


def test_events_end_with_their_recording() -> None:
    events = [Event(0, 1, "a"), Event(3, 9, "a"), Event(4, 5, "a"), Event(7, 8, "a")]
    assert within(events, 4.0) == [Event(0, 1, "a"), Event(3, 4.0, "a")]


def test_clips_too_short_to_hold_a_sound_are_listed_and_never_scored(
    loudness: Network, manifest: Manifest, noise: Callable[..., np.ndarray], write: Callable[..., Path]
) -> None:
    path = write("short.wav", noise(0.05))
    found = scored(loudness, manifest.with_clips([manifest.clips[0], Clip(path, "short.wav", ("loud",), ())]))
    assert [clip.name for clip in found.clips] == ["0.wav"]
    assert [str(problem) for problem in found.problems] == ["short.wav: lasts 50 ms, too short to contain a sound"]


def test_tags_alone_leave_tuned_events_as_they_are(loudness: Network, manifest: Manifest) -> None:
    strong = scored(loudness, manifest)
    base = tune(strong, data="strong clips").point
    change = {"median_seconds": 0.2, "tag_threshold": 0.999}
    changed = {label: part.model_copy(update=change) for label, part in base.classes.items()}
    base = base.model_copy(update={"classes": changed})
    tuned = tune(strong, "recall=0.9", base=base, data="other clips")
    for label, part in tuned.point.classes.items():
        assert part.tag_threshold < 0.999
        assert part.model_copy(update={"tag_threshold": 0.999}) == base.of(label)
    assert tuned.point.origin.startswith("tags tuned for recall=0.9 on 10 recordings of other clips")
    assert tuned.point.origin.endswith(f"; events {base.origin}")
    assert tuned.report.notes[-1] == (
        "tuned on tags alone: the tag thresholds are new, the decisions on events are unchanged"
    )
    again = tune(strong, "precision=0.9", base=tuned.point)
    assert again.point.origin.count("; events ") == 1


def test_tags_alone_choose_events_where_these_have_no_settings_of_their_own(
    loudness: Network, manifest: Manifest
) -> None:
    tags = scored(loudness, weak(manifest))
    first = tune(tags, base=OperatingPoint.plain(LABELS)).point
    second = tune(tags, "recall=0.9", base=first).point
    for point in (first, second):
        assert all(part.gate >= part.tag_threshold and part.offset < part.onset for part in point.classes.values())
