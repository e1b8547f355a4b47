"""
Predictions of networks: their logits on disk, how those of many teachers are weighted and fused, and the target
that a student learns from.

Training is in `learning`, evaluation in `results`.
"""
