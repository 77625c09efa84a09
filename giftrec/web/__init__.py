"""The shopper's page: say who the gift is for, and get five different gifts with reasons."""
