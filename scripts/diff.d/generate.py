"""Random commands, from a list of how each is written.

A word in capitals stands for itself, one in small letters for a random argument: see `Arguments`. `[a | b c]` is there or
not, in one of its forms; `{ a b ... }` is there once or several times; `command` is any other command.
"""
import random
import re

STRINGS = """
APPEND key value
DECR key
DECRBY key integer
GET key
GETDEL key
GETEX key [EX seconds | PX millis | EXAT when | PXAT when | PERSIST]
GETRANGE key position position
GETSET key value
INCR key
INCRBY key integer
INCRBYFLOAT key float
LCS tagged tagged [LEN] [IDX] [MINMATCHLEN position] [WITHMATCHLEN]
MGET { key ... }
MSET { key value ... }
MSETNX { tagged value ... }
PSETEX key millis value
SET key value
SET key value [NX | XX] [GET] [EX seconds | PX millis | EXAT when | PXAT when | KEEPTTL]
SET key integer
SETEX key seconds value
SETNX key value
SETRANGE key offset value
STRLEN key
SUBSTR key position position
"""

KEYS = """
COPY tagged tagged [DB db] [REPLACE]
DEL { key ... }
EXISTS { key ... }
EXPIRE key seconds [NX | XX | GT | LT]
EXPIREAT key when [NX | XX | GT | LT]
EXPIRETIME key
KEYS pattern
MOVE key db
OBJECT ENCODING key
OBJECT FREQ key
OBJECT IDLETIME key
OBJECT REFCOUNT key
PERSIST key
PEXPIRE key millis [NX | XX | GT | LT]
PEXPIREAT key when [NX | XX | GT | LT]
PEXPIRETIME key
PTTL key
RANDOMKEY
RENAME tagged tagged
RENAMENX tagged tagged
SCAN 0 COUNT 1000000 [MATCH pattern] [TYPE string]
SCAN 0 MATCH pattern COUNT 1000000
SCAN 0 TYPE word COUNT 1000000
SCAN integer [COUNT integer | MATCH pattern | TYPE word | word word]
TOUCH { key ... }
TTL key
TYPE key
UNLINK { key ... }
"""

CONNECTIONS = """
CLIENT GETNAME
CLIENT GETREDIR
CLIENT KILL ID 987654321 [SKIPME word | LADDR word | TYPE word | USER word | ADDR word | word word]
CLIENT KILL word word ID 987654321
CLIENT KILL 987654321
CLIENT LIST ID 987654321
CLIENT LIST TYPE word
CLIENT NO-EVICT word
CLIENT NO-EVICT ON
CLIENT NO-TOUCH OFF
CLIENT REPLY ON
CLIENT REPLY word
CLIENT SETINFO LIB-NAME word
CLIENT SETINFO word word
CLIENT SETNAME word
CLIENT TRACKINGINFO
CLIENT UNBLOCK integer [TIMEOUT | ERROR | word]
CLIENT word
ECHO value
HELLO 2
HELLO 3
HELLO word
HELLO 3 [AUTH default word | SETNAME word | word]
PING
PING value
RESET
SELECT db
SELECT integer
WAIT 0 integer
WAIT word 0
"""

SERVER = """
CLUSTER word
CLUSTER COUNTKEYSINSLOT integer
CLUSTER GETKEYSINSLOT integer integer
CLUSTER NODES
COMMAND COUNT word
COMMAND DOCS name
COMMAND GETKEYS word { word ... }
COMMAND GETKEYS command
COMMAND GETKEYSANDFLAGS command
COMMAND INFO name
COMMAND LIST FILTERBY word word
COMMAND LIST FILTERBY PATTERN name
COMMAND word
CONFIG GET word
CONFIG GET databases
CONFIG RESETSTAT
CONFIG SET word value
CONFIG SET databases integer
CONFIG SET save ""
CONFIG SET word word word
CONFIG word
DBSIZE
FLUSHALL [ASYNC | SYNC | word]
FLUSHDB [ASYNC | SYNC | word]
INFO word
INFO server
OBJECT word key
TIME
word { word ... }
"""

GROUPS = {
    "strings": STRINGS,
    "keys": KEYS,
    "connections": CONNECTIONS,
    "server": SERVER,
    "floats": "SET key float\nINCRBYFLOAT key float",
}

