"""Requests and raw replies of the Redis protocol, as far as comparing bytes needs it."""
import socket

TIMEOUT_SECONDS = 30


class Connection:
    """One client connection; replies are handed out as the bytes they came in."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", 1 << 16)

    def send(self, commands):
        self.socket.sendall(b"".join(map(encode, commands)))

    def reply(self):
        """The next reply, whole."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError(f"the connection ended after {line!r}")
        kind, text = line[:1], line[1:-2]
        if kind in b"+-:_,#(":
            return line
        length = int(text)
        if kind in b"$=!":
            return line if length < 0 else line + self.file.read(length + 2)
        if kind in b"*~>":
            return line + b"".join(self.reply() for _ in range(length))
        if kind in b"%|":
            return line + b"".join(self.reply() for _ in range(2 * length))
        raise ConnectionError(f"no reply begins with {line!r}")

    def call(self, *words):
        self.send([words])
        return self.reply()

    def close(self):
        self.socket.close()


def encode(words):
    """A request as an array of bulk strings."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def items(reply):
    """The elements of an array or a set, each as raw bytes; None for any other reply."""
    if reply[:1] not in (b"*", b"~"):
        return None
    end = reply.index(b"\r\n") + 2
    found, at = [], end
    for _ in range(max(int(reply[1 : end - 2]), 0)):
        start, at = at, skip(reply, at)
        found.append(reply[start:at])
    return found


def skip(reply, at):
    """Where the value that begins at `at` ends."""
    end = reply.index(b"\r\n", at) + 2
    kind, text = reply[at : at + 1], reply[at + 1 : end - 2]
    if kind in b"+-:_,#(":
        return end
    length = int(text)
    if kind in b"$=!":
        return end if length < 0 else end + length + 2
    for _ in range(length * (2 if kind in b"%|" else 1)):
        end = skip(reply, end)
    return end
