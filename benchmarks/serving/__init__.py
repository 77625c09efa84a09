"""The server under load: the bars of docs, measured on the machine that also makes the load.

python -m benchmarks.serving                  # go on where the last call stopped
python -m benchmarks.serving --only cached
python -m benchmarks.serving --try 3          # runs of 3 seconds, printed and not kept
"""

from benchmarks.serving.table import markdown

__all__ = ["markdown"]
