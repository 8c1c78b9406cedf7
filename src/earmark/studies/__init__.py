"""A paper's experiment, run again: every row trained and scored on one data set, its tables with a published column.

`study`               what a paper's experiment is
`xu2018`, `hong2020`  the two experiments
`run`                 trains and scores every row; continues where it stopped
`results`             what came out: tables beside the published figures, and pictures
`demo`                the demo: made sounds, training, report
"""

from __future__ import annotations

from earmark.errors import ConfigError, did_you_mean
from earmark.studies import hong2020, xu2018
from earmark.studies.study import Study

STUDIES = {study.name: study for study in (xu2018.STUDY, hong2020.STUDY)}

__all__ = ["STUDIES", "Study", "find_study"]


def find_study(name: str) -> Study:
    """The study of this name; `ConfigError` with a guess when there is none."""
    if name not in STUDIES:
        raise ConfigError(f"no study {name!r}{did_you_mean(name, STUDIES)}; known: {', '.join(STUDIES)}")
    return STUDIES[name]
