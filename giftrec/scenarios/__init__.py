"""Scenarios: made by covering array, labelled by the simulator, augmented, split, stored."""
