"""The server under both products: no torch, one process a replica, stateless."""