# How often each group has its turn when all have. FLUSHALL must be rare enough for keys to gather.
WEIGHTS = {"strings": 60, "keys": 34, "connections": 4, "server": 2}

# Of so many commands one is broken: an argument more, one less, or another in its place.
BROKEN_ONE_IN = 12


class Source:
    """An endless stream of batches that the seed decides."""

    def __init__(self, seed, only, connections):
        self.random = random.Random(seed)
        self.connections = connections
        groups = {only: 1} if only else WEIGHTS
        self.groups = [parse(GROUPS[name]) for name in groups]
        self.weights = list(groups.values())
        self.arguments = Arguments(self.random, [form for name in WEIGHTS for form in parse(GROUPS[name])])
        self.fresh = set(range(connections))

    def connection(self):
        self.current = self.random.randrange(self.connections)
        return self.current

    def batch(self, commands_max):
        """Some commands for the connection chosen last. Half of the connections begin in RESP3."""
        commands = []
        if self.current in self.fresh:
            self.fresh.remove(self.current)
            if self.current % 2:
                commands.append((b"HELLO", b"3"))
        length = self.random.randint(1, commands_max)
        while len(commands) < length:
            [group] = self.random.choices(self.groups, self.weights)
            command = self.command(self.random.choice(group))
            if is_harmless(command):
                commands.append(command)
        return commands

    def command(self, form):
        words = self.arguments.fill(form)
        if self.random.randrange(BROKEN_ONE_IN) == 0:
            words = self.broken(words)
        if self.random.randrange(4) == 0:
            words[0] = bytes(self.random.choice((chr(b).lower(), chr(b).upper())).encode()[0] for b in words[0])
        return tuple(words)

    def broken(self, words):
        at = self.random.randint(1, len(words))
        match self.random.randrange(3):
            case 0 if len(words) > 1:
                return words[: at - 1] + words[at:] if at > 1 else words[:-1]
            case 1:
                return words[:at] + [self.arguments.any()] + words[at:]
            case _ if at < len(words):
                return words[:at] + [self.arguments.any()] + words[at + 1 :]
        return words


def is_harmless(words):
    """Whether the comparison can go on after it: no other connection is closed, a reply comes soon, no string becomes
    hundreds of megabytes long, no key expires during the run (never at the same time on both servers), and all keys are
    in one slot where annulet asks for that."""
    match [word.lower() for word in words]:
        case [b"client", b"kill", *rest]:
            return b"987654321" in rest
        case [b"client", b"reply", *rest]:
            return b"off" not in rest and b"skip" not in rest
        case [b"wait", replicas, *_]:
            return not re.fullmatch(rb"[1-9]\d*", replicas)
        case [b"setrange", _, offset, *_]:
            return not re.fullmatch(rb"[1-9]\d{5,8}", offset) or int(offset) >= 2**29
        case [b"expire" | b"setex", _, seconds, *_]:
            return not SOON_IN_SECONDS.fullmatch(seconds)
        case [b"pexpire" | b"psetex", _, millis, *_]:
            return not SOON_IN_MILLIS.fullmatch(millis)
        case [b"set" | b"getex", *rest]:
            pairs = list(zip(rest, rest[1:]))
            return not any(
                option == b"ex" and SOON_IN_SECONDS.fullmatch(number) or option == b"px" and SOON_IN_MILLIS.fullmatch(number)
                for option, number in pairs
            )
        case [b"rename" | b"renamenx" | b"copy" | b"lcs", *keys]:
            return all(key.startswith(b"{t}") for key in keys[:2])
        case [b"msetnx", *pairs]:
            return all(key.startswith(b"{t}") for key in pairs[::2])
    return True


def parse(text):
    """Forms as lists: a word, ("one", forms) for brackets, ("many", form) for braces."""
    return [parse_form(iter(line.split())) for line in text.strip().splitlines()]


def parse_form(words):
    form = []
    for word in words:
        if word.startswith("["):
            inside = [word[1:]]
            while not inside[-1].endswith("]"):
                inside.append(next(words))
            inside[-1] = inside[-1][:-1]
            form.append(("one", [choice.split() for choice in " ".join(inside).split(" | ")]))
        elif word == "{":
            inside = []
            while (word := next(words)) != "...":
                inside.append(word)
            next(words)
            form.append(("many", inside))
        else:
            form.append(word)
    return form


