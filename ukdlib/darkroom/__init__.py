"""
The data set that comes with ukd: a human figure performs the actions in the dark and is filmed by a camera.

Videos are written by `videos`. Independent of the networks.
"""
