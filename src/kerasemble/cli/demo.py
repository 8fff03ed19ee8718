"""`kerasemble demo`: the main job on members and data that the package brings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

import click

from kerasemble.cli import options
from kerasemble.cli.output import print_ensemble, print_report, progress_bars, save_report
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import check_target
from kerasemble.members.member import Member
from kerasemble.members.record import read_record


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("kerasemble-demo"),
    show_default=True,
    help="Folder for the ensemble and its report; made if need be, an earlier demo's files replaced.",
)
@options.shared(options.as_json, options.quiet)
def demo(*, out: Path, as_json: bool, quiet: bool) -> None:
    """Combine eight small models of handwritten digits, and score the result on images that nobody has seen."""
    from kerasemble.ensemble.combine import combine
    from kerasemble.ensemble.evaluate import evaluate
    from kerasemble.members.listing import load_members
    from kerasemble.scoring.sources.opening import open_data

    def say(text: str) -> None:
        if not (quiet or as_json):
            click.echo(text)

    out.mkdir(parents=True, exist_ok=True)
    path, page = out / "ensemble.keras", out / "report.html"
    with as_file(files("kerasemble") / "demo") as folder:
        members = load_members(folder / "members.toml")
        own = path.exists() and _is_of_demo(path, members)
        check_target(path, overwrite=own)
        if drawn := _draws_pages():
            check_target(page, overwrite=own)
        valid, test = open_data(folder / "valid.npz"), open_data(folder / "test.npz")
        say(
            f"Eight models were trained on {click.style('900 other', bold=True)} images of digits; one takes 16x16 "
            "pixels, one answers in logits,\none has its classes in another order, one is an old .h5, one is weak. "
            "They lie in\n"
            f"  {folder}\n\n"
            f"1. Combine them with the labels of {len(valid)} images, as this command does:\n\n"
            f"  kerasemble combine --members {folder / 'members.toml'} \\\n"
            f"    --data {folder / 'valid.npz'} --out {path}{f' --report {page}' if drawn else ''}\n"
        )
        with progress_bars(hidden=as_json, quiet=quiet) as progress:
            ensemble = combine(members, valid, progress=progress)
            ensemble.save(path, overwrite=True)
            if drawn and ensemble.report is not None:
                save_report(ensemble.report, page, valid, overwrite=True)
        print_ensemble(ensemble, path, as_json=False, quiet=quiet or as_json)
        say(f"Report: {page}" if drawn else "A report as a page needs: pip install 'kerasemble[report]'")
        say(
            f"\n2. Score what was saved on {len(test)} images that neither members nor ensemble have seen:\n\n"
            f"  kerasemble evaluate {path} --members {folder / 'members.toml'} \\\n"
            f"    --data {folder / 'test.npz'}\n"
        )
        with progress_bars(hidden=as_json, quiet=quiet) as progress:
            report = evaluate([path, *members], test, progress=progress)
    print_report(report, as_json=as_json, quiet=quiet)
    say(f'\nIt is plain Keras, and opens without Kerasemble:\n  keras.saving.load_model("{path}")')


def _draws_pages() -> bool:
    """Say whether what draws pages is installed, which is an extra."""
    return all(find_spec(name) for name in ("jinja2", "matplotlib"))


def _is_of_demo(path: Path, members: Sequence[Member]) -> bool:
    """Say whether a file is an ensemble of the demo's members: made by the demo, and so its own to replace."""
    try:
        record = read_record(path)
    except KerasembleError:
        return False
    return record is not None and {item["name"] for item in record["members"]} == {each.name for each in members}
