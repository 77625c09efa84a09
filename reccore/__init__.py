"""The shared core: data, metrics, training and run folders. It knows tensors, ids and files."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())
