"""Targets and errors, against numbers worked out by hand."""

import pytest
import torch

from harness_dqn.targets import (
    clipped_error,
    double_value,
    lambda_returns,
    largest_value,
    squared_error,
    value_of,
)

ONLINE = torch.tensor([[1.0, 3.0], [5.0, 2.0]])
TARGET = torch.tensor([[10.0, 20.0], [30.0, 40.0]])
STATES = torch.zeros(2, 1)


def online(states):
    return ONLINE


def target(states):
    return TARGET


def test_the_largest_value_is_the_targets():
    assert largest_value(online, target, STATES).tolist() == [20.0, 40.0]


def test_double_values_are_the_targets_of_what_the_network_chooses():
    assert double_value(online, target, STATES).tolist() == [20.0, 30.0]


def test_the_value_of_an_action_is_its_own():
    assert value_of(ONLINE, torch.tensor([1, 0])).tolist() == [3.0, 5.0]


def test_squared_errors_are_whole_squares():
    assert squared_error(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 0.0])).tolist() == [9.0, 4.0]


@pytest.mark.parametrize("error", [-7.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0])
def test_the_clipped_errors_gradient_is_the_clipped_error(error):
    value = torch.tensor([2.0], requires_grad=True)
    clipped_error(value, torch.tensor([2.0 - error])).sum().backward()
    assert value.grad.item() == pytest.approx(min(1.0, max(-1.0, error)))


def returns(*, gamma=0.5, trace=0.25, terminated=(0, 0, 0), ends=(0, 0, 0)):
    columns = torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0], terminated, ends]).T.unsqueeze(2)
    rewards, values, dead, last = columns.unbind(dim=1)
    return lambda_returns(rewards, values, dead, last, gamma=gamma, trace=trace).flatten().tolist()


def test_returns_mix_values_and_later_returns():
    third = 4 + 0.5 * 32
    second = 2 + 0.5 * (0.75 * 16 + 0.25 * third)
    first = 1 + 0.5 * (0.75 * 8 + 0.25 * second)
    assert returns() == [first, second, third]


def test_returns_without_trace_look_one_step_ahead():
    assert returns(trace=0.0) == [1 + 4, 2 + 8, 4 + 16]


def test_returns_with_full_trace_sum_all_rewards():
    assert returns(trace=1.0) == [1 + 0.5 * 2 + 0.25 * 4 + 0.125 * 32, 2 + 0.5 * 4 + 0.25 * 32, 4 + 0.5 * 32]


def test_nothing_follows_a_termination():
    assert returns(terminated=(0, 1, 0), ends=(0, 1, 0))[1] == 2.0


def test_a_cut_episode_is_worth_its_last_states_value():
    assert returns(ends=(0, 1, 0))[1] == 2 + 0.5 * 16
