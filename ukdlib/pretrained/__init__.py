"""
Weights to start from: fetched, read without running code from the file, and matched to a network's own names.

Leaves the networks to networks and checkpoints of our own trainings to learning.
"""
