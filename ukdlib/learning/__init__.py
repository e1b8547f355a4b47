"""
From stored frames to a trained network: views, augmentation, clips, losses, optimization, checkpoints.

One network and one lesson at a time. Architectures are in `networks`, stored logits in `knowledge`.
"""
