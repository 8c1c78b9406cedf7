import pytest

from tests.data.datasets.segments import CLASSES, HEADER, NAMES, ROWS


@pytest.fixture
def folder(recordings, table):
    """Four clips, each named in another way, their list and the classes."""
    table("eval_segments.csv", *HEADER, *ROWS)
    table("class_labels_indices.csv", *CLASSES)
    return recordings(*NAMES)
