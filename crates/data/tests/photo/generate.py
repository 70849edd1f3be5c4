"""Writes golden.json: small files of every kind, with the colors that Pillow sees in them.

Run: python3 -m venv venv && venv/bin/pip install Pillow==13.0.0 numpy==2.4.6 && venv/bin/python generate.py
"""

import io
import json
import pathlib

import numpy as np
import PIL
from PIL import Image, ImageOps

HEIGHT, WIDTH = 18, 26
ORIENTATION_TAG = 0x0112


def smooth(num_channels):
    row, column, channel = np.ogrid[:HEIGHT, :WIDTH, :num_channels]
    values = 30 + 4 * row * (channel % 2 + 1) + 5 * column - 20 * channel
    return np.clip(values, 0, 255).astype("uint8")


def encoded(image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def jpegs():
    rgb = Image.fromarray(smooth(3))
    cmyk = Image.fromarray(smooth(4), "CMYK")
    sharp = dict(format="JPEG", quality=92, subsampling=0)
    cmyk_file = encoded(cmyk, **sharp)
    adobe = cmyk_file.index(b"Adobe")
    # The same bits with the color transform 2 (YCCK) instead of 0 (CMYK).
    ycck_file = cmyk_file[: adobe + 11] + b"\x02" + cmyk_file[adobe + 12 :]
    assert cmyk_file[adobe + 11] == 0
    yield "baseline", encoded(rgb, **sharp)
    yield "chroma_subsampled", encoded(rgb, format="JPEG", quality=92, subsampling=2)
    yield "progressive", encoded(rgb, progressive=True, **sharp)
    yield "restart_markers", encoded(rgb, restart_marker_blocks=2, **sharp)
    yield "gray", encoded(Image.fromarray(smooth(1)[..., 0]), **sharp)
    yield "stored_as_rgb", encoded(rgb, keep_rgb=True, **sharp)
    yield "cmyk", cmyk_file
    yield "cmyk_progressive", encoded(cmyk, progressive=True, **sharp)
    yield "ycck", ycck_file
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = orientation
        yield f"orientation_{orientation}", encoded(rgb, exif=exif, **sharp)


def pngs():
    options = dict(format="PNG", optimize=True)
    rgba = Image.fromarray(smooth(4), "RGBA")
    gray = Image.fromarray(smooth(1)[..., 0])
    palette = Image.fromarray(smooth(3)).quantize(16)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    yield "png_rgb", encoded(Image.fromarray(smooth(3)), **options)
    yield "png_rgba", encoded(rgba, **options)
    yield "png_gray", encoded(gray, **options)
    yield "png_gray_alpha", encoded(Image.fromarray(smooth(2), "LA"), **options)
    yield "png_palette", encoded(palette, **options)
    yield "png_palette_transparent", encoded(palette, transparency=3, **options)
    yield "png_bilevel", encoded(gray.convert("1"), **options)
    yield "png_orientation_6", encoded(Image.fromarray(smooth(3)), exif=exif, **options)


def case(name, file):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB")
    size = [image.height, image.width]
    return {"name": name, "size": size, "file": file.hex(), "rgb": image.tobytes().hex()}


def main():
    cases = [case(name, file) for name, file in [*jpegs(), *pngs()]]
    golden = {"library": f"Pillow {PIL.__version__}", "cases": cases}
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
