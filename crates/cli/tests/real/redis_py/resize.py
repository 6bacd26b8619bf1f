"""RedisCluster under load until a file appears: no call fails, and each value read is the one written last."""
import os
import sys
import threading

import redis
from redis.cluster import ClusterNode

STOP, PORTS = sys.argv[1], [int(port) for port in sys.argv[2:]]
THREADS = 2
KEYS = 200
operations = [0] * THREADS
faults = []


def load(thread, client):
    """Each thread has a client and keys of its own."""
    keys = [f"py:{thread}:{number}" for number in range(KEYS)]
    turn = 0
    while not os.path.exists(STOP):
        turn += 1
        for key in keys:
            assert client.set(key, turn) is True
            assert client.incr(f"{key}:count") == turn, key
        with client.pipeline() as pipeline:
            for key in keys:
                pipeline.get(key)
            assert pipeline.execute() == [b"%d" % turn] * KEYS
        assert client.mget_nonatomic(keys) == [b"%d" % turn] * KEYS
        operations[thread] += 4 * KEYS


def guarded(thread):
    try:
        load(thread, redis.RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", port) for port in PORTS]))
    except BaseException as fault:
        faults.append(repr(fault))
        raise


threads = [threading.Thread(target=guarded, args=(thread,)) for thread in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not faults, faults
print("all well:", sum(operations), "operations")
