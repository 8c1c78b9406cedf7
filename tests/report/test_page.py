"""The page: whole, self-contained, and proof against what users call their labels."""

from __future__ import annotations

import html.parser
import re
import sys
from dataclasses import replace

import pytest

from earmark.errors import MissingExtraError, OutputError
from earmark.report import page
from earmark.report.figures import per_class_bars
from earmark.report.page import Report, render, write_report

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Outline(html.parser.HTMLParser):
    """Tags, text and addresses of a page; complains where tags don't nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.addresses = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def text(report):
    return render(report)


def test_everything_said_is_on_the_page(text):
    words = " ".join(Outline(text).texts)
    for said in ("Street sounds", "Tested on one clip.", "gated CRNN", "mAP", "Segment F1", "Error rate", "Event F1",
                 "broken.wav: holds no samples", "earmark demo --seed 0", "Operating point", "1 problem",
                 "犬"):  # fmt: skip
        assert said in words


def test_nothing_is_loaded_from_elsewhere(text):
    addresses = Outline(text).addresses
    assert len(addresses) >= 4
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"url\(|@import|//cdn|https?://", re.sub(r"base64,[\w+/=]+", "", text))
    assert "default-src 'none'" in text


def test_labels_are_text_and_neither_script_nor_template(text):
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert Outline(text).tags.count("script") == 1
    assert "{{ 7*7 }}" in text


def test_pictures_and_sound_are_inside(text):
    assert text.count("data:image/png;base64,") == 1
    assert text.count("data:image/svg+xml;base64,") == 1
    assert text.count("data:audio/ogg;base64,") == 1


def test_a_report_of_nothing_but_a_title():
    outline = Outline(render(Report("empty")))
    assert "empty" in outline.texts
    assert not {"table", "img", "article", "dl"} & set(outline.tags)


def test_recordings_without_sound_have_no_player(report, view):
    outline = Outline(render(replace(report, recordings=[replace(view, waveform=None, reference=None)])))
    assert "article" in outline.tags
    assert "audio" not in outline.tags


def test_more_figures_have_a_place(report):
    assert "Average precision" in render(replace(report, figures=[("Average precision", per_class_bars({"a": 1.0}))]))


def test_values_that_do_not_exist_are_dashes():
    nothing = {"tagging": {"map": None, "micro_f1": float("nan"), "per_class": {"a": {"ap": None}}}}
    texts = Outline(render(Report("x", metrics=nothing))).texts
    assert texts.count("–") == 5  # two cards, two rows, one class


def test_a_page_that_would_grow_too_large_says_what_it_left_out(report, view, monkeypatch):
    monkeypatch.setattr(page, "LARGEST", 900_000)
    text = render(replace(report, recordings=[view] * 4))
    assert len(text) < 900_000
    assert 0 < text.count("<article") < 4
    assert "not shown, the page would grow" in text


def test_written_whole_or_refused(report, tmp_path):
    write_report(tmp_path / "deep" / "report.html", Report("x"))
    assert (tmp_path / "deep" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "file" / "report.html", Report("x"))


def test_without_jinja_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match="needs jinja2"):
        render(Report("x"))
