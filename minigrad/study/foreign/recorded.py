"""The records of networks that others trained: what `examples/networks/record.py` writes and the page reads.

Two kinds: "network" (name, package, version, licence, file, checksum, task, colour, parameters, inputs, draws) and
"layer" (network, layer, number, and the fields of a `channels.layer_sums.Row`; None where not measured).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from minigrad.channels.layer_sums import DRAWS
from minigrad.channels.survey import Survey
from minigrad.study.foreign.onnx_network import Network
from minigrad.study.records import Record, Results, plain

RECORDS = Path(__file__).parents[1] / "others.jsonl"
FIELDS = (
    "shape", "channels", "index", "null", "excess", "p", "shuffled", "near_zero", "unmatched", "orthogonal", "largest",
    "centred",
)  # fmt: skip


def network_record(network: Network, about: Record) -> Record:
    """What a network is and what it was given."""
    head = {"kind": "network", "key": f"network/{about['name']}"}
    return {**head, **about, "checksum": network.checksum, "parameters": network.parameters, "draws": DRAWS}


def row_records(name: str, survey: Survey) -> Iterator[Record]:
    """One record a convolution."""
    for number, row in enumerate(survey.rows):
        fields = {field: getattr(row, field) for field in FIELDS}
        yield plain(
            {
                "kind": "layer", "key": f"layer/{name}/{number}", "network": name, "number": number, "layer": row.name,
                **fields, "note": row.note,
            },
            4,
        )  # fmt: skip


@cache
def load() -> Results:
    """The records that come with minigrad."""
    with as_file(files("minigrad.study").joinpath("others.jsonl")) as path:
        return Results.load(path)
