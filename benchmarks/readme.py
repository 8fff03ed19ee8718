"""Make the README's pictures and print its figures: the demo's comparison, and its ensemble on unseen rows.

python benchmarks/readme.py [--out docs/images]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.terminal_theme import TerminalTheme

import kerasemble as ke
from kerasemble.render.text import render_report

# Rich's own template fetches a font from the network; this one takes what the reader has.
TEMPLATE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img"
 aria-label="Table of members and combiners with accuracy, log loss, gain and interval, then the verdict">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
<rect width="100%" height="100%" rx="8" fill="#161b22"/>
<g transform="translate(18, 24)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""

# Background, text, then black to white: legible on a light page and on a dark one.
PLAIN = [(22, 27, 34), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255), (188, 140, 255), (57, 197, 207)]
THEME = TerminalTheme((22, 27, 34), (230, 237, 243), [*PLAIN, (230, 237, 243)])


def photograph(page: Path, folder: Path) -> None:
    """Take a picture of the top of a page in light and of its middle in dark, in few colours so that they are small."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme, start in (("light", "verdict"), ("dark", "weights-title")):
            window = browser.new_page(viewport={"width": 1100, "height": 1000}, color_scheme=scheme)
            window.goto(page.as_uri())
            window.evaluate(f"document.getElementById('{start}').scrollIntoView()")
            window.evaluate("window.scrollBy(0, -90)")
            target = folder / f"report-{scheme}.png"
            window.screenshot(path=target)
            Image.open(target).convert("RGB").quantize(64).save(target, optimize=True)
        browser.close()


def main() -> None:
    """Combine the demo's members, draw the table, and score the saved ensemble on the test rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    with as_file(files("kerasemble") / "demo") as folder, tempfile.TemporaryDirectory() as scratch:
        members = ke.load_members(folder / "members.toml")
        valid, test = ke.load_data(folder / "valid.npz"), ke.load_data(folder / "test.npz")
        ensemble = ke.combine(members, valid.x, valid.y, classes=valid.classes)
        path = ensemble.save(Path(scratch) / "ensemble.keras")
        unseen = ke.evaluate([path, *members], test.x, test.y)
        page = ke.write_report(ensemble.report, Path(scratch) / "report.html", images=valid.x)
        photograph(page, out)
    console = Console(record=True, width=82)
    console.print(Padding(render_report(ensemble.report), (0, 1)))
    (out / "table.svg").write_text(
        console.export_svg(theme=THEME, code_format=TEMPLATE, unique_id="kerasemble"), encoding="utf-8"
    )
    console.print(render_report(unseen))


if __name__ == "__main__":
    main()
