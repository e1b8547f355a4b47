"""
Networks from clips to class logits: the paper's, libraries', anyone's; `build_network` makes one by its name.

Training and pretrained weights are in other subpackages. Importing this one is cheap.
"""

from ukdlib.networks.zoo import FAMILIES, Carried, build_network, builder, family_of, initial_network

__all__ = ["FAMILIES", "Carried", "build_network", "builder", "family_of", "initial_network"]
