"""Interactions, ids, features, splits, batches and negatives."""
