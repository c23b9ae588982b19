"""The command ``village``: finds the sub-command's file and runs it.

Each module in ``gateway/commands/`` has ``HELP`` (one line), ``EXAMPLE``, ``arguments(parser)`` and ``run(args)``.
Only the one that was asked for is imported, so that ``village status`` answers at once on a Pi.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

import gateway
from gateway import commands
from gateway.errors import SettingsError, SourceError, StoreError

EX_UNAVAILABLE = 69  # <sysexits.h>
EX_CONFIG = 78
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    known = sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if not module.ispkg)
    asked = next((word for word in words if not word.startswith("-")), None)
    parser = argparse.ArgumentParser(
        prog="village",
        description="A village's sensors on one small box: read, graded, written down, forwarded.",
        epilog="'village COMMAND --help' shows an example of each. Start with: village demo",
    )
    parser.add_argument("--version", action="version", version=f"village-gateway {gateway.__version__}")
    sub = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in [asked] if asked in known else known:
        module = _command(name)
        one = sub.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog="example:\n" + "\n".join(f"  {line}" for line in module.EXAMPLE.strip().splitlines()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(one)
        one.set_defaults(run=module.run)
    args = parser.parse_args(words)
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    try:
        return int(args.run(args) or 0)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # a fault is for the person at the terminal
        return EX_CONFIG
    except (SourceError, StoreError) as error:
        print(f"village {args.command}: {error}", file=sys.stderr)  # noqa: T201
        return EX_UNAVAILABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has gone: that is how pipes end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _command(name: str | None) -> ModuleType:
    return importlib.import_module(f"gateway.commands.{name}")


if __name__ == "__main__":
    sys.exit(main())
