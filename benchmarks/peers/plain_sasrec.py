"""SASRec as written by hand in plain PyTorch: padded batches, full softmax. Any torch will do:

    PYTHON benchmarks/peers/plain_sasrec.py --data SEQUENCES.npz --out FILE.jsonl --epochs 20

What a practitioner writes who knows the field: right padding, so that causal attention needs no
mask, batches indexed out of one tensor, tied output, a cross entropy over all items that ignores
the padding. Two things make it quicker, and are options because few do them: `--real-targets`
leaves the padding out before the product with the items, and `--no-attention-dropout` gives the
fused kernel, which on a CPU knows no dropout.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks.sequence_data import Floats, Ints, Log, Sequences, peer_options, read

IGNORED = -100


class Block(nn.Module):
    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__()
        dim, self.heads, self.dropout = args.dim, args.heads, args.dropout
        self.attention_dropout = args.dropout * (not args.no_attention_dropout)
        self.before_attention, self.before_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        rows, length, dim = x.shape
        mixed = self.qkv(self.before_attention(x)).view(rows, length, 3, self.heads, -1)
        q, k, v = mixed.permute(2, 0, 3, 1, 4)
        rate = self.attention_dropout if self.training else 0.0
        met = functional.scaled_dot_product_attention(q, k, v, dropout_p=rate, is_causal=True)
        met = self.out(met.transpose(1, 2).reshape(rows, length, dim))
        x = x + functional.dropout(met, self.dropout, self.training)
        return x + functional.dropout(self.mlp(self.before_mlp(x)), self.dropout, self.training)


class SASRec(nn.Module):
    def __init__(self, n_items: int, args: argparse.Namespace) -> None:
        super().__init__()
        self.n_items, self.dropout = n_items, args.dropout
        self.items = nn.Embedding(n_items + 1, args.dim, padding_idx=n_items)
        self.positions = nn.Embedding(args.length, args.dim)
        self.blocks = nn.Sequential(*(Block(args) for _ in range(args.blocks)))
        self.last = nn.LayerNorm(args.dim)
        for table in (self.items, self.positions):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        states = self.items(x) + self.positions.weight[: x.shape[1]]
        states = self.blocks(functional.dropout(states, self.dropout, self.training))
        return self.last(states)  # type: ignore[no-any-return]

    def logits(self, states: Tensor) -> Tensor:
        return states @ self.items.weight[: self.n_items].T


def pad(rows: list[Ints], length: int, filler: int) -> Tensor:
    """The last `length` codes of each row, from the left."""
    table = np.full((len(rows), length), filler, dtype=np.int64)
    for into, row in zip(table, rows, strict=True):
        into[: min(len(row), length)] = row[-length:]
    return torch.from_numpy(table)


def train(model: SASRec, data: Sequences, args: argparse.Namespace, log: Log) -> None:
    windows = [row[-args.length - 1 :] for row in data.training()]
    inputs = pad([row[:-1] for row in windows], args.length, data.n_items)
    targets = pad([row[1:] for row in windows], args.length, IGNORED)
    tokens = int((targets != IGNORED).sum())
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    left = True
    while left:
        log.start()
        model.train()
        total = 0.0
        for rows in torch.split(torch.randperm(len(inputs)), args.batch):
            states, wanted = model(inputs[rows]).flatten(0, 1), targets[rows].flatten()
            if args.real_targets:
                real = wanted != IGNORED
                states, wanted = states[real], wanted[real]
            loss = functional.cross_entropy(model.logits(states), wanted, ignore_index=IGNORED)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(rows)
        log.stop()
        left = log.write(tokens, total / len(inputs))


def main() -> None:
    parser = peer_options(__doc__)
    parser.add_argument("--real-targets", action="store_true", help="no logits of the padding")
    parser.add_argument("--no-attention-dropout", action="store_true", help="fused on a CPU")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    data = read(args.data)
    model = SASRec(data.n_items, args)

    @torch.no_grad()
    def score(users: Ints, part: str) -> Floats:
        model.eval()
        rows = [data.before(user, part)[-args.length :] for user in users.tolist()]
        ends = torch.tensor([len(row) - 1 for row in rows])
        states = model(pad(rows, args.length, data.n_items))
        return model.logits(states[torch.arange(len(rows)), ends]).numpy()

    facts = {"library": "plain PyTorch", "torch": torch.__version__}
    facts |= {name: getattr(args, name) for name in ("real_targets", "no_attention_dropout")}
    log = Log(args, data, score, **facts)
    train(model, data, args, log)
    print(json.dumps(log.line))


if __name__ == "__main__":
    main()
