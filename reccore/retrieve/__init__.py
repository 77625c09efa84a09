"""Vectors in, the best k out: exact, by inverted lists or by a graph, and kept in a folder."""
