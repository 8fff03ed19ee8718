"""The mutator is a module of this folder, which its script imports as well."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = ["mutator.py", "direct.py", "worker.py", "run.py"]
