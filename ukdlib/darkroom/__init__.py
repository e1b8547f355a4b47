"""
The data sets that come with ukd: a human figure performs the actions in the dark and is filmed there.

Leaves how videos are written to the wing videos. Knows nothing of networks.
"""
