"""`python -m minigrad.torch script.py [arguments]`: the script runs with minigrad in place of PyTorch."""

import sys

from minigrad.torch.report import report
from minigrad.torch.run import run_script

USAGE = """usage: python -m minigrad.torch [--report] script.py [arguments]

Runs the script as `python script.py [arguments]` does, but what it imports as torch and torchvision is minigrad, in
this process only. With --report it runs on past the names that are missing, and lists all that would stop it.
A script named "-" is read from the standard input."""


def main(arguments: list[str]) -> int:
    """Run the script that the arguments name, or report on it; the exit status."""
    reporting = arguments[:1] == ["--report"]
    script = arguments[reporting : reporting + 1]
    if not script or (script[0].startswith("-") and script != ["-"]):
        print(USAGE, file=sys.stdout if script in (["-h"], ["--help"]) else sys.stderr)
        return 0 if script in (["-h"], ["--help"]) else 2
    return (report if reporting else run_script)(script[0], arguments[reporting + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
