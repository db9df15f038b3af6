"""lm-eval's command line with the models of harness: `python -m harness.bridges.lm_eval run --model harness ...`."""

from __future__ import annotations

import sys

from harness.bridges.lm_eval import register
from harness.errors import HarnessError


def main() -> int:
    """Run it; errors meant for people end with their message and exit code."""
    try:
        register()
        from lm_eval.__main__ import cli_evaluate

        cli_evaluate()
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
