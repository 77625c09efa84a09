"""The gift server under load: the bars of docs/gift-api.md, the load made on the same machine.

python -m benchmarks.gift_serving                  # go on where the last call stopped
python -m benchmarks.gift_serving --only small
python -m benchmarks.gift_serving --try 3          # runs of 3 seconds, printed and not kept
"""

from benchmarks.gift_serving.table import markdown

__all__ = ["markdown"]
