"""Writes golden.json: JPEGs as cameras write them, with a checksum of the pixels that Pillow sees.

Run: python3 -m venv venv && venv/bin/pip install Pillow==13.0.0 numpy==2.4.6 && venv/bin/python generate.py

Pillow's wheels hold libjpeg-turbo 3.2.0, used with its defaults.
"""

import io
import itertools
import json
import pathlib
import zlib

import numpy as np
import PIL
from PIL import Image, features

SIZES = [(1, 1), (1, 2), (2, 3), (5, 4), (7, 9), (8, 8), (16, 16), (17, 33), (33, 17), (48, 64)]
QUALITIES = [30, 75, 90, 100]
ORIENTATION_TAG = 0x0112


def photo(random, height, width, num_channels, noise):
    row, column, channel = np.ogrid[:height, :width, :num_channels]
    values = 128 + 90 * np.sin(row / 5 + channel) * np.cos(column / (6 + channel))
    values = values + random.normal(0, noise, values.shape)
    values = np.clip(values, 0, 255).astype("uint8")
    return Image.fromarray(values[..., 0] if num_channels == 1 else values)


def encoded(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def segment(marker, content):
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def in_colors(gray, size, sampling, ids=(1, 2, 3), before=b"", restart_interval=0):
    """The blocks of a gray file as those of three components that share its tables."""
    height, width = size
    file, rest = b"\xff\xd8" + before, gray[2:]
    while rest[1] != 0xDA:
        length = 2 + int.from_bytes(rest[2:4], "big")
        if rest[1] in (0xC4, 0xDB):
            file += rest[:length]
        rest = rest[length:]
    rest = rest[2 + int.from_bytes(rest[2:4], "big"):]
    components = b"".join(
        bytes([name, columns << 4 | rows, 0]) for name, (columns, rows) in zip(ids, sampling)
    )
    frame = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x03" + components
    file += segment(0xC0, frame)
    if restart_interval:
        file += segment(0xDD, restart_interval.to_bytes(2, "big"))
    selectors = b"".join(bytes([name, 0]) for name in ids)
    return file + segment(0xDA, b"\x03" + selectors + b"\x00\x3f\x00") + rest


def blocks(random, num, **options):
    return encoded(photo(random, 8, 8 * num, 1, 3), quality=90, **options)


def plain(random):
    """What Pillow can write: every size with every sampling, options in turns."""
    kinds = ["gray", "4:4:4", "4:2:2", "4:2:0"]
    for idx, (size, kind) in enumerate(itertools.product(SIZES, kinds)):
        quality = QUALITIES[(idx + idx // 4) % 4]
        options = dict(quality=quality, optimize=idx % 3 == 0)
        if idx % 5 == 0:
            options["restart_marker_blocks"] = 1 + idx % 4
        if kind != "gray":
            options["subsampling"] = kind
        noise = 3 if size == (48, 64) and quality == 100 else 25
        image = photo(random, *size, 1 if kind == "gray" else 3, noise)
        yield f"{kind} {size[1]}x{size[0]} {quality}", encoded(image, **options)


def special(random):
    image = photo(random, 17, 33, 3, 10)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 1
    yield "exif", encoded(image, quality=90, exif=exif)
    yield "rgb", encoded(image, quality=90, keep_rgb=True)
    yield "comment and profile", encoded(image, quality=90, comment=b"skin", icc_profile=bytes(999))
    yield "16-bit tables", encoded(image, qtables=[[300] * 64, [400] * 64])
    yield "hard edges", encoded(photo(random, 32, 32, 3, 200), quality=75)
    yield "flat", encoded(Image.new("RGB", (50, 50), (200, 120, 90)), quality=90)
    # So many kinds of values that the end of a block gets a long code.
    yield "long codes", encoded(photo(random, 48, 64, 1, 200), quality=100, optimize=True)


def rare(random):
    """What Pillow only reads."""
    for size in SIZES:
        mcus = -(-size[0] // 16) * -(-size[1] // 8)
        sampling = [(1, 2), (1, 1), (1, 1)]
        yield f"4:4:0 {size[1]}x{size[0]}", in_colors(blocks(random, 4 * mcus), size, sampling)
    for sampling in [
        [(2, 2), (1, 2), (1, 2)], [(2, 2), (2, 1), (2, 1)], [(2, 1), (2, 1), (2, 1)],
        [(2, 2), (2, 1), (1, 2)], [(1, 1), (2, 2), (1, 1)],
    ]:
        num = sum(columns * rows for columns, rows in sampling)
        columns, rows = (8 * max(factors) for factors in zip(*sampling))
        gray = blocks(random, 6 * num, restart_marker_blocks=2 * num)
        size = (2 * rows - 2, 3 * columns - 3)
        yield f"sampling {sampling}", in_colors(gray, size, sampling, restart_interval=2)
    full = [(1, 1)] * 3
    jfif = segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
    adobe = [segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00" + bytes([n])) for n in range(2)]
    gray = blocks(random, 3)
    yield "adobe rgb", in_colors(gray, (8, 8), full, before=adobe[0])
    yield "adobe ycbcr", in_colors(gray, (8, 8), full, ids=b"RGB", before=adobe[1])
    yield "adobe and jfif", in_colors(gray, (8, 8), full, before=jfif + adobe[0])
    yield "named rgb", in_colors(gray, (8, 8), full, ids=b"RGB")
    yield "odd names", in_colors(gray, (8, 8), full, ids=(0, 7, 34))
    yield "bytes between segments", in_colors(gray, (8, 8), full, before=jfif + b"\x00\xff\xff")


def case(name, file):
    image = Image.open(io.BytesIO(file)).convert("RGB")
    size = [image.height, image.width]
    return {"name": name, "size": size, "file": file.hex(), "crc32": zlib.crc32(image.tobytes())}


def main():
    random = np.random.default_rng(0)
    files = [*plain(random), *special(random), *rare(random)]
    library = f"Pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}"
    golden = {"library": library, "cases": [case(name, file) for name, file in files]}
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
