"""
A trained network in use: its folder, predictions over files and streams, calibration, ONNX, cards, and what is shown.

Knows videos and frames, needs neither the workflow nor the training data. How well a network does on a test set is in
`results`.
"""

from ukdlib.deploy.model import Model, load

__all__ = ["Model", "load"]
