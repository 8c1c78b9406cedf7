import csv
import io

from earmark.training.callbacks import rows_to_csv


def test_a_log_reads_back_as_it_was_written() -> None:
    rows = [
        {"epoch": 1, "step": 1_234_567, "seconds": 1.5, "train_loss": 0.123456789},
        {"epoch": 2, "step": 2_469_134, "seconds": 98_765.4, "train_loss": 1e-9, "valid_map": 0.5},
    ]
    read = list(csv.DictReader(io.StringIO(rows_to_csv(rows))))
    assert [int(row["step"]) for row in read] == [1_234_567, 2_469_134]  # to the last digit
    assert [float(row["train_loss"]) for row in read] == [0.123457, 1e-9]
    assert read[0]["valid_map"] == ""
    assert float(read[1]["valid_map"]) == 0.5
    assert list(read[0]) == ["epoch", "step", "seconds", "train_loss", "valid_map"]


def test_lines_end_alike_on_every_system() -> None:
    assert rows_to_csv([{"epoch": 1, "train_loss": 0.5}]) == "epoch,train_loss\n1,0.5\n"
