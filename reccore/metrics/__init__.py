"""How good recommendations are: ranking, lists, calibration, ratings, and how sure we are."""
