import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.events import Event
from earmark.formats import EVENT_FORMATS, write_events, write_tags
from earmark.formats.tags import TAG_ENCODINGS

EXAMPLE = {"street/a.wav": [Event(0.5, 1.25, "dog", 0.9), Event(2, 3, "cat")], "b.wav": [], "c.wav": [Event(0, 1, "x")]}
BYTES = {
    "csv": "filename,onset,offset,event_label,score\nstreet/a.wav,0.500,1.250,dog,0.9\nstreet/a.wav,2.000,3.000,cat,\n"
    "b.wav,,,,\nc.wav,0.000,1.000,x,\n",
    "tsv": "filename\tonset\toffset\tevent_label\nstreet/a.wav\t0.500\t1.250\tdog\nstreet/a.wav\t2.000\t3.000\tcat\n"
    "b.wav\t\t\t\nc.wav\t0.000\t1.000\tx\n",
    "dcase2017": "street/a.wav\t0.500\t1.250\tdog\nstreet/a.wav\t2.000\t3.000\tcat\nb.wav\nc.wav\t0.000\t1.000\tx\n",
    "json": '{\n  "recordings": {\n    "street/a.wav": ['
    '\n      {"onset": 0.5, "offset": 1.25, "label": "dog", "score": 0.9},'
    '\n      {"onset": 2.0, "offset": 3.0, "label": "cat"}\n    ],\n    "b.wav": [],\n    "c.wav": ['
    '\n      {"onset": 0.0, "offset": 1.0, "label": "x"}\n    ]\n  }\n}\n',
}


def streamed(form, recordings):
    file = io.StringIO()
    form.write_header(file)
    for number, (name, items) in enumerate(recordings.items()):
        form.write_recording(file, name, items, first=not number)
    form.write_footer(file)
    return file.getvalue()


@pytest.mark.parametrize("form", BYTES)
def test_results_written_as_they_come_have_the_bytes_of_the_whole_file(tmp_path, form):
    written = write_events(tmp_path, EXAMPLE, [form])[0].read_bytes().decode()
    assert streamed(EVENT_FORMATS[form], EXAMPLE) == written == BYTES[form]


tags = st.dictionaries(
    st.sampled_from(["a.wav", "b.wav", "x/c, d.wav"]),
    st.lists(st.tuples(st.sampled_from(["dog", "Air horn, truck horn"]), st.none() | st.floats(0, 1)), max_size=3),
)


@pytest.mark.parametrize("form", [form for form, one in TAG_ENCODINGS.items() if not one.whole])
@given(found=tags)
@settings(max_examples=20, deadline=None)
def test_tags_written_as_they_come_have_the_bytes_of_the_whole_file(tmp_path_factory, form, found):
    written = write_tags(tmp_path_factory.getbasetemp() / f"tags{form}", found, [form])[0].read_bytes().decode()
    assert streamed(TAG_ENCODINGS[form], found) == written


def test_boxes_of_raven_reach_up_to_half_the_sample_rate(tmp_path):
    path = write_events(tmp_path, {"a.wav": [Event(0, 1, "dog")]}, ["raven"], rates={"a.wav": 44_100})[0]
    assert path.read_text().splitlines()[1].split("\t")[6] == "22050.0"
