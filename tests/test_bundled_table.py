"""The table that the model in the box is made of: licences, labels, and no source recording in two parts."""

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
ESC50 = ("filename", "fold", "label", "source", "licence")
EVENTS = ("filename", "label", "licence", "source", "esc50_label", "esc50_overlap")
BACKGROUNDS = ("filename", "label", "licence", "source")
FIELD = ("filename", "kind", "label", "licence", "repo", "path", "author", "note", "split", "group")


@pytest.fixture(scope="module")
def everyday() -> Iterator[Any]:
    """The modules of tools/bundled."""
    sys.path.insert(0, str(ROOT))
    from tools.bundled import conditions, folds, licences, soundscapes, table

    yield SimpleNamespace(folds=folds, licences=licences, table=table, soundscapes=soundscapes, conditions=conditions)
    sys.path.remove(str(ROOT))


def freesound(number: int, author: str = "someone") -> str:
    return f"https://freesound.org/s/{number}/ by {author}"


def write(folder: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    folder.mkdir(parents=True)
    with (folder / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two labels of ESC-50, six events labels and five ambiences."""
    esc50 = [
        (f"{fold}-{100 * fold + 10 * kind + take // 2}-{'AB'[take % 2]}-{kind}.ogg", str(fold), label, "", "CC0-1.0")
        for kind, label in enumerate(("dog", "rain"))
        for fold in (1, 2, 3, 4)
        for take in range(4)
    ]
    esc50.append(("4-999-A-0.ogg", "4", "dog", "", "CC-BY-NC-3.0 (dataset)"))
    esc50.append(("2-998-A-0.ogg", "2", "dog", "", "CC-BY-NC-3.0"))
    events = [(f"a/shot{n}.ogg", "gun_shot", "CC-BY-3.0", freesound(1000 + n // 2), "", "") for n in range(16)]
    events += [(f"b/page{n}.ogg", "page_turn", "CC-BY-4.0", "One Office", "", "") for n in range(12)]
    events += [(f"c/lion{n}.ogg", "roar", "CC0-1.0", freesound(2000 + n // 6), "", "") for n in range(12)]  # 2 sources
    events += [(f"d/owl{n}.ogg", "owl", "CC0-1.0", freesound(3000 + n), "", "") for n in range(9)]  # too few
    events += [(f"e/shot{n}.ogg", "gun_shot", "CC-BY-SA-4.0", freesound(4000 + n), "", "") for n in range(3)]
    events += [
        ("f/held.ogg", "rain", "CC-BY", "elsewhere", "rain", "4-410-A-1.ogg 4-410-B-1.ogg"),
        ("f/train.ogg", "bark", "CC0-1.0", freesound(200), "dog", "2-200-A-0.ogg"),
        ("f/new.ogg", "bark", "CC0-1.0", freesound(5000), "dog", ""),
        ("f/no.ogg", "bark", "CC-Sampling+-1.0", freesound(5001), "dog", ""),
    ]
    beds = [(f"room{n}.ogg", "indoors", "CC0-1.0", freesound(6000 + n)) for n in range(5)]
    beds += [("wet.ogg", "rain", "CC-BY", freesound(7000)), ("cafe.ogg", "cafe_babble", "CC0-1.0", freesound(7001))]
    beds += [("forest.ogg", "forest", "BSD-3-Clause (repository)", "somewhere")]
    write(tmp_path / "esc50", ESC50, esc50)
    write(tmp_path / "events", EVENTS, events)
    write(tmp_path / "backgrounds", BACKGROUNDS, beds)
    field = [
        (
            f"music/tune{n}.ogg",
            "music",
            "music",
            "CC0-1.0",
            "somewhere",
            "",
            "",
            "",
            "valid" if n < 2 else "train",
            str(n),
        )
        for n in range(8)
    ]
    field.append(("speech/po.ogg", "speech", "speech", "CC-BY-3.0", "", "", "", "SHARE-ALIKE", "train", "someone"))
    field += [
        (f"events/tin_{n}.ogg", "event", "metal_impact", "MIT", "", "", "", "", "train", "foley") for n in range(3)
    ]
    write(tmp_path / "field", FIELD, field)
    return tmp_path


def parts(recordings: list[Any]) -> dict[str, str]:
    return {row.filename: row.fold for row in recordings}


@pytest.mark.parametrize(
    "licence",
    ["CC0-1.0", "CC-BY", "CC-BY-2.0", "CC-BY-3.0 (archive.org item, per X)", "Public-Domain", "Apache-2.0", "MIT"],
)
def test_free_licences_are_kept(everyday: Any, licence: str) -> None:
    assert everyday.licences.allowed(licence)


@pytest.mark.parametrize(
    "licence",
    ["", "CC-BY-NC-3.0", "CC-BY-NC-3.0 (dataset)", "CC-BY-SA-4.0", "CC-BY-ND-4.0", "CC-Sampling+", "share-alike", "?"],
)
def test_others_are_dropped(everyday: Any, licence: str) -> None:
    assert not everyday.licences.allowed(licence)


def test_labels_need_recordings_of_several_sources_or_are_marked(everyday: Any, data: Path) -> None:
    found = everyday.table.read_recordings(data)
    counts = Counter(row.label for row in found.recordings)
    assert set(counts) == {"background", "crowd", "dog", "gun_shot", "music", "page_turn", "rain"}
    assert counts["dog"] == 19
    assert counts["rain"] == 18  # with the clip cut from the same recording, and an ambience that is rain
    assert counts["background"] == 6
    assert {row.session for row in found.recordings if row.label == "page_turn"} == {"one"}
    assert {row.session for row in found.recordings if row.label != "page_turn"} == {""}
    assert sum(found.left_out.values()) == 12 + 9 + 3  # roar, owl, three blows on one tin
    assert len(found.licences) == 34 + 56 + 8 + 12
    assert "page_turn" not in {row.label for row in everyday.table.read_recordings(data, 13).recordings}


def test_every_source_is_in_one_part_and_every_class_trains(everyday: Any, data: Path) -> None:
    recordings = everyday.folds.divide(everyday.table.read_recordings(data).recordings, 0)
    check_parts(recordings)
    found = defaultdict(set)
    for row in recordings:
        found[row.label].add(row.fold)
    assert all("train" in folds for folds in found.values())
    assert found["music"] == {"train", "held", "test"}
    assert found["dog"] == {"train", "held", "test"}


def test_what_may_not_be_learnt_from_is_held_out_and_share_alike_is_not_read(everyday: Any, data: Path) -> None:
    found = everyday.table.read_recordings(data).recordings
    by_name = parts(everyday.folds.divide(found, 0))
    assert by_name["esc50/2-998-A-0.ogg"] == "held"
    assert "esc50/4-999-A-0.ogg" not in by_name
    assert "field/speech/po.ogg" not in by_name
    free = [row for row in found if row.fold != everyday.table.TUNING]
    assert all(everyday.licences.allowed(row.licence) for row in free)
    unheard = {"events/a/shot4.ogg"}
    assert parts(everyday.folds.divide(found, 0, unheard))["events/a/shot5.ogg"] == "held"  # of the same source


def test_what_the_model_to_begin_with_learnt_from_is_never_held_out(everyday: Any, data: Path) -> None:
    found = everyday.table.read_recordings(data).recordings
    before = everyday.folds.divide(found, 0)
    heard = {row.filename for row in before if row.fold == "train"}
    for seed in range(1, 5):
        assert heard <= {row.filename for row in everyday.folds.divide(found, seed, (), heard) if row.fold == "train"}
    assert any(
        not heard <= {r.filename for r in everyday.folds.divide(found, s) if r.fold == "train"} for s in range(9)
    )


def test_folds_follow_esc50_and_what_was_cut_from_its_recordings(everyday: Any, data: Path) -> None:
    recordings = everyday.folds.divide(everyday.table.read_recordings(data).recordings, 0)
    by_name = parts(recordings)
    for name, part in by_name.items():
        if name.startswith("esc50/"):
            assert (part == "test") == (name[6] == "4")
    assert by_name["events/f/held.ogg"] == by_name["esc50/4-410-A-1.ogg"] == by_name["esc50/4-410-B-1.ogg"] == "test"
    assert by_name["events/f/train.ogg"] == by_name["events/f/new.ogg"] == "train"


def test_a_seed_makes_the_same_parts_again_and_the_table_reads_back(everyday: Any, data: Path, tmp_path: Path) -> None:
    found = everyday.table.read_recordings(data).recordings
    recordings = everyday.folds.divide(found, 3)
    assert everyday.folds.divide(found[::-1], 3)[::-1] == recordings
    assert any(parts(everyday.folds.divide(found, seed)) != parts(recordings) for seed in range(3))
    everyday.table.write_recordings(tmp_path / "table.tsv", recordings)
    assert everyday.table.read_table(tmp_path / "table.tsv") == recordings


def test_noises_are_made_once(everyday: Any, tmp_path: Path) -> None:
    import numpy as np

    wave = everyday.soundscapes.noise(np.random.default_rng(0), 32_000)
    assert wave.shape == (32_000,)
    assert np.abs(wave).max() == pytest.approx(0.5)
    assert not np.array_equal(wave, everyday.soundscapes.noise(np.random.default_rng(1), 32_000))


def test_a_take_follows_from_its_number_and_any_number_of_processes_makes_the_same(
    everyday: Any, tmp_path: Path
) -> None:
    import numpy as np
    import soundfile

    rows = []
    for number, label in enumerate(("dog", "rain", "background")):
        wave = 0.3 * np.random.default_rng(number).standard_normal(2 * 32_000)
        soundfile.write(tmp_path / f"{label}.wav", wave, 32_000)
        rows.append(everyday.table.Recording(f"{label}.wav", label, "train", label, "CC0-1.0", ""))
    for processes in (1, 2):
        everyday.conditions.make_takes(tmp_path / str(processes), tmp_path, rows, 70, 5, processes)
    tables = [(tmp_path / str(n) / "sources.tsv").read_text() for n in (1, 2)]
    assert tables[0] == tables[1]
    seen, lengths = set(), set()
    for line in tables[0].splitlines()[1:]:
        name, label, recording, done = line.split("\t")
        wave, rate = soundfile.read(tmp_path / "1" / "audio" / name)
        assert (tmp_path / "1" / "audio" / name).read_bytes() == (tmp_path / "2" / "audio" / name).read_bytes()
        assert rate == 32_000
        assert 0.1 * rate <= len(wave) <= everyday.conditions.LONGEST * rate
        lengths.add(len(wave))
        assert np.abs(wave).max() > 1e-4
        assert recording == (f"{label}.wav" if label else "")
        seen.update(word.partition("=")[0] for word in done.split())
    assert {"moment", "part", "speed", "colour", "room", "ambience", "rate", "vorbis", "mpeg_layer_iii", "opus"} <= seen
    assert everyday.conditions.LONGEST * 32_000 in lengths  # followed by silence
    assert min(lengths) < 3 * 32_000  # or not


def test_of_a_keyboard_single_strokes_are_learnt(everyday: Any, tmp_path: Path) -> None:
    import numpy as np
    import soundfile

    wave = np.zeros(4 * 32_000)
    for start in (20_000, 70_000, 115_000):  # three strokes in silence
        wave[start : start + 900] = 0.5 * np.random.default_rng(start).standard_normal(900)
    soundfile.write(tmp_path / "typing.wav", wave.clip(-1, 1), 32_000)
    row = everyday.table.Recording("typing.wav", "keyboard_typing", "train", "one", "CC0-1.0", "")
    drawer = everyday.conditions.Drawer(tmp_path, [row])
    rng = np.random.default_rng(0)
    strokes = []
    for _ in range(40):
        done: list[str] = []
        sound = drawer._sound(row, rng, done)
        if "stroke" in done and "room" not in " ".join(done):
            strokes.append(sound)
    assert len(strokes) >= 5
    for sound in strokes:
        assert 0.015 < len(sound) / 32_000 < 0.4
        assert np.abs(sound[: 32_000 // 40]).max() > 0.05  # it begins at once


def test_groups_are_added_once_and_only_where_a_class_is_there(everyday: Any) -> None:
    groups = {"animal": ("dog", "cat"), "vehicle": ("train",)}
    assert everyday.conditions.add_groups("dog,cat", groups) == "dog,cat,animal"
    assert everyday.conditions.add_groups("", groups) == ""


@pytest.mark.skipif(not DATA.is_dir(), reason="the recordings (../shared/data) are not here")
def test_the_recordings_that_the_box_is_made_of(everyday: Any) -> None:
    found = everyday.table.read_recordings(DATA)
    recordings = everyday.folds.divide(found.recordings, 0)
    check_parts(recordings)
    bound = [row for row in recordings if any(word in row.licence for word in ("NC", "-SA", "Sampling", "ND"))]
    assert {row.fold for row in bound} == {"held"}
    assert {row.filename.split("/")[0] for row in bound} == {"esc50"}
    assert all((DATA / row.filename).is_file() for row in recordings)
    labels = {row.label for row in recordings} - {"background"}
    assert len(labels) >= 60
    for label in labels:
        own = {row.group: row.fold for row in recordings if row.label == label}
        assert "train" in own.values()


def check_parts(recordings: list[Any]) -> None:
    """No source in two parts."""
    found = defaultdict(set)
    for row in recordings:
        found[row.group].add(row.fold)
    assert not {group: folds for group, folds in found.items() if len(folds) > 1}
    assert {fold for folds in found.values() for fold in folds} == {"train", "held", "test"}


def test_the_training_is_one_command_from_scratch_and_may_begin_with_a_model(everyday: Any) -> None:
    from tools.bundled import __main__ as program

    args = program.arguments().parse_args(["../shared/data", "-o", "RUNS"])
    words = program.train_command(args)
    assert words[words.index("--from") + 1] == "none"
    assert words[words.index("--seed") + 1] == "0"
    assert program.commands(args)[0] == "python -m tools.bundled RECORDINGS -o RUNS"
    args = program.arguments().parse_args(["../shared/data", "-o", "RUNS", "--begin", "before", "--seed", "3"])
    words = program.train_command(args)
    assert words[words.index("--from") + 1] == str(Path("RUNS") / "begin")
    assert program.commands(args)[0].endswith("--begin MODEL-BEFORE --seed 3")


def test_what_the_model_in_the_package_learnt_from_trains_again(everyday: Any, data: Path, tmp_path: Path) -> None:
    from tools.bundled import __main__ as program

    sources = tmp_path / "sources.tsv"
    sources.write_text("file\tpart\nevents/a/shot4.ogg\theld-out\nfield/music/tune7.ogg\ttraining\n")
    args = program.arguments().parse_args([str(data), "-o", str(tmp_path), "--parts", str(sources)])
    first = program.make_table(args, tmp_path / "recordings.tsv")
    by_name = parts(first)
    assert by_name["events/a/shot4.ogg"] == by_name["events/a/shot5.ogg"] == "held"  # of one source
    assert by_name["field/music/tune7.ogg"] == "train"
    own = [
        f"{row.filename}\t{'training' if row.fold == 'train' else 'held-out'}" for row in first if row.fold != "test"
    ]
    sources.write_text("\n".join(["file\tpart", *own]) + "\n")
    assert program.make_table(args, tmp_path / "recordings.tsv") == first  # whatever its own model stated


def test_the_settings_of_the_training_are_those_of_the_recipe_that_lies_beside_the_model(everyday: Any) -> None:
    """Whatever the default recipe has become since."""
    from earmark.recipes import load_recipe
    from tools.bundled import __main__ as program

    asked = load_recipe(str(ROOT / program.RECIPE), list(program.TRAINING))
    shipped = load_recipe(str(program.BOX / "recipe.yaml"))
    assert asked.network == shipped.network
    assert asked.training.lasting(program.EPOCHS_BEGUN) == shipped.training
