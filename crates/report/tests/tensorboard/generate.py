"""Writes golden.tfevents, an event file as TensorBoard's own writer makes it, and golden.json, what
TensorBoard reads from it. The test expects the same bytes of ours.

    pip install tensorboard==2.21.0 setuptools
    python generate.py
    python generate.py FOLDER     # prints what TensorBoard reads from a run's tensorboard/ folder
"""

import json
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

HERE = pathlib.Path(__file__).parent

STEPS = [
    (1, {"train/loss": 1.7917594692280554, "train/accuracy": 0.25, "learning_rate": 0.01}),
    (2, {"train/loss": 592.3, "train/accuracy": 1 / 3, "learning_rate": 1e-7, "validation/macro_f1": 0.0}),
    (300, {"train/loss": 3e-12, "learning_rate": 0.0, "Größe": -1.5}),
    (2**40, {"train/loss": 16777217.0}),
]


def write(path):
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=0.0, step=0, file_version="brain.Event:2").SerializeToString())
        for step, scalars in STEPS:
            for tag, value in scalars.items():
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
                writer.write(Event(wall_time=float(step), step=step, summary=summary).SerializeToString())


def read(path):
    events = EventAccumulator(str(path), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: [[scalar.step, scalar.wall_time, scalar.value] for scalar in events.Scalars(tag)]
        for tag in sorted(events.Tags()["scalars"])
    }


def main():
    if len(sys.argv) == 2:
        print(json.dumps(read(sys.argv[1]), indent=1))
        return
    path = HERE / "golden.tfevents"
    write(path)
    golden = {"steps": [[step, list(scalars.items())] for step, scalars in STEPS], "read": read(path)}
    (HERE / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
