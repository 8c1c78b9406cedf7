"""A folder of folders: the name of a folder is the label of what lies in it."""

from earmark.data.manifest import read_manifest


def tags(manifest):
    return {clip.name: clip.labels for clip in manifest.clips}


def test_a_folder_of_folders(recordings):
    root = recordings("siren/a.wav", "siren/deep/b.wav", "dog/c.flac", "Background/d.wav")
    manifest = read_manifest(root)
    assert tags(manifest) == {
        "Background/d.wav": (),
        "dog/c.flac": ("dog",),
        "siren/a.wav": ("siren",),
        "siren/deep/b.wav": ("siren",),
    }
    assert list(manifest.labels) == ["dog", "siren"]
    assert manifest.problems == ()
    assert manifest.counts() == {"dog": 1, "siren": 2}
    assert manifest.targets().tolist() == [[False, False], [True, False], [False, True], [False, True]]


def test_folders_named_after_splits_hold_the_labels(recordings):
    manifest = read_manifest(recordings("train/siren/a.wav", "train/dog/b.wav", "test/siren/c.wav"))
    assert {clip.name: (clip.labels, clip.split) for clip in manifest.clips} == {
        "test/siren/c.wav": (("siren",), "test"),
        "train/dog/b.wav": (("dog",), "train"),
        "train/siren/a.wav": (("siren",), "train"),
    }


def test_an_empty_label_folder_and_a_loose_file_are_problems(recordings):
    root = recordings("siren/a.wav", "stray.wav")
    (root / "owl").mkdir()
    problems = {problem.kind: str(problem) for problem in read_manifest(root).problems}
    assert "owl: holds no recordings" in problems["empty"]
    assert "stray.wav" in problems["unlabelled"]
