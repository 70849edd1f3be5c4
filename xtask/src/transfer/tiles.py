"""Cuts tiles of photos in scikit-image's wheel: a folder for each photo, with tiles to learn from and tiles to test on.

    python tiles.py WHEEL FOLDER
"""

import io
import sys
import zipfile
from pathlib import Path

from PIL import Image

# Those in the wheel that show things in colors.
PHOTOS = {
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "motorcycle": "motorcycle_left.png",
    "rocket": "rocket.jpg",
}
SIDE_PX = 100


def main(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        for name, file in PHOTOS.items():
            photo = Image.open(io.BytesIO(archive.read(f"skimage/data/{file}"))).convert("RGB")
            columns = photo.width // SIDE_PX
            for column in range(columns):
                # The last column is tested on, and no tile shares a pixel with another.
                part = folder / ("test" if column == columns - 1 else "train") / name
                part.mkdir(parents=True, exist_ok=True)
                for row in range(photo.height // SIDE_PX):
                    left, top = column * SIDE_PX, row * SIDE_PX
                    tile = photo.crop((left, top, left + SIDE_PX, top + SIDE_PX))
                    tile.save(part / f"{name}-{row}-{column}.png")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
