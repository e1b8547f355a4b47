"""Weights to start a training from: fetching, reading, renaming and loading them."""
