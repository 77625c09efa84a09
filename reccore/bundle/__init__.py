"""One folder that answers a raw request: no ratings, no trainer, no torch."""
