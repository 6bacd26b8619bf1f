"""Measurements as tables for people, as JSON for programs, and as a page of docs/benchmarks."""
import collections
import json

# Raised when a field changes its meaning or goes.
SCHEMA = 1

# A field of the records, its heading, and how it is written.
Column = collections.namedtuple("Column", "field heading format")


def rows(part, records):
    """The table of a part: a list of lists of text, the headings first."""
    field, reference = part.RATIO
    of_part = [record for record in records if record["part"] == part.NAME]
    has_ratio = any(record["server"] == reference for record in of_part)
    headings = ["test", "server", *[column.heading for column in part.COLUMNS]]
    if has_ratio:
        heading = next(column.heading for column in part.COLUMNS if column.field == field)
        headings.append(f"{heading.split(',')[0]} / {reference}")
    table, shown = [headings], None
    for record in of_part:
        row = ["" if record["test"] == shown else record["test"], record["server"]]
        shown = record["test"]
        row += [_cell(column, record.get(column.field)) for column in part.COLUMNS]
        if has_ratio:
            row.append(_ratio(record, reference, field, of_part))
        table.append(row)
    return table


def _cell(column, value):
    return "" if value is None else column.format.format(value)


def _ratio(record, reference, field, records):
    if record["server"] == reference:
        return ""
    for other in records:
        if other["server"] == reference and other["test"] == record["test"] and other[field]:
            return f"{record[field] / other[field]:.2f}"
    return ""


def as_text(table):
    """Columns that line up: words to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [_padded(cell, width, left=column < 2) for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_markdown(table):
    """The same as a table of Markdown."""
    def line(cells):
        return "| " + " | ".join(cells) + " |"

    return "\n".join([line(table[0]), "|---|---|" + "---:|" * (len(table[0]) - 2), *map(line, table[1:])])


def _padded(text, width, left):
    return text.ljust(width) if left else text.rjust(width)


def as_json(run, records):
    """The whole run. Fields are named with their units; docs/benchmarks/README.md explains them."""
    return json.dumps({"schema": SCHEMA, **run, "records": records}, indent=1, ensure_ascii=False) + "\n"


def as_page(run, parts, records, notes):
    """A page of docs/benchmarks."""
    machine, versions = run["machine"], run["versions"]
    kind = "virtual machine" if machine["virtual"] else "machine"
    lines = [f"# Benchmarks of {machine['date'][:10]}", "",
             f"`{run['command']}` on a {kind} with {machine['cores']} cores ({machine['cpu']}, {machine['architecture']}), "
             f"{machine['memory_gib']} GiB, Linux {machine['kernel']}; load average {machine['load_average']} at the start. "
             f"Medians of {run['settings']['reps']} runs. "
             "What the figures mean and how far to trust them: [README.md](README.md). Every single run is in the JSON "
             "file of the same name.", "", *[f"- {name}: {version}" for name, version in versions.items()]]
    for part in parts:
        lines += ["", f"## {part.TITLE}", "", part.TEXT, "", as_markdown(rows(part, records))]
        for note in notes[part.NAME]:
            lines += ["", note]
    return "\n".join(lines) + "\n"
