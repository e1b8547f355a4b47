"""
Decoded frames: the store that windows are read from, gamma and other corrections, and what frames are like.

Leaves videos to the wing videos, flow's algorithm to flow, crops and augmentation to learning.
"""
