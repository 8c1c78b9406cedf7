"""`embed` and `similar` as Python calls: resumed, sharded, and refused where nothing could come of them."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from earmark import api
from earmark.errors import ConfigError, DataError, MissingExtraError, OutputError
from earmark.formats.embeddings import Set
from earmark.reporter import Counts, Reporter


@pytest.fixture
def sounds(tmp_path: Path, collection: Path) -> Path:
    """Six recordings, two of them in a folder."""
    folder = tmp_path / "sounds"
    (folder / "street").mkdir(parents=True)
    for number in range(6):
        name = f"dev{number:02d}.wav"
        shutil.copy(collection / "dev" / "audio" / name, folder / ("street" if number > 3 else ".") / name)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """What is in a folder, except the hidden state."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".earmark" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_recording_becomes_a_file_and_a_row(sounds: Path, trained: Path, tmp_path: Path) -> None:
    found = api.embed([sounds], tmp_path / "out", model=trained, precision="float32")
    assert found.complete
    assert set(content(tmp_path / "out")) == {
        *("embeddings.csv", "embeddings.json", "street/dev04.npz", "street/dev05.npz"),
        *(f"dev0{number}.npz" for number in range(4)),
    }
    assert [entry.recording for entry in found.set.entries][-2:] == ["street/dev04.wav", "street/dev05.wav"]
    card = json.loads((tmp_path / "out" / "embeddings.json").read_text())
    assert (card["model"], card["per"], card["rate"], card["arithmetic"]) == (
        str(trained),
        "frame",
        16_000,
        "cpu, float32",
    )
    assert len(card["fingerprint"]) == 64
    for entry, vectors in zip(found.set.entries, found.set, strict=True):
        assert vectors.vectors.shape == (entry.vectors, card["values"])
        assert vectors.end[-1] == pytest.approx(entry.duration)


@pytest.mark.parametrize("per", ["frame", "second", "clip"])
@pytest.mark.parametrize("form", ["npz", "parquet"])
def test_units_and_formats(per: Any, form: Any, sounds: Path, trained: Path, tmp_path: Path) -> None:
    found = api.embed([sounds / "dev00.wav"], tmp_path / "out", model=trained, per=per, format=form)
    (entry,) = found.set.entries
    assert entry.file == f"dev00.{form}"
    assert entry.vectors == {"frame": 100, "second": 2, "clip": 1}[per]


class StopError(Exception):
    """The machine went down."""


