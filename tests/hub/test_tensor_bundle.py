"""Checkpoints of TensorFlow: one that TensorFlow 2.21 wrote, and the same damaged in every place."""

import base64
import contextlib
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import ModelError
from earmark.hub.tensor_bundle import is_bundle, read_bundle

# tf.train.Checkpoint(kernel=[[1, 2, 3], [4, 5, 6]], bias=[.5, -.25], scalar=7., count=3 of int64).write("t")
INDEX = base64.b64decode(
    "AAAGCAEaAggBABwOX0NIRUNLUE9JTlRBQkxFX09CSkVDVF9HUkFQSAgHEgAgLCjKAjUbC23mAB8PYmlhcy8uQVRUUklCVVRFUy9WQVJJQUJMRV9W"
    "QUxVRQgBEgQSAggCKAg1EgscTAAgDWNvdW50Ly5BVFRSSUJVVEVTL1ZBUklBQkxFX1ZBTFVFCAkSACAIKAg1sJlJDgAhFWtlcm5lbC8uQVRUUklC"
    "VVRFUy9WQVJJQUJMRV9WQUxVRQgBEggSAggCEgIIAyAQKBg1euv1qwAhDXNjYWxhci8uQVRUUklCVVRFUy9WQVJJQUJMRV9WQUxVRQgBEgAgKCgE"
    "NV/Pi7UAAAAAAQAAAACp2QUeAAAAAAEAAAAAwPKhsAABA3QAiQIAAAAAAQAAAAAKtBtGjgIImwIPAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAFf7gIskdUfb"
)
DATA = base64.b64decode("AAAAPwAAgL4DAAAAAAAAAAAAgD8AAABAAABAQAAAgEAAAKBAAADAQAAA4EA=")  # without what no reader needs
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def write(folder: Path, index: bytes = INDEX, data: bytes = DATA) -> Path:
    (folder / "t.data-00000-of-00001").write_bytes(data)
    (folder / "t.index").write_bytes(index)
    return folder / "t.index"


def test_tensors_come_back_as_tensorflow_had_them(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert is_bundle(path)
    found = read_bundle(path)
    assert set(found) == {f"{name}{VALUE}" for name in ("bias", "kernel", "scalar")}  # integers are left out
    np.testing.assert_array_equal(found[f"kernel{VALUE}"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(found[f"bias{VALUE}"], [0.5, -0.25])
    assert found[f"scalar{VALUE}"].shape == ()


def test_a_byte_that_changed_is_found_wherever_it_is(tmp_path: Path) -> None:
    """An index is known by its end; of everything else a checksum tells, or the place that leads nowhere."""
    whole = {name: values.tobytes() for name, values in read_bundle(write(tmp_path)).items()}
    for place in range(len(INDEX) - 8):
        damaged = bytearray(INDEX)
        damaged[place] ^= 0x41
        with contextlib.suppress(ModelError):
            found = read_bundle(write(tmp_path, bytes(damaged)))
            # The padding of the footer, or the block that is not needed: nothing that is read.
            assert {name: values.tobytes() for name, values in found.items()} == whole


def test_data_that_was_cut_or_changed_is_refused(tmp_path: Path) -> None:
    for data in (DATA[:-1], bytes([DATA[0] ^ 1]) + DATA[1:], b""):
        with pytest.raises(ModelError, match=r"t\.data-00000-of-00001: the tensor .* is cut short, or does not fit"):
            read_bundle(write(tmp_path, data=data))
    path = write(tmp_path)
    path.with_name("t.data-00000-of-00001").unlink()
    with pytest.raises(ModelError, match=r"cannot be read: No such file .* it belongs to the \.index file"):
        read_bundle(path)


@pytest.mark.parametrize("content", [b"", b"short", b"\x00" * 100, INDEX[:-1]])
def test_other_files_are_no_bundles(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content)
    assert not is_bundle(path)
    with pytest.raises(ModelError, match="is not the index of a TensorFlow checkpoint"):
        read_bundle(path)
