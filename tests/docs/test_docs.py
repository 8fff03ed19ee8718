"""What the documentation shows runs: Python, sessions with their output, TOML and the command line."""

from __future__ import annotations

import contextlib
import doctest
import gc
import io
import os
import shlex
import shutil
import sys
import tomllib

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


def test_what_a_page_defines_does_not_stay():
    from kerasemble.combiners import registry

    assert "midrange" not in registry()
