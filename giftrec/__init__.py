"""GiftRec: a gift-recommendation agent on the shared core."""
