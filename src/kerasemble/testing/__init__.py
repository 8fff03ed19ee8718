"""Checks that every combiner must pass: this library's own, and one that stands in a package of yours.

    import pytest

    from kerasemble.testing import CHECKS
    from yours import Midrange


    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_midrange(check):
        check(Midrange())

A check that fails says what to mend. `NUMPY_CHECKS` need no Keras, `KERAS_CHECKS` build and save a small model,
`CHECKS` are both. The members are called "a", "b" and "c", for combiners whose options name them.
"""

from __future__ import annotations

from kerasemble.testing.checks import NUMPY_CHECKS
from kerasemble.testing.keras_checks import KERAS_CHECKS

CHECKS = (*NUMPY_CHECKS, *KERAS_CHECKS)

__all__ = ["CHECKS", "KERAS_CHECKS", "NUMPY_CHECKS"]
