"""
Decoded frames: the store that windows are read from, gamma and other corrections, and statistics of frames.

Video files are in `videos`, flow's algorithm in `flow`, crops and augmentation in `learning`.
"""
