"""Open vocabulary: free words against gift texts, by meaning where a model is installed."""
