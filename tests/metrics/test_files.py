from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.errors import ConfigError, DataError
from earmark.events import Event
from earmark.formats import write_events, write_tags
from earmark.labels import Labels
from earmark.metrics import evaluate
from earmark.metrics.files import score_files, score_protocol
from earmark.metrics.intersection import Criteria

TRUTH = {
    "street/a.wav": [Event(0.0, 2.0, "dog"), Event(3.0, 4.5, "cat")],
    "street/b.wav": [Event(1.0, 6.0, "dog")],
    "c.wav": [],
}
FOUND = {
    "street/a.wav": [Event(0.1, 2.1, "dog", 0.9), Event(3.0, 4.0, "dog", 0.6)],
    "street/b.wav": [Event(1.0, 5.9, "dog", 0.8), Event(7.0, 8.0, "cat", 0.5)],
    "c.wav": [Event(0.0, 1.0, "cat", 0.5)],
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def call(events: dict, form: str, name: str) -> Path:
        folder = tmp_path / name
        write_events(folder, events, [form])
        return folder if form in ("audacity", "raven") else folder / f"events.{form}"

    return call


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "audacity", "raven"])
def test_the_figures_are_those_of_the_events_in_any_format(write: Write, form: str) -> None:
    direct = evaluate(Labels(["cat", "dog"]), reference=TRUTH, estimated=FOUND, criteria=Criteria()).to_json()
    assert score_files(write(TRUTH, "tsv", "truth"), write(FOUND, form, "found")).to_json() == direct
    assert score_files(write(TRUTH, form, "truth2"), write(FOUND, form, "found2")).to_json() == direct


def test_recordings_are_matched_without_folder_and_extension(write: Write) -> None:
    moved = {f"/data/{name}".removesuffix(".wav"): events for name, events in FOUND.items()}
    truth = write(TRUTH, "tsv", "truth")
    assert (
        score_files(truth, write(moved, "csv", "m")).to_json() == score_files(truth, write(FOUND, "csv", "f")).to_json()
    )


def test_missing_recordings_are_missed(write: Write) -> None:
    found = score_files(write(TRUTH, "tsv", "t"), write({"street/b.wav": TRUTH["street/b.wav"]}, "tsv", "f"))
    assert found.event is not None
    assert (found.event.precision, found.event.recall) == (1.0, 1 / 3)
    assert found.tagging is not None
    assert found.tagging.clips == 3


def test_tags_on_one_side_give_tagging_alone(write: Write, tmp_path: Path) -> None:
    tags = {name: [(event.label, 0.5) for event in events] for name, events in FOUND.items()}
    path = write_tags(tmp_path, {name: list(dict.fromkeys(found)) for name, found in tags.items()}, ["csv"])[0]
    found = score_files(write(TRUTH, "tsv", "t"), path)
    assert (found.segment, found.event) == (None, None)
    assert found.tagging is not None
    assert (found.tagging.precision, found.tagging.recall) == (0.5, pytest.approx(2 / 3))


def test_what_the_reference_lacks_is_refused_or_ignored(write: Write) -> None:
    truth = write(TRUTH, "tsv", "t")
    owl = write({**TRUTH, "c.wav": [Event(0, 1, "owl")]}, "tsv", "owl")
    more = write({**TRUTH, "d.wav": [Event(0, 1, "dog")]}, "tsv", "more")
    for path, message in ((owl, "unknown label 'owl'"), (more, r"'d\.wav'")):
        with pytest.raises(DataError, match=message):
            score_files(truth, path)
        assert score_files(truth, path, unknown="ignore").event.f1 == 1.0
    with pytest.raises(DataError, match=r"have no recording in common \('x\.wav' here, 'street/a\.wav' there\)"):
        score_files(truth, write({"x.wav": [Event(0, 1, "dog")]}, "tsv", "x"), unknown="ignore")


def test_a_reference_without_labels_is_a_swap(write: Write) -> None:
    with pytest.raises(DataError, match="contains no label; are reference and estimate swapped"):
        score_files(write({"a.wav": []}, "tsv", "t"), write({"a.wav": [Event(0, 1, "dog")]}, "tsv", "f"))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("segment_length", 0.0, "segment length 0 s: expected 0.001 s or more"),
        ("segment_length", float("nan"), "segment length nan s"),
        ("onset_collar", -0.1, "onset collar -0.1 s: expected 0 s or more"),
        ("offset_share", float("inf"), "offset share inf"),
    ],
)
def test_lengths_that_can_be_none_are_refused(write: Write, option: str, value: float, message: str) -> None:
    truth = write(TRUTH, "tsv", "t")
    with pytest.raises(ConfigError, match=message):
        score_files(truth, truth, **{option: value})


