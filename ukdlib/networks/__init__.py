"""The zoo of networks: `build_network` and `initial_network` are what the rest of the library needs most."""

from ukdlib.networks.slowfast import pick_slow
from ukdlib.networks.trial import check_network
from ukdlib.networks.zoo import NETWORKS, Carried, build_network, initial_network

__all__ = ["NETWORKS", "Carried", "build_network", "check_network", "initial_network", "pick_slow"]
