"""Answers kept for the next who asks: memory, Redis and lists made beforehand, fastest first."""
