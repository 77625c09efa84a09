"""The web app: rate films and series, and see what to watch next."""
