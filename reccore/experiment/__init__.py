"""Experiments: who gets what. Assignment is a pure function of a seed and a person's key."""
