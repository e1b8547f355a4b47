"""
What networks think of clips: their logits on disk, how those of many teachers are weighed and fused, and the target
that a student learns from.

Leaves training to learning, and how right anyone was to results.
"""
