"""Inspect all good models in both formats: `python tests/good/report.py`; exit 1 where one is read wrongly."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kerasemble.members.inspection.inspect import inspect

# As in the tests: Keras cannot open what it saved.
NOT_IN_H5 = ("operations.h5", "arithmetic.h5", "dropouts.h5", "app-convnext-tiny.h5")


def main() -> None:
    """Build, inspect, and print what is wrong."""
    wrong, seconds, megabytes = 0, [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, Path(__file__).with_name("build.py"), folder, "all"], check=True)
        known = json.loads(Path(folder, "facts.json").read_text(encoding="utf-8"))
        paths = sorted(each for each in Path(folder).iterdir() if each.suffix != ".json" and each.name not in NOT_IN_H5)
        for path in paths:
            start = time.perf_counter()
            record = inspect(path)
            seconds.append(time.perf_counter() - start)
            megabytes += path.stat().st_size / 1e6
            facts = known[path.stem]
            outputs = [[list(port.shape or ()), port.activation] for port in record.outputs]
            if not record.safe or outputs != facts["outputs"]:
                wrong += 1
                print(f"{path.name}: {record.reason or f'{outputs}, not {facts}'}")  # noqa: T201 - the report
    slowest, path = max(zip(seconds, paths, strict=True))
    print(  # noqa: T201 - the report
        f"{len(paths)} good files of {megabytes:.0f} MB in {sum(seconds):.1f} s, the slowest {slowest:.1f} s "
        f"({path.name}); {wrong} refused or read wrongly"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
