"""The input pipelines of Keras and of torchvision, one thread, timed on request.

    python pipelines.py PHOTO.jpg

Reads lines `NAME NUM_IMAGES` from standard input, where NAME is a function below, and answers each
with the seconds that many images took. Each image is decoded, brought to 300 x 400,
turned, zoomed, mirrored and darkened as drawn at random, and ends as float32.
Written for keras-preprocessing 1.1.2, SciPy 1.17.1, Pillow 13.0.0, NumPy 2.4.6, torch 2.15.0 and
torchvision 0.29.2; Pillow is built with libjpeg-turbo.
"""

import sys
import time

import numpy as np
import torch
from keras_preprocessing.image import ImageDataGenerator, img_to_array, load_img
from torchvision.datasets.folder import default_loader
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import InterpolationMode, v2

SIZE = (300, 400)

GENERATOR = ImageDataGenerator(
    rotation_range=20, zoom_range=0.25, brightness_range=[0.25, 1],
    horizontal_flip=True, vertical_flip=True, fill_mode="nearest",
)


def keras(path):
    """What `flow_from_directory` does for an image."""
    image = img_to_array(load_img(path, target_size=SIZE, interpolation="bilinear"))
    return GENERATOR.random_transform(image)


TRANSFORMS = v2.Compose([
    v2.Resize(SIZE, antialias=True),
    v2.RandomAffine(20, scale=(0.75, 1.25), interpolation=InterpolationMode.BILINEAR),
    v2.RandomHorizontalFlip(),
    v2.RandomVerticalFlip(),
    v2.ColorJitter(brightness=(0.25, 1)),
    v2.ToImage(),
    v2.ToDtype(torch.float32),
])


def torchvision(path):
    """What `ImageFolder` does unless told otherwise: Pillow reads the photo."""
    return TRANSFORMS(default_loader(path))


def torchvision_tensors(path):
    """torchvision's own decoder and tensors all the way."""
    return TRANSFORMS(decode_jpeg(read_file(path), mode=ImageReadMode.RGB))


PIPELINES = {
    "keras": keras, "torchvision": torchvision, "torchvision_tensors": torchvision_tensors,
}


def main():
    torch.set_num_threads(1)
    np.random.seed(0)
    torch.manual_seed(0)
    path = sys.argv[1]
    for line in sys.stdin:
        name, num_images = line.split()
        start = time.perf_counter()
        for _ in range(int(num_images)):
            PIPELINES[name](path)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
