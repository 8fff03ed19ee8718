"""What the documentation shows runs: Python, sessions with their output, TOML and the command line."""

from __future__ import annotations

import contextlib
import doctest
import gc
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest

pytestmark = pytest.mark.backend

# Shown, but not ours to run here: installing, the project's own commands, and the demo, which has tests of its own.
ELSEWHERE = ("pip install ", "make ", "kerasemble demo")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_python(block, name, namespace):
    """Run a block, and the examples in the docstrings of what it defines."""
    before = set(namespace)
    # Empty lines before it make a traceback point into the page.
    exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), namespace)  # noqa: S102 - our own pages
    for key in set(namespace) - before:
        if getattr(namespace[key], "__module__", None) == namespace["__name__"]:
            for test in doctest.DocTestFinder().find(namespace[key], key, module=False, globs=namespace):
                run_examples(test)


def run_session(block, name, namespace):
    """Run a block of `>>>` lines and compare what they print."""
    test = doctest.DocTestParser().get_doctest(block.text, namespace, name, name, block.line - 1)
    assert test.examples, f"{name}, line {block.line}: nothing is run"
    run_examples(test)
    namespace.update(test.globs)


def run_examples(test):
    said = io.StringIO()
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.write, clear_globs=False)
    assert not result.failed, said.getvalue()


def run_toml(block, name, _namespace):
    """Read a block of TOML, which the commands that follow find under its title."""
    assert block.title, f"{name}, line {block.line}: the file has no title"
    tomllib.loads(block.text)
    with open(block.title, "w", encoding="utf-8") as file:  # noqa: PTH123 - in the page's folder
        file.write(block.text)


def run_console(block, name, _namespace):
    """Run `$ kerasemble ...` lines; output that follows is compared, and an error must be one."""
    text = block.text.replace("\\\n", " ")
    for part in ("\n" + text).split("\n$ ")[1:]:
        line, _, expected = part.partition("\n")
        if line.startswith(ELSEWHERE):
            assert not expected.strip(), f"{name}: what '{line}' prints is not checked, so it must not be shown"
            continue
        command, _, target = line.partition(" > ")
        program, *arguments = shlex.split(command)
        assert program == "kerasemble", f"{name}: nobody checks '{line}'"
        code, out, err = run_command(arguments)
        failed = expected.startswith("Error:")
        assert code == (2 if failed else 0), f"{name}: '{line}' ended with {code}:\n{out}{err}"
        said = err if failed else out
        if target:
            with open(target, "w", encoding="utf-8") as file:  # noqa: PTH123 - in the page's folder
                file.write(out)
        elif expected.strip():
            assert doctest.OutputChecker().check_output(expected, said, FLAGS), f"{name}: '{line}' printed\n{said}"


def run_command(arguments):
    """Return exit code, output and errors of `kerasemble ARGUMENTS`, run in this process."""
    from kerasemble.cli import main

    before, code, out, err = sys.argv, 0, io.StringIO(), io.StringIO()
    sys.argv = ["kerasemble", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = before
    return code, out.getvalue(), err.getvalue()


RUN = {"python": run_python, "pycon": run_session, "toml": run_toml, "console": run_console}


@pytest.fixture
def folder(files, tmp_path, monkeypatch):
    """A folder of the page's own, with the files that pages name; the tests run in it."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def namespace():
    """The names that a page's blocks share; combiners defined there are forgotten with it."""
    names = {"__name__": "page"}
    yield names
    names.clear()
    gc.collect()


def test_what_a_page_shows_runs(page, folder, namespace):
    blocks = [block for block in page.blocks if block.language != "text"]
    assert {block.language for block in blocks} <= set(RUN), "a block in a language that nobody checks"
    for block in blocks:
        RUN[block.language](block, page.name, namespace)
    assert os.fspath(folder) == os.getcwd()  # noqa: PTH109 - what the page was run in


def by_name(folder):
    """Rewrite the data so that it names its classes, and labels rows by these names."""
    names = np.array(["ring", "saltire", "box"])
    for path in (folder / "valid.npz", folder / "test.npz"):
        with np.load(path) as data:
            x, y = data["x"], data["y"]
        np.savez(path, x=x, y=names[y], classes=names)


def test_15_21_the_readme_runs_where_the_data_names_its_classes(pages, folder, namespace):
    by_name(folder)
    (readme,) = (page for page in pages if page.name == "README.md")
    for block in readme.blocks:
        RUN[block.language](block, readme.name, namespace)
    assert namespace["seen"].classes == namespace["ensemble"].classes == ("ring", "saltire", "box")
    assert namespace["combined"].shape == (len(namespace["test"].x), 3)


def commands(page):
    """Return the lines of a page that a shell runs, without their comments."""
    text = "".join(block.text for block in page.blocks if block.language == "console").replace("\\\n", " ")
    return [line.removeprefix("$ ").partition(" # ")[0].strip() for line in text.splitlines() if line.startswith("$ ")]


def test_15_21_what_a_page_says_to_install_lies_in_the_checkout(page, root):
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    targets = re.findall(r"^\.PHONY: (.+)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[0].split()
    for line in commands(page):
        program, *arguments = shlex.split(line)
        if program == "make":
            assert arguments[0] in targets, f"{page.name}: {line}"
        if (program, arguments[:1]) == ("pip", ["install"]):
            what = arguments[-1]
            named = what.removeprefix(".[").removesuffix("]").split(",") if what.startswith(".[") else []
            assert set(named) <= set(extras), f"{page.name}: {line}"
            assert named or what == "." or (root / what).is_file(), (
                f"{page.name}: {line} asks for what is not published"
            )


@pytest.mark.parametrize("name", ["README.md", "docs/index.md"])
def test_15_21_a_start_page_says_how_to_install_before_it_uses_the_package(name, pages):
    (page,) = (each for each in pages if each.name == name)
    lines = [line.split()[:2] for line in commands(page)]
    assert lines.index(["pip", "install"]) < next(i for i, line in enumerate(lines) if line[0] == "kerasemble")
    if name != "README.md":
        assert "README" not in page.text, "a reader who came from there is sent back"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["demo", "test", "check", "docs", "legacy"])
def test_15_21_make_says_each_slow_step_before_it_takes_it(target, root, tmp_path):
    command = ["make", "--dry-run", target, f"VENV={tmp_path / 'none'}"]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    slow = [
        at for at, line in enumerate(said) if "pip install" in line or "-m venv" in line or "kerasemble demo" in line
    ]
    assert len(slow) >= 3
    previous = -1
    for at in slow:
        assert any(line.startswith("echo ") for line in said[previous + 1 : at]), said[at]
        previous = at


def test_what_a_page_defines_does_not_stay():
    from kerasemble.combiners import registry

    assert "midrange" not in registry()
