"""Figures as bytes: the user's text stays text, and the same figure gives the same bytes."""

import base64
import xml.etree.ElementTree as ET

import pytest

from earmark.report.canvas import data_uri, new_figure, plain, png, shorten, svg, tidy


@pytest.mark.parametrize("label", ["$\\frac{", "<b>&", "犬の鳴き声"])
def test_labels_of_the_user_are_drawn_and_never_read_as_mathematics(label: str) -> None:
    figure = new_figure(2.0)
    axes = figure.subplots()
    axes.set_yticks([0], [label])
    plain(axes.get_yticklabels())
    tidy(axes)
    ET.fromstring(svg(figure))  # well-formed
    assert png(figure).startswith(b"\x89PNG")


def test_the_same_figure_has_the_same_picture() -> None:
    figure = new_figure(1.0)
    figure.subplots().plot([0, 1])
    assert png(figure) == png(figure)


@pytest.mark.parametrize("width", [1, 5, 30])
def test_a_label_is_no_wider_than_asked(width: int) -> None:
    assert len(shorten("Vehicle horn, car horn, honking", width)) <= width
    assert shorten("dog", 3) == "dog"


def test_a_uri_holds_its_bytes() -> None:
    head, _, data = data_uri(b"\x00\xff", "image/png").partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == b"\x00\xff"
