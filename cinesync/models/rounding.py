"""Training that knows its numbers will be rounded (Jacob et al. 2018): int8 as a bundle stores it.

Forward, rows are what `reccore.bundle.quantise` makes of them; backward, rounding is passed over
(the straight-through estimate of Bengio et al. 2013), so that weights settle where it costs little.
"""

import torch
from torch import Tensor

from reccore.bundle.quantise import LEVELS


def rounded(rows: Tensor) -> Tensor:
    """[N, d] as int8 with a scale a row and a scale a column; the gradient is that of `rows`."""
    with torch.no_grad():
        columns = rows.abs().amax(dim=0).clamp(min=1e-12)
        scales = (rows / columns).abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / LEVELS
        error = torch.round(rows / columns / scales) * scales * columns - rows
    return rows + error
