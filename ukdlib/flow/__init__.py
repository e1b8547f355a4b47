"""
Optical flow: TV-L1 on a CPU or a GPU, the two bytes that a vector is stored in, and pictures of it for people.

Leaves the brightening of dark frames, which TV-L1 needs first, to frames, and where flow is stored to frames as well.
"""

from ukdlib.flow.clips import flow_clip, flow_clips, tvl1

__all__ = ["flow_clip", "flow_clips", "tvl1"]
