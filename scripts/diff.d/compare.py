"""Sends commands to both servers and judges whether their replies mean the same."""
import os
import re
import tomllib

import resp

SHOWN_BYTES_MAX = 400


class Pair:
    """Both servers, emptied, with the same number of fresh connections to each."""

    def __init__(self, servers, connections):
        self.oracle = [resp.Connection(servers.oracle_port) for _ in range(connections)]
        ports = servers.annulet_ports
        self.annulet = [resp.Connection(ports[index % len(ports)]) for index in range(connections)]
        for connection in (self.annulet[0], self.oracle[0]):
            connection.call(b"FLUSHALL")

    def exchange(self, connection, commands):
        """The replies of both to a pipeline of commands."""
        both = self.annulet[connection], self.oracle[connection]
        for end in both:
            end.send(commands)
        return [[end.reply() for _ in commands] for end in both]

    def close(self):
        for connection in self.annulet + self.oracle:
            connection.close()


class Rules:
    """What is meant to differ: see explained.toml."""

    def __init__(self, rules):
        self.rules = rules
        self.used = [0] * len(rules)
        self.equal = 0

    @staticmethod
    def load(oracle_name):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "explained.toml")
        with open(path, "rb") as file:
            rules = [Rule(entry) for entry in tomllib.load(file)["rule"]]
        return Rules([rule for rule in rules if rule.oracle.match(oracle_name)])

    def explain(self, command, ours, theirs):
        """Whether the replies are equal or differ as they are meant to."""
        if ours == theirs:
            self.equal += 1
            return True
        text = command_text(command)
        for index, rule in enumerate(self.rules):
            if rule.explains(text, ours, theirs):
                self.used[index] += 1
                return True
        return False

    def summary(self):
        return f"{self.equal} equal, {sum(self.used)} explained"

    def details(self):
        yield f"{self.equal} replies are equal to the byte"
        for rule, count in zip(self.rules, self.used):
            if count:
                yield f"{count} explained: {rule.why}"
        yield f"{self.used.count(0)} rules had nothing to explain"


class Rule:
    """One reason for which replies may differ. Patterns are for the whole command and the whole reply."""

    def __init__(self, entry):
        flags = re.DOTALL | re.IGNORECASE
        self.why = entry.pop("why")
        self.oracle = re.compile(entry.pop("oracle", ""))
        self.command = re.compile(entry.pop("command"), flags)
        self.ours = re.compile(entry.pop("ours", ".*"), re.DOTALL)
        self.theirs = re.compile(entry.pop("theirs", ".*"), re.DOTALL)
        self.within = entry.pop("within", None)
        self.any_order = entry.pop("any_order", False)
        self.as_text = entry.pop("as_text", False)
        if entry:
            raise ValueError(f"explained.toml: unknown keys {sorted(entry)} in the rule {self.why!r}")

    def explains(self, command, ours, theirs):
        if not self.command.fullmatch(command):
            return False
        if self.within is not None:
            return are_close(ours, theirs, self.within)
        if self.any_order:
            return in_any_order(ours) is not None and in_any_order(ours) == in_any_order(theirs)
        if self.as_text:
            return ours.decode("utf8", "replace") == theirs.decode("utf8", "replace") and ours[:1] == b"-"
        ours, theirs = ours.decode("latin1"), theirs.decode("latin1")
        return bool(self.ours.fullmatch(ours) and self.theirs.fullmatch(theirs))


def are_close(ours, theirs, within):
    if not (ours[:1] == theirs[:1] == b":"):
        return False
    ours, theirs = int(ours[1:]), int(theirs[1:])
    return ours >= 0 and theirs >= 0 and abs(ours - theirs) <= within


def in_any_order(reply):
    """The elements of a reply, sorted, and so are those of its elements."""
    found = resp.items(reply)
    return None if found is None else (reply[:1], sorted(repr(in_any_order(item) or item) for item in found))


def command_text(command):
    """The words with a space between each two, for patterns."""
    return b" ".join(command).decode("latin1")


def shown_command(command):
    """As redis-cli takes it."""
    return " ".join(map(word_shown, command))


def word_shown(word):
    plain = word.decode("latin1")
    if re.fullmatch(r"[!#-&(-\[\]-~]+", plain):
        return plain
    return '"' + "".join(byte_shown(byte) for byte in word) + '"'


def byte_shown(byte):
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"


def shown(reply):
    rest = f"... ({len(reply)} bytes)" if len(reply) > SHOWN_BYTES_MAX else ""
    return repr(reply[:SHOWN_BYTES_MAX])[1:] + rest
