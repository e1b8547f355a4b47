"""
Pretrained weights: downloaded, read without running code from the file, and matched to a network's own names.

The networks are in `networks`, checkpoints of our own trainings in `learning`.
"""
