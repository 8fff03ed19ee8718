"""How much of everything a model file may have: far above real models, far below what fills a memory or a disk."""

from __future__ import annotations

import dataclasses

_MB, _GB = 1 << 20, 1 << 30


@dataclasses.dataclass(frozen=True)
class Limits:
    """What an inspection stops at.

    Args:
        file_bytes: of a file or folder; classifiers of 2 GB are common, of 8 GB are not.
        folder_files: in a folder; a SavedModel has about ten.
        archive_members: in a `.keras`; Keras writes three, and one for each asset.
        directory_bytes: of the list of an archive's members, which is read whole; 2,000 names take about 200 kB.
        ratio: of declared to stored bytes; trained weights compress to 0.9 of their size.
        ratio_from: bytes below which no ratio is looked at, since so little harms nobody.
        json_bytes: of a configuration. NASNetLarge, among the largest of keras.applications, has 1.03 MB. It replaces
            the ratio for JSON, which rightly compresses by 47 (EfficientNetV2L).
        json_depth: of a configuration. EfficientNetV2L has 11, each nested model adds about 4, and Keras calls some six
            functions a level, of the 1,000 that Python allows.
        json_values: in a configuration. NASNetLarge has 44,000; an empty list of 3 bytes becomes one of 64.
        json_digits: of an integer; 20 hold 2^64.
        objects: groups and arrays in an HDF5 file; EfficientNetV2L has 7,000 with its optimizer.
        chunk_bytes: of a compressed part of an array, which HDF5 unpacks whole.
        child_seconds: of computing that HDF5 may take, for a file of any size; starting takes 0.2 s.
        child_patience: how many times as long as it may compute a child is waited for, on a machine that is busy.
        child_rate: bytes a second that are allowed on top; a slow disk reads 50 MB/s.
        child_memory: of the address space of the child, of which NumPy and HDF5 take 0.3 GB.
        child_output: bytes that the child may answer with: a configuration in base64, and the names of the arrays.
    """

    file_bytes: int = 8 * _GB
    folder_files: int = 2_000
    archive_members: int = 2_000
    directory_bytes: int = 1 * _MB
    ratio: int = 20
    ratio_from: int = 1 * _MB
    json_bytes: int = 16 * _MB
    json_depth: int = 100
    json_values: int = 1_000_000
    json_digits: int = 20
    objects: int = 100_000
    chunk_bytes: int = 64 * _MB
    child_seconds: float = 5
    child_patience: float = 4
    child_rate: int = 50 * _MB
    child_memory: int = 1 * _GB
    child_output: int = 64 * _MB


LIMITS = Limits()
