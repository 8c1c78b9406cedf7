"""Folders of recordings that are only names."""

from pathlib import Path

from earmark.audio.listing import Listing


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"sound")
    return folder


def listed(*inputs: Path, **options: object) -> list[tuple[str, str]]:
    return [(entry.name, entry.path) for entry in Listing(inputs, **options)]  # type: ignore[arg-type]
