"""Prints the table of published data sets in docs/datasets.md: what each is recognised by, and what is read from it.

    python tools/datasets.py

tests/data/datasets/test_published.py reads a small look-alike of each and holds the docs to this table.
"""

from earmark.data.datasets.published import table_of_sets

if __name__ == "__main__":
    print(table_of_sets(), end="")
