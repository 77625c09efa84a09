"""The REST API of gifts."""
