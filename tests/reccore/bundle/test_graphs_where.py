"""Where graphs run."""

import pytest

from reccore.bundle.graphs import CPU, CUDA, providers


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        ([CPU], [CPU]),
        ([CUDA, CPU], [CUDA, CPU]),
        ([CPU, "TensorrtExecutionProvider", CUDA], [CUDA, CPU]),
        (["AzureExecutionProvider", CPU], [CPU]),
    ],
)
def test_the_gpu_where_the_runtime_has_it_else_the_processor(
    available: list[str], chosen: list[str]
) -> None:
    assert providers(available) == chosen
