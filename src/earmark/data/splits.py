"""Which clips train and which validate.

`split` draws: seeded, and stratified by label after Sechidis, Tsoumakas and Vlahavas, "On the stratification of
multi-label data" (ECML PKDD 2011): the rarest label first, each of its clips to the side that still lacks most of
that label. Of every label at least one clip trains, and at least four where it has as many, as long as some clip is
left to validate: of a rare label, training needs every clip. Clips without labels are spread like a label of their own.
The outcome follows from clip names, labels and seed alone, not from the order of rows.

`split_by_column` follows the data set's own split or fold column.

Differs from the paper in: two parts only, ties go to training, and the rules that keep rare labels in training.
"""

from __future__ import annotations

import numpy as np

from earmark.data.records import Clip, Manifest
from earmark.errors import DataError, did_you_mean

TRAIN_WORDS = frozenset({"train", "training", "dev", "development", "balanced_train", "unbalanced_train"})
VALID_WORDS = frozenset({"valid", "validation", "validate", "val", "test", "testing", "eval", "evaluation"})
_TESTS = frozenset({"test", "testing", "eval", "evaluation"})
KEPT = 4  # clips of each label, where there are as many, that train and do not validate


def split(manifest: Manifest, fraction: float = 0.2, seed: int = 0) -> tuple[Manifest, Manifest]:
    """Draw a training and a validation part; about `fraction` of each label's clips validate.

    `ValueError` for a fraction outside (0, 1), `DataError` when a part would be empty.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction {fraction} is not between 0 and 1")
    clips = sorted(manifest.clips, key=lambda clip: clip.name)
    order = np.random.default_rng(seed).permutation(len(clips))
    drawn = _stratify([clips[i] for i in order], fraction)
    valid = _keep(clips, drawn, KEPT) or _keep(clips, drawn, 1)
    parts = [c for c in manifest.clips if c.name not in valid], [c for c in manifest.clips if c.name in valid]
    if not all(parts):
        raise DataError(f"{manifest.source}: {len(clips)} clips are too few to set {fraction:.0%} aside")
    return manifest.with_clips(parts[0]), manifest.with_clips(parts[1])


def _stratify(clips: list[Clip], fraction: float) -> set[str]:
    """Names of the clips that validate."""
    members: dict[str, list[Clip]] = {}
    for clip in clips:
        for label in clip.labels or ("",):  # "" stands for clips without labels
            members.setdefault(label, []).append(clip)
    lacking = {label: [len(m) * (1 - fraction), len(m) * fraction] for label, m in members.items()}
    total = [len(clips) * (1 - fraction), len(clips) * fraction]
    side: dict[str, int] = {}
    while members:
        rarest = min(members, key=lambda label: (len(members[label]), label))
        for clip in members.pop(rarest):
            if clip.name in side:
                continue
            train, valid = lacking[rarest]
            chosen = int(valid > train or (valid == train and total[1] > total[0]))
            side[clip.name] = chosen
            total[chosen] -= 1
            for label in clip.labels or ("",):
                lacking[label][chosen] -= 1
        members = {label: [c for c in left if c.name not in side] for label, left in members.items()}
        members = {label: left for label, left in members.items() if left}
    return {name for name, chosen in side.items() if chosen}


def _keep(clips: list[Clip], valid: set[str], least: int) -> set[str]:
    """Give back to training, of each label of which fewer than `least` clips train, those with the fewest labels."""
    for label in sorted({label for clip in clips for label in clip.labels}):
        holders = [clip for clip in clips if label in clip.labels]
        lent = sorted((c for c in holders if c.name in valid), key=lambda clip: (len(clip.labels), clip.name))
        missing = least - (len(holders) - len(lent))
        valid = valid - {clip.name for clip in lent[: max(0, missing)]}
    return valid


def split_by_column(manifest: Manifest, valid_fold: str | None = None) -> tuple[Manifest, Manifest]:
    """Training and validation part by the split or fold column.

    With `valid_fold`, clips of that value validate and all others train. Without, the usual words decide:
    train (training, dev, development) against valid (validation, val); where there are no such clips, test
    (testing, eval, evaluation) validates, else it is left aside. `dev` beside `train` validates. `DataError`
    for clips without a value, folds without `valid_fold`, words not known, and an empty part.
    """
    for clip in manifest.clips:
        if clip.split is None:
            raise DataError(f"{manifest.source}: {clip.name} has no split; fill the column for every clip or for none")
    values = {clip.split or "" for clip in manifest.clips}
    if valid_fold is not None:
        train, valid = values - {valid_fold}, values & {valid_fold}
        if not valid:
            found = ", ".join(sorted(values))
            raise DataError(
                f"{manifest.source}: no fold {valid_fold!r} among {found}{did_you_mean(valid_fold, values)}"
            )
    else:
        train, valid = _by_words(manifest, values)
    parts = tuple([c for c in manifest.clips if c.split in side] for side in (train, valid))
    if not all(parts):
        what = "training" if not parts[0] else "validation"
        raise DataError(
            f"{manifest.source}: no {what} clips in the split column (it contains {', '.join(sorted(values))})"
        )
    return manifest.with_clips(parts[0]), manifest.with_clips(parts[1])


def _by_words(manifest: Manifest, values: set[str]) -> tuple[set[str], set[str]]:
    if all(value.isdigit() for value in values):
        folds = ", ".join(sorted(values, key=int))
        raise DataError(
            f"{manifest.source}: the column contains folds {folds}; name the validation fold with --valid-fold"
        )
    for value in values:
        if value.casefold() not in TRAIN_WORDS | VALID_WORDS:
            guess = did_you_mean(value, TRAIN_WORDS | VALID_WORDS)
            raise DataError(f"{manifest.source}: split {value!r} is neither training nor validation{guess}")
    train = {value for value in values if value.casefold() in TRAIN_WORDS}
    named = {value for value in train if value.casefold().startswith("train")}
    aside = (train - named) if named else set()  # dev beside train
    train -= aside
    tests = {value for value in values if value.casefold() in _TESTS}
    valid = (values - train - tests) or tests
    return train, valid
