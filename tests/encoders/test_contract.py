from fractions import Fraction

import torch

from earmark.encoders import CNN, CNNOptions, MobileNet, MobileNetOptions
from earmark.encoders.contract import rest_of, shift_of
from earmark.models.network import ModelOptions, Network


def test_an_encoder_that_says_nothing_rounds_down_and_begins_with_the_frames() -> None:
    plain = CNN(CNNOptions(channels=(4,), pools=((2, 2),)), bands=8)
    assert (rest_of(plain), shift_of(plain)) == (0, 0)


def test_an_encoder_with_partial_steps_rounds_up() -> None:
    mobile = MobileNet(MobileNetOptions(width=0.1, blocks=4), bands=64)
    assert (mobile.reduction, rest_of(mobile)) == (8, 7)
    assert shift_of(mobile) == Fraction(-7, 2)


def test_a_network_counts_and_times_its_steps_as_its_encoder_says() -> None:
    options = {"labels": ["a"], "encoder": {"kind": "mobilenet-v3", "width": 0.1, "blocks": 4}}
    network = Network(ModelOptions.parse(options, "test"))  # of the default front-end: frames of 40 ms from 0 on
    assert network.clock.step == Fraction(8, 25)
    assert network.clock.start == Fraction(-7, 50)  # 3.5 frames
    samples = torch.tensor([1_000, 8 * 1_280, 8 * 1_280 + 1])
    assert network.steps_in(samples).tolist() == [1, 1, 2]
    assert network.steps_in(8 * 1_280 + 1) == 2
