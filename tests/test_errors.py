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


@pytest.mark.parametrize("name", ["AudioError", "DataError", "ConfigError", "ModelError", "OutputError"])
def test_one_except_clause_catches_every_error_of_ours(name: str) -> None:
    with pytest.raises(errors.EarmarkError, match=r"^what is wrong$"):
        raise getattr(errors, name)("what is wrong")
