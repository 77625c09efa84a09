"""The REST API of films and series."""
