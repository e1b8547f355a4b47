"""
From folders and lists of videos to an index, to splits and folds, and from a video file to its frames.

Knows who is in which subset, and what is wrong with a file. Leaves stored frames to the wing frames.
"""
