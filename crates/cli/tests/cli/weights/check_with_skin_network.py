"""Checks a network that was really trained, an Xception of seven skin lesions, against Keras.

    pip install keras==3.15.1 jax==0.10.2 h5py==3.16.0 safetensors==0.8.0 pillow numpy
    pip download --no-deps sklesion==0.2.2       # 80 MB, MIT; trained on HAM10000
    cargo build --release --workspace
    KERAS_BACKEND=jax python check_with_skin_network.py target/release/dermx sklesion-0.2.2-py3-none-any.whl

The network has a second input, the patient, and a head of several layers, which is not computed here. So the head is
replaced in the file by one linear layer with known values; the trunk stays as Keras 3.3 wrote it. Keras' features of
20 synthetic photos, times that layer, are compared with the logits that `dermx predict` gives.
"""

import csv
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
from PIL import Image
from safetensors.numpy import save_file

NUM_PHOTOS = 20
NUM_CLASSES = 7


def with_linear_head(model, weight, bias):
    """The bytes of the archive `model` with one linear layer for a head."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(model)) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == "model.weights.h5":
                buffer = io.BytesIO(content)
                with h5py.File(buffer, "r+") as file:
                    layers = file["layers"]
                    for name in list(layers):
                        if name.startswith(("dense_", "batch_normalization")):
                            del layers[name]
                    variables = layers["dense/vars"]
                    for number, value in [("0", weight), ("1", bias)]:
                        del variables[number]
                        variables[number] = value
                content = buffer.getvalue()
            new.writestr(entry, content)
    return changed.getvalue()


def main():
    dermx, wheel = (Path(argument).resolve() for argument in sys.argv[1:3])
    with zipfile.ZipFile(wheel) as archive:
        model = archive.read("sklesion/model.keras")
    random = np.random.default_rng(0)
    weight = random.normal(0, 0.1, (2048, NUM_CLASSES)).astype(np.float32)
    bias = random.normal(0, 0.1, NUM_CLASSES).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "whole.keras").write_bytes(model)
        (folder / "linear.keras").write_bytes(with_linear_head(model, weight, bias))
        synth = [dermx, "--quiet", "synth", "--out", folder / "photos", "--images", str(NUM_PHOTOS)]
        subprocess.run([*synth, "--train-images", "6"], check=True, stdout=subprocess.DEVNULL)
        paths = sorted((folder / "photos/dermx/images").iterdir())
        assert len(paths) == NUM_PHOTOS, paths
        photos = [np.asarray(Image.open(path).convert("RGB").resize((254, 254)), np.float32) for path in paths]

        whole = keras.saving.load_model(folder / "whole.keras", compile=False)
        images = np.asarray(whole.get_layer("normalization")(np.stack(photos)))
        expected = whole.get_layer("xception").predict(images, verbose=0) @ weight + bias

        save_file({"images": np.ascontiguousarray(images.transpose(0, 3, 1, 2))}, folder / "images.safetensors")
        out = folder / "predictions.csv"
        subprocess.run(
            [dermx, "--quiet", "predict", "--arch", "xception", "--weights", folder / "linear.keras", "--logits"]
            + ["--tensor", folder / "images.safetensors", "--out", out],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with open(out) as file:
            rows = list(csv.DictReader(file))
    found = np.array([[float(row[f"logit_class_{k}"]) for k in range(NUM_CLASSES)] for row in rows])
    spread = np.abs(expected - expected[0]).max()
    difference = np.abs(found - expected).max()
    print(f"{len(rows)} photos: logits differ by {difference:.1e} of {np.abs(expected).max():.2f}, between photos by {spread:.2f}")
    assert spread > 0.01 and difference < 1e-4 * max(1, np.abs(expected).max())


if __name__ == "__main__":
    main()
