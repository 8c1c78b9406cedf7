"""Lines of JSON and tables that grow: what `detect` would have written, and nothing twice."""

import io
import json
from pathlib import Path

import pytest

from earmark.decisions import Update
from earmark.errors import ConfigError, OutputError
from earmark.formats import read_events
from earmark.runtime.sinks import LineSink, News, TableSink
from earmark.runtime.sinks.files import file_sink

NEWS = [
    News(Update("begin", 1, "dog", 0.5, 0.75, 0.8, 20), "street"),
    News(Update("end", 1, "dog", 0.5, 1.25, 0.9, 40), "street"),
    News(Update("begin", 2, "rain, heavy", 2.0, 2.5, 0.6, 70), "street"),
    News(Update("end", 2, "rain, heavy", 2.0, 3.0, 0.7, 90), "street"),
]


def test_every_update_is_a_line() -> None:
    file = io.StringIO()
    sink = LineSink(file)
    for number, news in enumerate(NEWS, 1):
        sink.take(news)
        assert file.getvalue().count("\n") == number
    sink.close()
    first = json.loads(file.getvalue().splitlines()[0])
    assert first == {
        "type": "begin", "id": 1, "label": "dog", "onset": 0.5, "offset": 0.75, "score": 0.8, "source": "street"
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt"])
def test_a_table_grows_by_a_row_an_event_and_over_several_runs(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "sub" / f"street{suffix}"
    for part in (NEWS[:2], NEWS[2:]):
        sink = TableSink(path)
        for news in part:
            sink.take(news)
        sink.close()
    (found,) = read_events(path).values()
    assert [(event.onset, event.offset, event.label) for event in found] == [
        (0.5, 1.25, "dog"),
        (2.0, 3.0, "rain, heavy"),
    ]


def test_a_file_s_extension_says_what_is_written(tmp_path: Path) -> None:
    assert isinstance(file_sink(tmp_path / "a.jsonl"), LineSink)
    assert isinstance(file_sink(tmp_path / "a.csv"), TableSink)
    with pytest.raises(ConfigError, match=r"cannot be appended to such a file; give one that ends in \.csv"):
        file_sink(tmp_path / "a.parquet")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        file_sink(tmp_path / "file" / "a.csv")
