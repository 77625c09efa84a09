from torch import nn

from reccore.train.task import default_groups


def test_matrices_decay_and_the_rest_does_not():
    module = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2), nn.LayerNorm(2))
    matrices, plain = default_groups(module, "tower")
    assert (matrices.name, matrices.decay, plain.name, plain.decay) == (
        *("tower", True),
        *("tower_plain", False),
    )
    assert [id(p) for p in matrices.parameters] == [id(module[1].weight)]
    assert len(plain.parameters) == 4


def test_frozen_parameters_are_in_no_group():
    module = nn.Linear(2, 2).requires_grad_(False)
    assert default_groups(module) == []
