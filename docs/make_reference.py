"""Write the command line's reference, docs/reference/cli.md, from the commands' own help.

python docs/make_reference.py [--check]

With --check nothing is written, and the exit code is 1 where the file is not what the commands say now.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import click

from kerasemble.cli import cli

TARGET = Path(__file__).with_name("reference") / "cli.md"
WIDTH = 80
INTRODUCTION = """\
# The command line

What `--help` says, word for word: this page is written by `docs/make_reference.py`. How the commands are used stands in
the [guide](../guide/command-line.md).
"""


def reference() -> str:
    """Return the page: the help of the group, then that of each command."""
    group = click.Context(
        cli, info_name="kerasemble", terminal_width=WIDTH, **cli.context_settings
    )
    sections = [INTRODUCTION, section("kerasemble", cli.get_help(group))]
    for name in cli.list_commands(group):
        command = cli.commands[name]
        with click.Context(command, info_name=name, parent=group) as context:
            sections.append(section(context.command_path, command.get_help(context)))
    return "\n".join(sections)


def section(title: str, text: str) -> str:
    """Return a heading and text as it stands in a terminal."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


def main() -> None:
    """Write the page, or say whether it is what it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 where the page is stale",
    )
    check = parser.parse_args().check
    page = reference()
    if not check:
        TARGET.write_text(page, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != page:
        sys.exit(
            f"{TARGET.name} is not what the commands say. Run: python docs/make_reference.py"
        )


if __name__ == "__main__":
    main()