SHARED = Path(__file__).parents[3] / "shared" / "data" / "dcase2017"
A, B = "-5QrBL6MzLg_60.000_70.000", "YxlGt805lTA_30.000_40.000"
EXAMPLES = {  # file -> percent: precision, recall, F1 over all; precision, recall, F1 over classes; files; scored
    "perfect_prediction.csv": (100, 100, 100, 100, 100, 100, 488, 488),
    "imperfect_prediction.csv": (0, 0, 0, 0, 0, 0, 488, 488),
    "precision_affected_prediction.csv": (
        *(99.6710526316, 100, 99.8352553542),
        *(89.4736842105, 89.4736842105, 89.4736842105, 488, 488),
    ),
    "recall_affected_prediction.csv": (
        *(100, 99.6699669967, 99.8347107438),
        *(100, 99.6078431373, 99.8035363458, 488, 488),
    ),
    "invalid_prediction.csv": (100, 99.6694214876, 99.8344370861, 100, 99.5943204868, 99.7967479675, 487, 487),
    "prediction_missing.csv": (100, 99.3399339934, 99.6688741722, 100, 99.3725490196, 99.6852871755, 488, 488),
    "extra_prediction.txt": (100, 100, 100, 100, 100, 100, 490, 488),
    "imperfect_prediction_additional_prediction.csv": (100, 100, 100, 100, 100, 100, 488, 488),
}
NOTES = {
    "invalid_prediction.csv": ["not counted as missed, as in the official scorer"],
    "extra_prediction.txt": ["prediction.txt: 2 (first -5QrBL6MzLg_60.000_70.0002); not counted"],
    "imperfect_prediction_additional_prediction.csv": ["prediction.csv: 1 (first in line 607); skipped"],
}


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/dcase2017, the published example predictions")
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("folder", ["evaluation/groundtruth", "groundtruth_release"])  # CRLF, LF
def test_the_example_predictions_score_as_the_published_scorer_has_it(name, folder):
    truth = SHARED / folder / "groundtruth_weak_label_testing_set.csv"
    scored = score_protocol(truth, SHARED / "evaluation" / "prediction" / name, "dcase2017-a")
    micro, macro = scored.result.micro, scored.result.macro
    shares = (micro.precision, micro.recall, micro.f1, macro.precision, macro.recall, macro.f1)
    twelve = tuple(float(f"{100 * share:.12g}") for share in shares)  # as Python 2 prints
    assert (*twelve, scored.result.files, scored.result.scored) == EXAMPLES[name]
    expected = NOTES.get(name, [])
    assert len(scored.notes) == len(expected)
    assert all(words in note for words, note in zip(expected, scored.notes, strict=True))


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/dcase2017, the published example predictions")
def test_the_committed_outputs_are_those_scores():
    """The scorer of May 2017 wrote them; `output_invalid_prediction.csv` is a stale copy of another."""
    truth = SHARED / "evaluation" / "groundtruth" / "groundtruth_weak_label_testing_set.csv"
    for stem in ("precision_affected", "recall_affected"):
        printed = dict(
            line.split(" = ")
            for line in (SHARED / "evaluation" / "output" / f"{stem}_output.txt").read_text().splitlines()
        )
        path = SHARED / "evaluation" / "prediction" / f"{stem}_prediction.csv"
        micro = score_protocol(truth, path, "dcase2017-a").result.micro
        assert 100 * micro.f1 == pytest.approx(float(printed["F1 Score"]), abs=1e-9)
        assert 100 * micro.precision == pytest.approx(float(printed["Precision"]), abs=1e-9)


@pytest.fixture
def weak(tmp_path):
    path = tmp_path / "weak.csv"
    path.write_text(f"{A}.wav\t60.000\t70.000\tTrain horn\n{B}.wav\t30.000\t40.000\tAir horn, truck horn\n")
    return path