class Arguments:
    """Random arguments of every kind: most of them sensible, all of them of use."""

    def __init__(self, source, forms):
        self.random = source
        self.forms = forms
        names = {form[0] for form in forms if form[0].isupper()}
        self.names = sorted(names)

    def fill(self, form):
        """A command in this form."""
        words = []
        for part in form:
            if part == "command":
                words += self.fill(self.random.choice(self.forms))
            elif isinstance(part, str):
                words.append(self.word_for(part))
            elif part[0] == "many":
                for _ in range(self.random.choice((1, 1, 2, 3, 5))):
                    words += map(self.word_for, part[1])
            elif self.random.randrange(5) < 2:
                words += map(self.word_for, self.random.choice(part[1]))
        return words

    def word_for(self, part):
        if part == '""':
            return b""
        return getattr(self, part)() if re.fullmatch("[a-z]+", part) and hasattr(self, part) else part.encode()

    def any(self):
        kinds = (self.key, self.value, self.integer, self.float, self.seconds, self.db, self.word, self.pattern)
        return self.random.choice(kinds)()

    def key(self):
        return self.random.choice(KEY_POOL) if self.random.randrange(3) else self.tagged()

    def tagged(self):
        return self.random.choice(TAGGED_POOL)

    def value(self):
        match self.random.randrange(10):
            case 0 | 1 | 2:
                return self.integer()
            case 3 | 4:
                return self.float()
            case 5:
                return bytes(self.random.randrange(256) for _ in range(self.random.randrange(20)))
            case 6:
                return self.random.choice((b"x", b"ab", b"abc")) * self.random.choice((1, 14, 15, 22, 44, 45, 64, 300))
            case 7:
                return bytes(self.random.choice(b"abcd") for _ in range(self.random.randrange(60)))
            case 8:
                return b""
        return self.word()

    def integer(self):
        match self.random.randrange(8):
            case 0:
                return self.random.choice(INTEGER_EDGES)
            case 1:
                return str(self.random.randrange(-(2**63), 2**63)).encode()
            case 2:
                return self.random.choice(NOT_INTEGERS)
        return str(self.random.randrange(-20, 200)).encode()

    def position(self):
        if self.random.randrange(10) == 0:
            return self.integer()
        return str(self.random.randrange(-70, 70)).encode()

    def offset(self):
        match self.random.randrange(12):
            case 0:
                # Too far for any string, so that none becomes hundreds of megabytes long.
                return str(self.random.choice((2**29, 2**29 + 1, 2**31, 2**32, 2**63 - 1))).encode()
            case 1:
                return self.random.choice(NOT_INTEGERS + [b"-1", b"-9223372036854775808"])
        return str(self.random.randrange(0, 80)).encode()

    def float(self):
        choice = self.random.randrange(12)
        if choice == 0:
            return self.random.choice(FLOAT_EDGES)
        if choice == 1:
            return self.integer()
        sign = self.random.choice(("", "", "-"))
        digits = "".join(self.random.choice("0123456789") for _ in range(self.random.randint(1, 24)))
        if choice < 6:
            point = self.random.randint(0, len(digits))
            text = f"{digits[:point]}.{digits[point:]}" if self.random.randrange(5) else digits
        elif choice < 8:
            text = repr(self.random.uniform(-1000, 1000)).lstrip("-")
        elif choice < 11:
            exponent = self.random.choice((self.random.randint(-20, 20), self.random.randint(-400, 400)))
            text = f"{digits[0]}.{digits[1:]}e{exponent}"
        else:
            text = f"0x{self.random.randrange(2**70):x}.{self.random.randrange(2**30):x}p{self.random.randint(-80, 80)}"
        return (sign + text).encode()

    def seconds(self):
        """A time to live: long enough not to end during the run, or over at once, or none."""
        if self.random.randrange(8) == 0:
            return self.random.choice(EXPIRY_EDGES)
        return str(self.random.randrange(1000, 100_000)).encode()

    def millis(self):
        if self.random.randrange(8) == 0:
            return self.random.choice(EXPIRY_EDGES)
        return str(self.random.randrange(1_000_000, 100_000_000)).encode()

    def when(self):
        """Seconds or milliseconds since the epoch: far ahead as either, or long past as either."""
        if self.random.randrange(8) == 0:
            return self.random.choice(EXPIRY_EDGES)
        return str(self.random.randrange(20_000_000_000_000, 30_000_000_000_000)).encode()

    def db(self):
        if self.random.randrange(10) == 0:
            return self.integer()
        return self.random.choice((b"0", b"0", b"0", b"1", b"2", b"15", b"16", b"-1"))

    def pattern(self):
        return self.random.choice(PATTERNS)

    def word(self):
        return self.random.choice(WORDS) if self.random.randrange(3) else self.random.choice(self.names).encode()

    def name(self):
        name = self.random.choice(self.names)
        return self.random.choice((name, name.lower(), name + "*", name[:3] + "?")).encode()


