from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from earmark.data.records import Clip, Manifest
from earmark.decisions import OperatingPoint
from earmark.evaluation.labelled import ScoredClips, evaluate_scored, score_clips
from earmark.evaluation.report import Measured, choose_clips, evaluation_report, read_log, recording_views
from earmark.events import Event
from earmark.labels import Labels
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.report.page import render
from earmark.report.points import point_table
from earmark.runtime.scorer import Scorer
from earmark.runtime.tagger import Tagger

LABELS = Labels(["loud", "quiet"])
POINT = OperatingPoint.plain(LABELS)


@pytest.fixture
def manifest(noise: Callable[..., np.ndarray], write: Callable[..., Path]) -> Manifest:
    def clip(name: str, seconds: float, labels: tuple[str, ...], events: tuple[Event, ...] | None) -> Clip:
        return Clip(write(name, noise(seconds, (1, 2))), name, labels, events)

    return Manifest(
        Path("here"),
        (
            clip("long.wav", 61.0, ("loud", "quiet"), (Event(1, 2, "loud"),)),
            clip("weak.wav", 3.0, ("loud", "quiet"), None),
            clip("quiet.wav", 3.0, ("quiet",), (Event(0, 3, "quiet"),)),
            clip("both.wav", 3.0, ("loud", "quiet"), (Event(1, 2, "loud"), Event(2, 9, "quiet"))),
            clip("none.wav", 3.0, (), ()),
        ),
        LABELS,
    )


@pytest.fixture
def scored(loudness: Network, manifest: Manifest) -> ScoredClips:
    return score_clips(Scorer(engine_of(loudness)), manifest)


def chosen(scored: ScoredClips, count: int) -> list[str]:
    return [scored.clips[index].name for index in choose_clips(scored, count)]


def test_the_clips_shown_have_events_and_cover_the_labels(scored: ScoredClips) -> None:
    assert chosen(scored, 0) == []
    assert chosen(scored, 1) == ["both.wav"]
    assert chosen(scored, 2) == ["both.wav", "quiet.wav"]
    assert chosen(scored, 9) == ["both.wav", "quiet.wav", "none.wav", "weak.wav"]  # a minute is too long to look at


def test_a_view_shows_what_was_heard_and_what_is_true(loudness: Network, scored: ScoredClips) -> None:
    _, detected = evaluate_scored(scored, POINT)
    both, _, _, weak = recording_views(loudness.rate, scored, detected, POINT, 4)
    assert both.scores.recording == "both.wav"
    assert both.reference == [Event(1, 2, "loud"), Event(2, 3.0, "quiet")]  # within the recording
    assert both.detected == detected["both.wav"]
    assert both.waveform is not None
    assert (len(both.waveform), both.rate) == (24_000, 8_000)
    assert both.logmel.shape == (150, 64)  # of 20 ms
    assert both.logmel[50:100].mean() > both.logmel[:50].mean()  # loud in its second second
    assert both.thresholds == {"loud": 0.5, "quiet": 0.5}
    assert weak.reference is None
    assert weak.truth == ("loud", "quiet")
    assert weak.answer == sorted(
        ((label, score) for label, score in zip(LABELS, weak.scores.clip.tolist(), strict=True) if score >= 0.5),
        key=lambda tag: -tag[1],
    )
    assert weak.raw is None  # nothing is smoothed


def test_the_operating_point_is_a_row_a_label() -> None:
    part = POINT.of("loud").model_copy(update={"tag_threshold": 0.2, "median_seconds": 0.3, "min_duration_on": 0.1})
    table = point_table(POINT.model_copy(update={"classes": {"loud": part, "quiet": POINT.of("quiet")}}))
    assert len(table.header) == len(table.rows[0])
    assert table.rows == (("loud", 0.2, 0.5, 0.3, 0.1), ("quiet", 0.5, 0.5, 0.0, 0.0))


def test_the_page_says_what_was_measured_on_what(loudness: Network, scored: ScoredClips, tmp_path: Path) -> None:
    pipeline = Tagger(engine_of(loudness), POINT)
    evaluation, detected = evaluate_scored(scored, POINT)
    (tmp_path / "log.csv").write_text("epoch,step,seconds,learning_rate,train_loss\n1,3,0.5,0.1,0.7\n2,6,0.9,0.1,0.5\n")
    report = evaluation_report(
        Measured(tmp_path, pipeline, scored, evaluation.to_json(), detected),
        data=Path("street <b>"),
        shown=2,
        problems=["broken.wav: is empty"],
    )
    assert report.summary == "5 recordings, 2 labels, 4 of them with known events."
    assert [row["train_loss"] for row in report.history] == [0.7, 0.5]
    assert report.command == f"earmark evaluate {tmp_path} 'street <b>' --report DIR"
    page = render(report)
    assert "broken.wav: is empty" in page
    assert "both.wav" in page
    assert "street <b>" not in page


def test_a_smoothed_curve_comes_with_the_raw_one(loudness: Network, scored: ScoredClips) -> None:
    smooth = POINT.model_copy(
        update={
            "classes": {label: part.model_copy(update={"median_seconds": 0.5}) for label, part in POINT.classes.items()}
        }
    )
    _, detected = evaluate_scored(scored, smooth)
    view = recording_views(loudness.rate, scored, detected, smooth, 1)[0]
    assert view.raw is not None
    assert np.abs(view.raw.frames - view.scores.frames).max() > 0


def test_two_models_are_both_listed(loudness: Network, scored: ScoredClips, tmp_path: Path) -> None:
    evaluation, detected = evaluate_scored(scored, POINT)
    tuned = POINT.model_copy(update={"origin": "tuned on something"})
    first, second = (
        Measured(tmp_path / name, Tagger(engine_of(loudness), point), scored, evaluation.to_json(), detected)
        for name, point in (("old", POINT), ("new", tuned))
    )
    report = evaluation_report(second, data=Path("street"), against=first, shown=0)
    assert report.facts["first model"] == str(tmp_path / "old")
    assert report.facts["second model"] == str(tmp_path / "new")
    assert report.facts["operating point"] == "plain: 0.5 everywhere (first), tuned on something (second)"
    assert report.command == f"earmark evaluate {tmp_path / 'old'} {tmp_path / 'new'} street --report DIR"


def test_without_a_log_there_is_no_curve(tmp_path: Path) -> None:
    assert read_log(tmp_path / "log.csv") == []