@pytest.fixture
def strong(tmp_path):
    path = tmp_path / "strong.csv"
    rows = [f"{A}.wav|1|3|Train horn", f"{A}.wav|0|0|Train", f"{B}.wav|0|2.5|Air horn, truck horn"]
    path.write_text("".join(f"{row}\r\n" for row in rows).replace("|", "\t"))
    return path


EVENTS = {f"Y{A}.wav": [Event(1, 3, "Train horn", 0.5)], f"testing/Y{B}.flac": [Event(0, 2.5, "Air horn, truck horn")]}


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "dcase2017", "audacity", "raven"])
def test_events_in_any_format_find_their_clips(form, strong, weak, tmp_path):
    files = write_events(tmp_path / "found", EVENTS, [form])
    estimate = tmp_path / "found" if form in ("audacity", "raven") else files[0]
    scored = score_protocol(strong, estimate, "dcase2017-b")
    assert (scored.result.micro.f1, scored.result.micro.error_rate) == (1.0, 0.0)
    assert f"rows '0 0 label' in {strong}: 1; not audible, so nothing to find" in scored.notes
    told = [note for note in scored.notes if "under another name" in note]
    assert told == (
        [] if form == "dcase2017" else [f"clips of {estimate} under another name: 2 {told[0][told[0].index('(') :]}"]
    )
    scored = score_protocol(weak, estimate, "dcase2017-a")
    assert (scored.result.micro.f1, scored.result.macro.f1, scored.result.files) == (1.0, 1.0, 2)


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "dcase2017"])
def test_tags_in_any_format_find_their_clips(form, weak, strong, tmp_path):
    tags = {name: [(event.label, 0.5) for event in found] for name, found in EVENTS.items()}
    (path,) = write_tags(tmp_path / "found", tags, [form])
    assert score_protocol(weak, path, "dcase2017-a").result.micro.f1 == 1.0
    if form != "dcase2017":
        with pytest.raises(DataError, match=r"contains only tags; task B \(dcase2017-b\) needs events"):
            score_protocol(strong, path, "dcase2017-b")


def test_two_names_of_one_clip_are_put_together(weak, tmp_path):
    path = tmp_path / "p.txt"
    path.write_text(f"{A}.wav\t0\t10\tTrain horn\nY{A}.wav\t0\t10\tTrain\n{B}\n")
    scored = score_protocol(weak, path, "dcase2017-a")
    assert (scored.result.micro.true_positives, scored.result.micro.false_positives) == (1, 1)
    assert scored.notes == (
        f"clips of {path} under another name: 1 (Y{A} is {A}); 1 of them are second names of a clip and were assigned "
        "to it",
    )


def test_all_that_does_not_count_is_told(weak, strong, tmp_path):
    path = tmp_path / "p.txt"
    rows = [f"{A}.wav|0|10|Train horn", f"{A}.wav|5|10|Train horn", f"{A}.wav|0|0|Car", "other.wav|0|10|Bus"]
    path.write_text("\n".join([*rows, f"{A}.wav|Car"]).replace("|", "\t"))
    assert score_protocol(weak, path, "dcase2017-a").notes == (
        f"rows that end at 0 in {path}: 1 (first in line 3); skipped, as in the official scorer",
        f"rows without a label in the fourth cell in {path}: 1 (first in line 5); the clip counts as one without "
        "labels",
        f"clips that are only in {path}: 1 (first other); not counted",
        f"clips that are only in {weak}: 1 (first {B}); not counted as missed, as in the official scorer",
        "labels repeated for a clip: 1; they count as false positives",
    )
    path.write_text("\n".join(rows[:1] + rows[3:]).replace("|", "\t"))
    assert score_protocol(strong, path, "dcase2017-b").notes[1:] == (
        f"clips that are only in {path}: 1 (first other); not counted",
        f"clips that are only in {strong}: 1 (first {B}); all their events count as missed",
    )


def test_weak_labels_in_place_of_strong_ones_are_refused(weak, strong):
    for pair in ((weak, strong), (strong, weak)):
        with pytest.raises(DataError, match="positions of the clips in their videos; task B needs strong labels"):
            score_protocol(*pair, "dcase2017-b")


def test_files_that_have_nothing_in_common_are_refused(weak, tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("other.wav\t0\t10\tBus\n")
    with pytest.raises(DataError, match=rf"p.txt and .*weak.csv have no clip in common \('other' here, '{A}' there\)"):
        score_protocol(weak, path, "dcase2017-a")


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows).replace("|", "\t") + "\n")
    return path


