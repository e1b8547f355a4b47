"""
Networks from clips to class logits: the paper's, libraries', anyone's; `build_network` makes one by its name.

Knows nothing of training, of weights from elsewhere (pretrained), nor of what a clip shows. Importing it is cheap.
"""

from ukdlib.networks.zoo import FAMILIES, Carried, build_network, builder, family_of, initial_network

__all__ = ["FAMILIES", "Carried", "build_network", "builder", "family_of", "initial_network"]
