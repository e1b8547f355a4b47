"""
Optical flow: TV-L1 on a CPU or a GPU, its storage as two bytes per vector, and its visualisation.

Brightening dark frames, which TV-L1 needs first, and storing flow are in `frames`.
"""

from ukdlib.flow.clips import flow_clip, flow_clips, tvl1

__all__ = ["flow_clip", "flow_clips", "tvl1"]
