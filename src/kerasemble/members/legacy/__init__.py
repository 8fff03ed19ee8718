"""What files of older versions of Keras need, so that Keras 3 opens them and computes the same."""

from kerasemble.members.legacy.mending import Mended, mend
from kerasemble.members.legacy.steeper import Scale

__all__ = ["Mended", "Scale", "mend"]
