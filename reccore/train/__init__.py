"""The one trainer: everything with gradients goes through `fit`."""
