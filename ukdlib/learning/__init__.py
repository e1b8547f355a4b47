"""
From stored frames to a trained network: views, augmentation, clips, losses, optimization, checkpoints.

Knows one network and one lesson at a time. Leaves the architecture to networks, and stored logits to knowledge.
"""
