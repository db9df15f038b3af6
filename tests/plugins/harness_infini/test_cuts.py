"""How tokens are cut: parts cover every token once, and do not reach over a segment's end."""

import pytest
import torch

from harness_infini.cuts import cut, pack, unpack


@pytest.mark.parametrize("length", [1, 127, 128, 129, 1000])
@pytest.mark.parametrize("segment_length", [1, 130, 256, 5000])
@pytest.mark.parametrize("sequences", [1, 64], ids=lambda count: f"sequences{count}")
def test_parts_cover_every_token_once(length, segment_length, sequences):
    used = cut(torch.empty(sequences, 1, length, 4), segment_length)
    covered = []
    for segment in range(used.num_segments):
        last = min((segment + 1) * used.segment_length, length)
        for part in range(used.num_parts):
            first = segment * used.segment_length + part * used.part_length
            covered += range(first, min(first + used.part_length, last))
    assert covered == list(range(length))


def test_many_sequences_have_longer_parts():
    few, many = (cut(torch.empty(count, 1, 4096, 4), 2048) for count in (1, 1000))
    assert (few.part_length, many.part_length) == (128, 512)


def test_a_state_is_unpacked_as_it_was_packed():
    M, z = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 5)
    found = torch.empty_like(M), torch.empty_like(z)
    unpack(pack(M, z), *found)
    assert torch.equal(found[0], M)
    assert torch.equal(found[1], z)
