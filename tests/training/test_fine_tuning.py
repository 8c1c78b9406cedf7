"""The head first, then the whole network, and of the two the better one."""

from pathlib import Path

import pytest
import torch

from earmark.data.manifest import read_manifest
from earmark.data.store import ClipStore, open_store
from earmark.errors import ModelError
from earmark.models.network import Network
from earmark.training.fine_tuning import HEAD, better, ranking, take_head, train_head
from earmark.training.options import HeadOptions
from earmark.training.transfer import Source, take_over

QUICK = HeadOptions(updates=200, learning_rate=0.05)


@pytest.fixture(scope="module")
def store(collection: Path) -> ClipStore:
    return open_store(read_manifest(collection / "train").clips, 16_000)


@pytest.fixture
def begun(trained: Path) -> Network:
    """The trained model under new names of its labels: its encoder knows the tones, its head knows nothing."""
    old = Network.from_pretrained(trained)
    torch.manual_seed(0)
    tagger = Network(old.options.model_copy(update={"labels": ("hum", "beep")}))
    take_over(tagger, Source("old", trained))
    for parameter in tagger.pooling.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return tagger.train()


def test_the_head_learns_and_the_encoder_stays(begun: Network, store: ClipStore, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in begun.state_dict().items()}
    poor = ranking(begun, store)
    train_head(begun, store, tmp_path, QUICK, seed=0)
    changed = {name for name, tensor in begun.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("pooling.") for name in changed)
    assert ranking(begun, store) > max(0.9, poor)
    assert begun.training


def test_a_head_that_was_kept_is_taken_again_to_the_last_bit(begun: Network, store: ClipStore, tmp_path: Path) -> None:
    train_head(begun, store, tmp_path, QUICK, seed=0)
    learned = {name: tensor.clone() for name, tensor in begun.pooling.state_dict().items()}
    for parameter in begun.pooling.parameters():
        torch.nn.init.zeros_(parameter)
    take_head(begun, tmp_path)
    assert all(torch.equal(tensor, learned[name]) for name, tensor in begun.pooling.state_dict().items())
    (tmp_path / HEAD).write_bytes(b"cut short")
    with pytest.raises(ModelError, match="is damaged"):
        take_head(begun, tmp_path)


def test_what_ranks_better_is_taken_and_of_equals_the_head(begun: Network, store: ClipStore, tmp_path: Path) -> None:
    poor = Network(begun.options)
    poor.load_state_dict(begun.state_dict())
    train_head(begun, store, tmp_path, QUICK, seed=0)
    alike = Network(begun.options)
    alike.load_state_dict(begun.state_dict())
    for whole, alone, wanted in ((poor, begun, begun), (begun, poor, begun), (alike, begun, begun)):
        chosen, found = better(whole, lambda alone=alone: alone, store)
        assert chosen is wanted
        assert found == {"whole": ranking(whole, store), "head": ranking(alone, store)}