KEY_POOL = [b"k%d" % number for number in range(12)] + [b"", b"\x00\xff\r\n", b"key with spaces", b"long" * 80]
TAGGED_POOL = [b"{t}%d" % number for number in range(8)] + [b"{t}\x00\xfe", b"{t}" + b"long" * 80]

SOON_IN_SECONDS = re.compile(rb"[1-9]\d{0,2}")
SOON_IN_MILLIS = re.compile(rb"[1-9]\d{0,5}")

INTEGER_EDGES = [
    b"0", b"1", b"-1", b"9", b"10", b"9999", b"10000", b"2147483647", b"-2147483648", b"2147483648", b"4294967295",
    b"9223372036854775807", b"-9223372036854775808", b"9223372036854775806", b"-9223372036854775807",
    b"9223372036854775808", b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616",
]  # fmt: skip
NOT_INTEGERS = [b"", b" 1", b"1 ", b"+1", b"01", b"-0", b"1.0", b"1e3", b"0x10", b"one", b"1\x00", b"-", b"--1", b"1" * 400]
EXPIRY_EDGES = NOT_INTEGERS + INTEGER_EDGES + [b"9223372036854775", b"9223372036854776", b"-9223372036854775"]
FLOAT_EDGES = [
    b"0", b"-0", b"0.0", b"-0.0", b".5", b"5.", b".", b"+1.5", b"--1", b"1e", b"1e+", b"e5", b"1.5.5", b"1,5", b" 1.5",
    b"1.5 ", b"", b"inf", b"-inf", b"Infinity", b"+INF", b"nan", b"-NaN", b"0x", b"0x1p3", b"0X.8P-1", b"0xg", b"0x1p",
    b"1e308", b"-1e308", b"1e400", b"1e4932", b"-1e4932", b"1.18973149535723176502e4932", b"1e4933", b"1e-17", b"5e-18",
    b"5.0000001e-18", b"1.5e-17", b"1e-4950", b"1e-4951", b"4e-4951", b"1e-4952", b"1e99999999999999999999",
    b"1e-99999999999999999999", b"0e99999999999999999999", b"18446744073709551616", b"9007199254740993", b"1e17", b"0.1",
    b"123456789012345678901234567890", b"0." + b"0" * 100 + b"1", b"9" * 5119, b"1." + b"0" * 5117, b"1." + b"0" * 5118,
]  # fmt: skip
PATTERNS = [
    b"*", b"k*", b"k?", b"k1?", b"{t}*", b"k[1-3]", b"k[^1-3]", b"k[3-1]", b"*1", b"?", b"", b"\\k1", b"k\\*", b"[", b"k[",
    b"**1", b"k1\\", b"*\xff*", b"*long*long*", b"[k]1", b"[]", b"k[\\1]", b"*[0-9]", b"nothing",
]  # fmt: skip
WORDS = [
    b"", b"foo", b"a b", b"get", b"GET", b"nx", b"XX", b"on", b"off", b"yes", b"no", b"maybe", b"default", b"normal",
    b"replica", b"master", b"pubsub", b"lib-ver", b"help", b"list", b"id", b"info", b"string", b"all", b"everything",
    b"keyspace", b"nosuch", b"nosuch" * 30, b"\xff\x00\xfe", b"n\xc3\xa4me", b"127.0.0.1:1", b"3", b"2", b"4", b"0", b"-1",
    b"FILTERBY", b"PATTERN", b"ACLCAT", b"MODULE", b"client|list", b"object", b"encoding", b"%s%n", b"line\r\nbreak",
]  # fmt: skip
