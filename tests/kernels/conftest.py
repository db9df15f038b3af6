import sys
from pathlib import Path

FILES = str(Path(__file__).parent / "files")
if FILES not in sys.path:
    sys.path.append(FILES)


def pytest_terminal_summary(terminalreporter, config):
    from kernel_requirements import CHECKED

    if CHECKED in config.stash:
        terminalreporter.write_line(config.stash[CHECKED])
