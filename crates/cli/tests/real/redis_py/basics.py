"""What people do with redis-py, through every plain port, in both protocols, and with the cluster client."""
import sys
import time

import redis

PORTS = [int(port) for port in sys.argv[1:]]
BINARY = bytes(range(256))


def refused(call, text):
    try:
        call()
    except redis.ResponseError as error:
        assert text in str(error), str(error)
    else:
        raise AssertionError(f"expected an error with {text!r}")


def strings(a, b):
    assert a.ping() is True
    assert a.set("k", BINARY) is True
    assert b.get("k") == BINARY
    assert b.get("absent") is None
    assert a.set("k", "new", nx=True) is None
    assert a.set("k", "new", get=True) == BINARY
    assert a.mset({f"m:{n}": n for n in range(100)}) is True
    assert b.mget([f"m:{n}" for n in range(100)] + ["absent"]) == [b"%d" % n for n in range(100)] + [None]
    assert a.incr("counter", 5) == 5
    assert b.decr("counter") == 4
    assert a.append("log", "abc") == 3
    assert b.strlen("log") == 3


def keys(a, b):
    assert a.exists("k", "counter", "absent") == 2
    assert b.type("k") == b"string"
    assert sorted(b.keys("m:1?")) == sorted(b"m:%d" % n for n in range(10, 20))
    assert a.dbsize() == b.dbsize() == 103
    assert sorted(a.scan_iter("m:*", count=7)) == sorted(b"m:%d" % n for n in range(100))
    assert len(set(b.scan_iter())) == 103 and list(a.scan_iter(_type="list")) == []
    assert a.exists(b.randomkey()) == 1
    assert a.rename("counter", "{counter}renamed") is True and b.renamenx("{counter}renamed", "counter") is True
    assert b.copy("counter", "{counter}copy") is True and a.getdel("{counter}copy") == b"4"
    assert a.object("encoding", "counter") == b"int"
    assert a.delete(*[f"m:{n}" for n in range(100)]) == 100


def times(a, b):
    assert a.set("t", "v", ex=100) is True
    assert 98 <= b.ttl("t") <= 100
    assert b.expire("t", 1000) is True
    assert 999_000 <= a.pttl("t") <= 1_000_000
    assert a.persist("t") is True
    assert b.ttl("t") == -1
    assert b.ttl("absent") == -2
    assert a.set("short", "v", px=30) is True
    deadline = time.monotonic() + 5
    while b.exists("short"):
        assert time.monotonic() < deadline, "it does not expire"


def pipelines(a, b):
    pipeline = a.pipeline(transaction=False)
    for n in range(1000):
        pipeline.set(f"p:{n}", n).get(f"p:{n}").incr("p:sum", n)
    replies = pipeline.execute()
    assert replies[0::3] == [True] * 1000
    assert replies[1::3] == [b"%d" % n for n in range(1000)]
    assert replies[2::3] == [n * (n + 1) // 2 for n in range(1000)]
    assert b.get("p:sum") == b"499500"


def server(a):
    assert a.info("server")["redis_mode"] == "standalone"
    assert a.client_setname("me") is True and a.client_getname() in (b"me", "me")
    assert a.config_get("maxmemory") is not None
    assert a.config_set("maxclients", 9999) is True and a.config_get("maxclients") == {"maxclients": "9999"}
    assert {"get", "scan", "randomkey"} <= {name.decode().lower() for name in a.command_list()}
    assert [key for key in a.command_getkeys("MSET", "x", 1, "y", 2)] in ([b"x", b"y"], ["x", "y"])
    assert a.client_info()["name"] == "me"
    refused(lambda: a.execute_command("NOSUCH", "x"), "unknown command 'NOSUCH'")
    refused(lambda: a.execute_command("GET"), "wrong number of arguments for 'get' command")
    refused(lambda: a.incr("k"), "value is not an integer or out of range")


for number, port in enumerate(PORTS):
    for options in ({}, {"protocol": 2}, {"protocol": 3}):
        a = redis.Redis(port=port, **options)
        b = redis.Redis(port=PORTS[(number + 1) % len(PORTS)], **options)
        strings(a, b)
        keys(a, b)
        times(a, b)
        pipelines(a, b)
        server(a)
        three = redis.Redis(port=port, db=3, **options)
        assert three.dbsize() == 0 and three.set("k", "three") is True
        assert a.flushall() is True
        assert b.dbsize() == three.dbsize() == 0

cluster = redis.RedisCluster(host="127.0.0.1", port=PORTS[0] + 100)
for n in range(300):
    assert cluster.set(f"c:{n}", n)
assert all(cluster.get(f"c:{n}") == b"%d" % n for n in range(300))
assert redis.Redis(port=PORTS[1]).dbsize() == 300
assert len(cluster.get_primaries()) == len(PORTS)
print("all well")