def test_a_run_that_was_stopped_goes_on_and_ends_the_same(
    sounds: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.runtime import bulk

    api.embed([sounds], tmp_path / "whole", model=trained, precision="float32")
    write, written = bulk.write_vectors, []

    def failing(path: Path, found: Any) -> None:
        if len(written) == 3:
            raise StopError
        written.append(path)
        write(path, found)

    monkeypatch.setattr(bulk, "write_vectors", failing)
    with pytest.raises(StopError):
        api.embed([sounds], tmp_path / "out", model=trained, precision="float32")
    monkeypatch.setattr(bulk, "write_vectors", lambda path, found: (written.append(path), write(path, found)))
    said: list[str] = []
    found = api.embed([sounds], tmp_path / "out", model=trained, precision="float32", reporter=telling(said))
    assert (len(written), found.account.scored) == (6, 6)  # nothing twice
    assert "continued: 3 recordings done before, 3 now" in said
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def telling(said: list[str]) -> Reporter:
    class Telling(Reporter):
        def say(self, message: str) -> None:
            said.append(message)

        def counts(self, what: str) -> Callable[[Counts], None]:
            return lambda counts: None

    return Telling()


def test_a_file_that_was_deleted_is_made_again(sounds: Path, trained: Path, tmp_path: Path) -> None:
    api.embed([sounds], tmp_path / "out", model=trained)
    whole = content(tmp_path / "out")
    (tmp_path / "out" / "dev01.npz").unlink()
    api.embed([sounds], tmp_path / "out", model=trained)
    assert content(tmp_path / "out") == whole


def test_other_options_are_refused_and_overwrite_begins_anew(sounds: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    api.embed([sounds], out, model=trained)
    with pytest.raises(ConfigError, match=r"was begun with other options \(per: frame before, clip now\)"):
        api.embed([sounds], out, model=trained, per="clip")
    api.embed([sounds], out, model=trained, per="clip", format="parquet", overwrite=True)
    assert {Path(name).suffix for name in content(out)} == {".csv", ".json", ".parquet"}  # the former files are gone


def test_shards_are_searched_together(sounds: Path, trained: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        api.embed([sounds], tmp_path / f"part{number}", model=trained, shard=f"{number}/2")
    api.embed([sounds], tmp_path / "whole", model=trained)
    parts = [tmp_path / "part1", tmp_path / "part2"]
    assert sum(len(Set.open(part)) for part in parts) == 6
    apart, together = (api.similar(sounds / "dev00.wav", sets, top=5) for sets in (parts, [tmp_path / "whole"]))
    assert sorted((m.recording, m.start) for m in apart.matches) == sorted(
        (m.recording, m.start) for m in together.matches
    )


def test_a_shard_without_a_recording_is_a_shard(sounds: Path, trained: Path, tmp_path: Path) -> None:
    parts = [tmp_path / f"part{number}" for number in (1, 2, 3)]
    made = [
        api.embed([sounds / "dev00.wav"], part, model=trained, shard=f"{number}/3")
        for number, part in enumerate(parts, 1)
    ]
    assert sorted(each.account.scored for each in made) == [0, 0, 1]
    [match] = api.similar(sounds / "dev00.wav", parts, top=1).matches
    assert match.recording.endswith("dev00.wav")


ON_RAY = """
import ray
from earmark import api

ray.init(num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=False, log_to_driver=False)
found = api.embed([{source!r}], {output!r}, model={model!r}, precision="float32", device="cpu", ray="auto")
print("embedded", found.account.scored, "failed", len(found.account.failed))
"""


def test_a_ray_cluster_writes_what_one_process_does(sounds: Path, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install earmark[ray]")
    import torch

    api.embed([sounds], tmp_path / "whole", model=trained, precision="float32", device="cpu")
    script = ON_RAY.format(source=str(sounds), output=str(tmp_path / "out"), model=str(trained))
    threads = str(torch.get_num_threads())  # with others, products are computed in another order
    env = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": threads}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=300)
    assert "embedded 6 failed 0" in done.stdout, done.stderr
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_processes_open_the_model_while_this_one_does(
    sounds: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.models import embedding
    from earmark.runtime import processes

    order: list[str] = []
    start, read = processes.ProcessBackend.start, embedding.fingerprint_of
    monkeypatch.setattr(processes.ProcessBackend, "start", lambda self: (order.append("start"), start(self))[1])
    monkeypatch.setattr(embedding, "fingerprint_of", lambda network: (order.append("open"), read(network))[1])
    api.embed([sounds], tmp_path / "out", model=trained, processes=2)
    assert order[:2] == ["start", "open"]


def test_several_processes_write_what_one_does(sounds: Path, trained: Path, tmp_path: Path) -> None:
    for processes in (1, 2):
        out = tmp_path / str(processes)
        api.embed([sounds], out, model=trained, precision="float32", device="cpu", processes=processes)
    assert content(tmp_path / "1") == content(tmp_path / "2")


def test_lists_of_recordings_are_read(sounds: Path, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{sounds / 'dev02.wav'}\n")
    found = api.embed([], tmp_path / "out", model=trained, files_from=[str(tmp_path / "list.txt")])
    assert [Path(entry.recording).name for entry in found.set.entries] == ["dev02.wav"]


def test_broken_recordings_cost_no_other(sounds: Path, trained: Path, tmp_path: Path) -> None:
    (sounds / "text.wav").write_text("no sound")
    soundfile.write(sounds / "short.wav", np.zeros(100), 16_000)
    found = api.embed([sounds], tmp_path / "out", model=trained)
    assert (found.complete, found.account.scored, len(found.account.failed)) == (False, 6, 2)
    assert "too short" in (tmp_path / "out" / "failures.embeddings.csv").read_text()
    assert len(found.set) == 6


def test_silence_is_embedded_like_any_sound(trained: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(32_000), 16_000)
    found = api.embed([tmp_path / "silence.wav"], tmp_path / "out", model=trained)
    (vectors,) = found.set
    assert np.isfinite(vectors.vectors).all()


def test_what_cannot_be_done_is_refused_before_anything_is(sounds: Path, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="embeddings are written into a folder: add -o FOLDER"):
        api.embed([sounds], "", model=trained)
    with pytest.raises(ConfigError, match="embeddings are a file for each recording; give a folder"):
        api.embed([sounds], tmp_path / "out.npz", model=trained)
    with pytest.raises(ConfigError, match="--per frames: unknown"):
        api.embed([sounds], tmp_path / "out", model=trained, per="frames")  # type: ignore[arg-type]
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        api.embed([sounds], tmp_path / "taken", model=trained)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no recordings in this folder or below it"):
        api.embed([tmp_path / "empty"], tmp_path / "out", model=trained)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_nothing_but_broken_files_leaves_nothing(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.wav").write_text("no sound")
    with pytest.raises(ConfigError, match=r"nothing could be embedded: .*a\.wav: cannot be read"):
        api.embed([tmp_path / "sounds"], tmp_path / "out", model=trained)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_without_torch_its_extra_is_named(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "torch" else find(name, *more))
    with pytest.raises(MissingExtraError, match=r"earmark embed \(ONNX files give scores alone\) needs PyTorch: pip"):
        api.embed([sounds], tmp_path / "out")


def test_an_example_is_found_again_and_then_its_kin(sounds: Path, trained: Path, tmp_path: Path) -> None:
    """dev00 to dev03 have a tone each; what sounds like the first, longest in dev00, is in dev00."""
    api.embed([sounds], tmp_path / "out", model=trained, precision="float32")
    found = api.similar(sounds / "dev00.wav", [tmp_path / "out"], top=3, precision="float32")
    assert found.matches[0].recording == "dev00.wav"
    assert found.matches[0].score == max(match.score for match in found.matches)
    assert len({match.recording for match in found.matches}) == 3  # each is two seconds long: once a recording
    row = api.similar("dev00.wav", [tmp_path / "out"], top=10, start=0.5, end=0.7)
    assert len(row.matches) == 10
    assert not [m for m in row.matches if m.recording == "dev00.wav" and m.start < 0.7 and m.end > 0.5]
    assert row.matches[0].end - row.matches[0].start == pytest.approx(0.2, abs=0.03)


def test_an_example_longer_than_a_window_of_the_model(sounds: Path, trained: Path, tmp_path: Path) -> None:
    api.embed([sounds], tmp_path / "out", model=trained, precision="float32")
    wave, rate = soundfile.read(sounds / "dev01.wav")
    soundfile.write(tmp_path / "long.wav", np.tile(wave, 6), rate)  # 12 s; windows are of 4 s
    found = api.similar(tmp_path / "long.wav", [tmp_path / "out"], top=2)
    assert found.matches[0].recording == "dev01.wav"
    assert found.matches[0].end - found.matches[0].start == pytest.approx(2.0)  # all there is of it


def test_results_are_a_table_of_events_under_a_label(sounds: Path, trained: Path, tmp_path: Path) -> None:
    api.embed([sounds], tmp_path / "out", model=trained)
    found = api.similar(sounds / "dev00.wav", [tmp_path / "out"], tmp_path / "like", top=4, label="beep")
    assert found.written == [tmp_path / "like" / "events.csv"]
    header, *rows = found.written[0].read_text().splitlines()
    assert header == "filename,onset,offset,event_label,score"
    assert len(rows) == 4
    assert {row.split(",")[3] for row in rows} == {"beep"}


def test_a_set_of_another_model_is_refused(sounds: Path, trained: Path, model: Path, tmp_path: Path) -> None:
    api.embed([sounds], tmp_path / "out", model=model)
    shutil.rmtree(model)
    api.similar(sounds / "dev00.wav", [tmp_path / "out"], model=trained)  # the same weights elsewhere
    with pytest.raises(
        ConfigError, match=r"was made by another model than the one at hand, once called .*; name that one with -m"
    ):
        api.similar(sounds / "dev00.wav", [tmp_path / "out"], model="earmark/everyday")
    with pytest.raises(DataError, match="holds no embeddings"):
        api.similar(sounds / "dev00.wav", [sounds])
    assert api.similar("dev00.wav", [tmp_path / "out"]).matches  # a row needs no model


def test_from_one_example_to_a_model(
    sounds: Path, collection: Path, trained: Path, recipe: Path, tmp_path: Path
) -> None:
    """The road of docs/guides/similar.md, a person's verdicts given by the labels of the collection."""
    from earmark.formats import read_events
    from earmark.runtime.review import Review
    from earmark.runtime.review_tables import export

    archive = collection / "dev" / "audio"
    truth = read_events(collection / "dev" / "strong.tsv")
    first = next(event for event in truth["dev03.wav"] if event.label == "whistle")
    api.embed([archive], tmp_path / "out", model=trained, precision="float32")
    found = api.similar(
        "dev03.wav", [tmp_path / "out"], tmp_path / "like", start=first.onset, end=first.offset, label="whistle", top=12
    )
    right = [
        any(event.label == "whistle" and event.onset < m.end and event.offset > m.start for event in truth[m.recording])
        for m in found.matches
    ]
    assert all(right[:3])  # the nearest are of its kind
    with Review.open(tmp_path / "like") as review:
        for item in review.queue("score"):
            heard = [
                e
                for e in truth[item.recording]
                if e.label == "whistle" and e.onset < item.offset and e.offset > item.onset
            ]
            review.judge(item.id, "confirmed" if heard else "rejected")
        done = export(review, ["training"])
    assert done.complete == len({match.recording for match in found.matches})
    assert "--audio" in done.command
    made = api.train(
        done.folder / "training", tmp_path / "model", audio=archive, recipe=str(recipe), changes=["training.epochs=1"]
    )
    assert made is not None
    assert (tmp_path / "model" / "config.json").is_file()
