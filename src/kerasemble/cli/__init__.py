"""The command line: each command a thin wrapper over one call of the library, one file each."""

from __future__ import annotations

import difflib
import io
import logging
import os
import sys

import click

from kerasemble import __version__
from kerasemble.cli.check import check
from kerasemble.cli.combine import combine
from kerasemble.cli.compare import compare
from kerasemble.cli.demo import demo
from kerasemble.cli.evaluate import evaluate
from kerasemble.cli.inspect import inspect
from kerasemble.cli.predict import predict
from kerasemble.core.errors import KerasembleError

# Of shells: what went wrong was the input; the run was interrupted.
_BAD_INPUT, _INTERRUPTED = 2, 130


class _Group(click.Group):
    """A group that names the nearest command where one is mistyped."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command; what is not a command goes to click's own error."""
        known = self.list_commands(ctx)
        near = difflib.get_close_matches(args[0], known, n=1)
        if args[0] not in known and near:
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Combine Keras models that are already trained into one that is better, and show by how much."""


for command in (inspect, check, predict, compare, combine, evaluate, demo):
    cli.add_command(command)


def main() -> None:
    """Run the command line; exit with 0, with 2 for bad input, or with 130 after Ctrl-C."""
    # TensorFlow talks on stderr, also where Keras runs on another backend and only imports it; and it warns that
    # each model is traced anew, which is so when each member is another model.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path need not be UTF-8: its bytes are printed as they are.
            stream.reconfigure(errors="surrogateescape")
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(_BAD_INPUT)
    except KerasembleError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_BAD_INPUT)
    except BrokenPipeError:
        # Whoever read our output has gone (head, less); what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        # A disk that is full, a folder that is read-only, a name that is too long: the system's own words say it.
        click.echo(f"Error: {error.strerror or error}: {error.filename or 'input or output'}", err=True)
        sys.exit(_BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.stdout.flush()
        sys.stderr.flush()
        # At once: a backend whose threads are at work can crash while the interpreter winds down.
        os._exit(_INTERRUPTED)
