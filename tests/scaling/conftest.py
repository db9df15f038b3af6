import sys
from pathlib import Path

FILES = str(Path(__file__).parent / "files")
if FILES not in sys.path:
    sys.path.append(FILES)
