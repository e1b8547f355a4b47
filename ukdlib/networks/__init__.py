"""The zoo of networks: `build_network` and `initial_network` are all that the rest of the library needs."""

from ukdlib.networks.slowfast import pick_slow
from ukdlib.networks.trial import check_network
from ukdlib.networks.zoo import NETWORKS, build_network, initial_network

__all__ = ["NETWORKS", "build_network", "check_network", "initial_network", "pick_slow"]
