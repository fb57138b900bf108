"""A Ray cluster of two nodes on this machine, until standard input ends.

Prints a line of JSON: the cluster's address, and the process of the second node's raylet, with which that node lives.
"""

import json
import sys

from ray.cluster_utils import Cluster

SMALL = {"num_cpus": 1, "object_store_memory": 80_000_000}


def main():
    cluster = Cluster(initialize_head=True, head_node_args=SMALL | {"include_dashboard": False})
    second = cluster.add_node(**SMALL)
    (raylet,) = second.all_processes["raylet"]
    print(json.dumps({"address": cluster.address, "raylet": raylet.process.pid}), flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
