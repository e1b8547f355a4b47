"""
From folders and lists of videos to an index, splits and folds, and from a video file to its frames.

Decides which video is in which subset, and detects what is wrong with a file. Stored frames are in `frames`.
"""
