"""Every row of the papers is a recipe, and every column has a published figure."""

import pytest

from earmark.errors import ConfigError
from earmark.recipes import load_recipe
from earmark.studies import find_study
from earmark.studies.study import PaperTable


@pytest.mark.parametrize("name", ["xu2018", "hong2020"])
def test_every_row_of_the_papers_is_a_recipe(name: str) -> None:
    study = find_study(name)
    for row in study.recipes():
        found = load_recipe(row)
        assert found.paper
        for member in found.members:
            load_recipe(member)
    tasks = [(table, column) for table in study.tables for column in table.columns]
    for table, column in tasks:
        printed = [
            table.published(load_recipe(row.recipe), column, part)
            for row in table.rows
            for part in study.parts.values()
        ]
        assert any(value is not None for value in printed), f"{table.name} has no published {column.title}"
    assert isinstance(study.tables[0], PaperTable)
    with pytest.raises(ConfigError, match="did you mean"):
        find_study(name + "x")
