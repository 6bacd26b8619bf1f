"""Finds a short list of commands that shows a difference again."""
import compare

ATTEMPTS_MAX = 400


def minimise(servers, rules, history, connections):
    """The shortest list found whose last command is answered differently; None when not even the whole one is."""
    attempts = 0

    def shows(commands):
        nonlocal attempts
        attempts += 1
        pair = compare.Pair(servers, connections)
        try:
            for connection, command in commands[:-1]:
                pair.exchange(connection, [command])
            connection, command = commands[-1]
            ours, theirs = pair.exchange(connection, [command])
        finally:
            pair.close()
        quiet = compare.Rules(rules.rules)
        return not quiet.explain(command, ours[0], theirs[0])

    last, before = history[-1:], history[:-1]
    # How far back one has to begin: twice as far each time.
    reach = 0
    while not shows(before[len(before) - reach :] + last):
        if reach >= len(before):
            return None
        reach = min(len(before), max(1, reach * 2))
    kept = before[len(before) - reach :]
    # Take away ever smaller pieces while the rest still shows it.
    piece = max(1, len(kept) // 2)
    while kept and attempts < ATTEMPTS_MAX:
        start, shorter = 0, False
        while start < len(kept) and attempts < ATTEMPTS_MAX:
            rest = kept[:start] + kept[start + piece :]
            if shows(rest + last):
                kept, shorter = rest, True
            else:
                start += piece
        if piece == 1 and not shorter:
            break
        piece = max(1, piece // 2)
    return kept + last
