import numpy as np
import pytest

from earmark.errors import DataError
from earmark.labels import Labels


def test_names_are_kept_to_the_letter_and_in_order() -> None:
    names = ["Fire engine, fire truck (siren)", "dog ", "Dog"]
    labels = Labels(names)
    assert list(labels) == names
    assert [labels.index(name) for name in names] == [0, 1, 2]


def test_tags_become_a_multi_hot_row() -> None:
    labels = Labels(["siren", "dog", "car"])
    np.testing.assert_array_equal(labels.encode(["car", "siren", "car"]), [True, False, True])
    np.testing.assert_array_equal(labels.encode([]), [False, False, False])


def test_an_unknown_tag_is_refused_with_a_guess() -> None:
    with pytest.raises(DataError, match=r"unknown label 'sirne' \(did you mean 'siren'\?\)"):
        Labels(["siren", "dog"]).encode(["sirne"])


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"more than once: \['dog'\]"):
        Labels(["dog", "siren", "dog"])


def test_labels_are_equal_when_names_and_order_are() -> None:
    assert Labels(["a", "b"]) == Labels(("a", "b"))
    assert Labels(["a", "b"]) != Labels(["b", "a"])
    assert len({Labels(["a"]), Labels(["a"])}) == 1
