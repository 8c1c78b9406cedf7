import pytest

from earmark import errors


def test_a_misspelt_word_is_guessed_whatever_its_case() -> None:
    assert errors.did_you_mean("Filenmae", ["filename", "event_labels"]) == " (did you mean 'filename'?)"
    assert errors.did_you_mean("siren ", ["Siren", "dog"]) == " (did you mean 'Siren'?)"


def test_nothing_near_is_no_guess() -> None:
    assert errors.did_you_mean("zebra", ["filename"]) == ""
    assert errors.did_you_mean("zebra", []) == ""


def test_a_missing_extra_says_how_to_install_it() -> None:
    with pytest.raises(errors.EarmarkError, match=r'^reading m4a needs av: pip install "earmark\[media\]"$'):
        raise errors.MissingExtraError("av", "media", "reading m4a")


def test_without_a_gpu_the_build_that_brings_cuda_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux pip takes a build of PyTorch of several GB, unless one is there already."""
    monkeypatch.setattr(errors, "may_have_gpu", lambda: False)
    assert str(errors.MissingExtraError("PyTorch", "train", "training")) == (
        "training needs PyTorch: pip install torch --index-url https://download.pytorch.org/whl/cpu"
        ' && pip install "earmark[train]"'
    )
    assert "index-url" not in str(errors.MissingExtraError("lightning", "train", "training"))
    monkeypatch.setattr(errors, "may_have_gpu", lambda: True)
    assert str(errors.MissingExtraError("PyTorch", "train", "training")).endswith(': pip install "earmark[train]"')


@pytest.mark.parametrize("name", ["AudioError", "DataError", "ConfigError", "ModelError", "OutputError"])
def test_one_except_clause_catches_every_error_of_ours(name: str) -> None:
    with pytest.raises(errors.EarmarkError, match=r"^what is wrong$"):
        raise getattr(errors, name)("what is wrong")