STRONG = ("filename|onset|offset|event_label", "a.wav|0|2|dog", "a.wav|3|4|cat")


def test_false_alarms_in_silent_recordings_count(tmp_path: Path) -> None:
    """`dev_durations.tsv` names a recording that `dev_strong.tsv` does not: nothing is heard in it."""
    reference = table(tmp_path / "dev_strong.tsv", *STRONG)
    table(tmp_path / "dev_durations.tsv", "filename|duration", "a.wav|5", "silent.wav|10")
    estimate = table(tmp_path / "e.tsv", *STRONG, "silent.wav|1|3|dog")
    found = score_files(reference, estimate)
    assert (found.event.insertions, found.segment.insertions, found.intersection.insertions) == (1, 2, 1)
    assert (found.tagging.clips, found.tagging.precision) == (2, pytest.approx(2 / 3))
    assert not found.problems


def test_slices_end_where_the_recording_does(tmp_path: Path) -> None:
    reference = table(tmp_path / "r.tsv", *STRONG)
    table(tmp_path / "durations.tsv", "filename|duration", "a.wav|4")
    estimate = table(tmp_path / "e.tsv", STRONG[0], "a.wav|0|2|dog", "a.wav|3|5.5|cat")
    assert score_files(reference, estimate).segment.insertions == 0


@pytest.mark.parametrize("side", ["r.tsv", "e.tsv"])
def test_events_outside_their_recording_are_counted_and_listed(tmp_path: Path, side: str) -> None:
    for name in ("r.tsv", "e.tsv"):
        more = ["a.wav|500|1000|dog"] if name == side else []
        table(tmp_path / name, *STRONG, *more)
    table(tmp_path / "durations.tsv", "filename|duration", "a.wav|5")
    found = score_files(tmp_path / "r.tsv", tmp_path / "e.tsv")
    (line,) = found.problems
    assert f"{side}: a.wav: 'dog' ends at 1000.000 s, but the recording at 5.000 s (1 of 3 events)" in line
    assert found.event.insertions + found.event.deletions == 1


def test_psds_counts_false_alarms_per_hour_of_true_duration(tmp_path: Path) -> None:
    reference = table(tmp_path / "r.tsv", STRONG[0], "a.wav|0|1|dog", "a.wav|4|5|dog")
    (tmp_path / "scores").mkdir()
    rows = ["0|1|0.9", "1|2|0.1", "2|3|0.8", "3|4|0.1", "4|5|0.7"]  # a false alarm above the second event
    table(tmp_path / "scores" / "a.tsv", "onset|offset|dog", *rows)
    short = score_files(reference, tmp_path / "scores").psds.psds1
    assert short == pytest.approx(0.5)  # one false alarm in 5 s: 720 an hour, too many for the second event
    table(tmp_path / "durations.tsv", "filename|duration", "a.wav|5", "silent.wav|67")
    found = score_files(reference, tmp_path / "scores")
    assert found.psds.psds1 == pytest.approx(0.5 + 0.5 * (100 - 50) / 100)  # in 72 s: 50 an hour
    assert found.problems == (
        f"{tmp_path / 'scores'}: no score table of 1 silent recordings (first silent.wav); they count as free of false "
        "alarms",
    )


@pytest.mark.parametrize(
    "text",
    [
        "filename\tonset\toffset\tevent_label\n",
        "filename,onset,offset,event_label,score\n",
        "filename\tevent_labels\n",
        '{"recordings": {}}',
    ],
)
def test_an_estimate_that_is_only_a_header_scores_as_empty(tmp_path: Path, text: str) -> None:
    reference = table(tmp_path / "r.tsv", *STRONG)
    estimate = tmp_path / ("e.json" if "recordings" in text else "e.csv" if "," in text else "e.tsv")
    estimate.write_text(text)
    found = score_files(reference, estimate)
    assert (found.tagging.recall, found.tagging.micro_f1) == (0.0, 0.0)
    if "labels" not in text:
        assert (found.event.deletions, found.event.recall, found.event.error_rate) == (2, 0.0, 1.0)
        if "recordings" not in text:
            scored = score_protocol(reference, estimate, "dcase2017-b")
            assert scored.result.micro.recall == 0.0
