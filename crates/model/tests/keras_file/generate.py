"""Writes the files of Keras beside this one, and what is in them.

    pip install keras==3.15.1 jax==0.10.2 h5py==3.16.0 safetensors==0.8.0 numpy==2.4.6
    KERAS_BACKEND=jax JAX_ENABLE_X64=1 python generate.py

The Inceptions were written with `KERAS_BACKEND=torch` and torch==2.15.0.

The values of variables are eighths from -16 to 15.875, which 16-bit floats of both kinds hold. `*.safetensors` has
them in PyTorch's names and layouts, moved here by NumPy's `transpose` and `reshape`. `*.json` has the layers of
Keras' own networks, and logits whose weights and images are functions of names and indices (`rule` in main.rs).
"""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers
from safetensors.numpy import save_file

HERE = Path(__file__).parent
NUM_CLASSES = 6


def varied(dtype="float32"):
    """Every kind of layer whose weights are moved, networks in networks, and layers without weights."""
    keras.backend.clear_session()
    keras.config.set_dtype_policy(dtype)
    image = keras.Input((9, 9, 3), name="image")
    x = layers.Conv2D(4, 3, name="stem")(image)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="filter")(x)
    x = layers.SeparableConv2D(5, 3, name="apart")(x)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.Dropout(0.1)(x)
    deepest = keras.Sequential([layers.Conv2D(6, (1, 2), use_bias=False, name="wide")], name="deepest")
    deeper_in = keras.Input((3, 3, 5))
    deeper = keras.Model(deeper_in, layers.Activation("relu")(deepest(deeper_in)), name="deeper")
    x = deeper(x)
    x = layers.Conv2DTranspose(2, 2, name="up")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, name="head")(x), name="varied")


def small(dtype="float32"):
    keras.backend.clear_session()
    keras.config.set_dtype_policy(dtype)
    return keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            layers.Conv2D(4, 3, use_bias=False, name="stem"),
            layers.BatchNormalization(name="stem_bn"),
            keras.Sequential([keras.Input((2, 2, 4)), layers.Conv2D(2, 1, name="point")], name="inside"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, name="head"),
        ],
        name="small",
    )


def programmed():
    keras.backend.clear_session()
    keras.config.set_dtype_policy("float32")
    inside = keras.Sequential([layers.Lambda(lambda x: x * 2, name="twice")], name="inside")
    return keras.Sequential([keras.Input((3,)), inside, layers.Dense(2, name="head")])


def filled(network):
    """`network` with known values."""
    start = 0
    for variable in network.weights:
        indices = np.arange(start, start + int(np.prod(variable.shape)))
        variable.assign(((indices * 7 % 256 - 128) / 8).reshape(variable.shape))
        start += 37
    return network


def paths(network, before=""):
    """Each layer with weights of its own, and its name after those of the networks that it is in."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from paths(layer, f"{before}{layer.name}.")
        elif layer.weights:
            yield f"{before}{layer.name}", layer


def in_pytorch(network):
    """All variables in PyTorch's names and layouts."""
    tensors = {}
    for name, layer in paths(network):
        for variable in layer.weights:
            value = np.asarray(variable.value, dtype=np.float32)
            is_depthwise = isinstance(layer, layers.DepthwiseConv2D)
            is_separable = isinstance(layer, layers.SeparableConv2D)
            match variable.name:
                case "kernel" if is_depthwise:
                    height, width, inputs, factor = value.shape
                    value = value.transpose(2, 3, 0, 1).reshape(inputs * factor, 1, height, width)
                    new_name = "weight"
                case "depthwise_kernel":
                    height, width, inputs, factor = value.shape
                    value = value.transpose(2, 3, 0, 1).reshape(inputs * factor, 1, height, width)
                    new_name = "depthwise.weight"
                case "pointwise_kernel":
                    value, new_name = value.transpose(3, 2, 0, 1), "pointwise.weight"
                case "kernel":
                    axes = (1, 0) if value.ndim == 2 else (3, 2, 0, 1)
                    value, new_name = value.transpose(axes), "weight"
                case "bias" if is_separable:
                    new_name = "pointwise.bias"
                case "gamma":
                    new_name = "weight"
                case "beta":
                    new_name = "bias"
                case "moving_mean":
                    new_name = "running_mean"
                case "moving_variance":
                    new_name = "running_var"
                case other:
                    new_name = other
            tensors[f"{name}.{new_name}"] = np.ascontiguousarray(value)
    return tensors


def write_keras2(group, network, is_nested_twice=False):
    """The group of each layer as Keras 2 wrote it: variables end in `:0`, filters of single channels have a name of
    their own, and what is in a network has the name of its own layer alone."""
    group.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = b"2.11.0"
    for layer in network.layers:
        own = group.create_group(layer.name)
        inside = dict(paths(layer)) if isinstance(layer, keras.Model) else {layer.name: layer}
        names = []
        for name, one in inside.items():
            for variable in one.weights:
                is_depthwise = isinstance(one, layers.DepthwiseConv2D) and variable.name == "kernel"
                kind = "depthwise_kernel" if is_depthwise else variable.name
                names.append(f"{name.replace('.', '/')}/{kind}:0".encode())
                own[names[-1].decode()] = np.asarray(variable.value)
        own.attrs["weight_names"] = names


def without_names(path, new_path):
    """A `.keras` archive whose groups do not say what their layer is called, as Keras 3 wrote it up to 3.6."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new_path, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == "model.weights.h5":
                buffer = io.BytesIO()
                with h5py.File(io.BytesIO(content)) as source, h5py.File(buffer, "w") as target:
                    source.visititems(
                        lambda name, item: target.__setitem__(name, item[()])
                        if isinstance(item, h5py.Dataset)
                        else None
                    )
                content = buffer.getvalue()
            new.writestr(entry, content)


def write_files():
    network = filled(varied())
    network.compile("adam", "mse")
    network.save(HERE / "varied.keras")
    network.save_weights(HERE / "varied.weights.h5")
    network.save(HERE / "varied.h5")
    without_names(HERE / "varied.keras", HERE / "unnamed.keras")
    save_file(in_pytorch(network), HERE / "varied.safetensors")
    with h5py.File(HERE / "keras2_weights.h5", "w") as file:
        write_keras2(file, network)

    network = filled(small())
    save_file(in_pytorch(network), HERE / "small.safetensors")
    with h5py.File(HERE / "keras2_whole.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(
            {"class_name": "Sequential", "config": network.get_config()}, default=str
        ).encode()
        write_keras2(file.create_group("model_weights"), network)
        file["optimizer_weights/Adam/iter:0"] = np.int64(3)
    with h5py.File(HERE / "latest.h5", "w", libver="latest") as file:
        write_keras2(file, network)
    network.save_weights(HERE / "small.weights.h5")
    with h5py.File(HERE / "small.weights.h5") as source:
        with h5py.File(HERE / "chunked.weights.h5", "w") as target:
            def copy(name, item):
                if isinstance(item, h5py.Dataset):
                    chunks = tuple(max(1, (size + 1) // 2) for size in item.shape)
                    options = {"chunks": chunks, "compression": "gzip", "shuffle": True}
                    target.create_dataset(name, data=item[()], **options)
                elif "name" in item.attrs:
                    target.create_group(name).attrs["name"] = item.attrs["name"]
            source.visititems(copy)
    filled(small("float16")).save(HERE / "float16.keras")
    filled(small("float64")).save_weights(HERE / "float64.weights.h5")
    filled(small("bfloat16")).save_weights(HERE / "bfloat16.weights.h5")
    programmed().save(HERE / "lambda.keras")
    programmed().save(HERE / "lambda.h5")
    with h5py.File(HERE / "bomb.weights.h5", "w") as file:
        zeros = np.zeros((2048, 2048), dtype=np.float32)
        file.create_dataset("layers/dense/vars/0", data=zeros, chunks=(2048, 2048), compression="gzip")
    with h5py.File(HERE / "other.h5", "w") as file:
        file["photos/pixels"] = np.zeros((2, 2), dtype=np.float32)



def mix(seed):
    """SplitMix64."""
    with np.errstate(over="ignore"):
        z = np.asarray(seed, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def fractions(seed, count):
    with np.errstate(over="ignore"):
        bits = mix(np.uint64(seed) + np.arange(count, dtype=np.uint64)) >> np.uint64(40)
    return bits.astype(np.float32) / np.float32(1 << 24)


def rule(layer, variable, shape):
    """The values of a variable, a function of its name; main.rs has the same rule."""
    seed = 1
    for byte in f"{layer}/{variable}".encode():
        seed = int(mix(np.uint64(seed) ^ np.uint64(byte)))
    if variable.endswith("kernel"):
        # Of a depthwise filter, the inputs of a channel are its height times its width.
        is_depthwise = layer.endswith("dwconv") or layer.startswith("conv_dw") or variable == "depthwise_kernel"
        num_inputs = int(np.prod(shape[:-1])) // (shape[2] if is_depthwise else 1)
        high = np.sqrt(np.float32(6) / np.float32(num_inputs))
        low = -high
    else:
        # SiLU takes most of a value away, ReLU half of them.
        gamma = (0.3, 0.6) if layer.startswith("conv") else (0.5, 1.1)
        low, high = {"gamma": gamma, "moving_variance": (0.5, 1.5)}.get(variable, (-0.2, 0.2))
        low, high = np.float32(low), np.float32(high)
    values = low + (high - low) * fractions(seed, int(np.prod(shape)))
    return values.astype(np.float32).reshape(shape)


def write_application(name, build, size, divisor=255, divides_itself=False):
    """A network that is given pixels divided by `divisor`, or divides them itself."""
    keras.backend.clear_session()
    keras.config.set_dtype_policy("float32")
    network = build(weights=None, input_shape=(*size, 3), classes=NUM_CLASSES, classifier_activation=None)
    kinds = {}
    for layer in network.layers:
        for variable in layer.weights:
            if layer.name == "normalization":
                continue
            variable.assign(rule(layer.name, variable.name, tuple(variable.shape)))
        kinds[layer.name] = [variable.name for variable in layer.weights]
    variables = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.weights.h5"
        network.save_weights(path)
        with h5py.File(path) as file:
            def note(name, item):
                if isinstance(item, h5py.Dataset):
                    layer = item.parent.attrs["name"]
                    kind = kinds[layer][int(name.rsplit("/", 1)[1])]
                    variables.append([name, layer, kind, list(item.shape)])
            file.visititems(note)
    height, width = size
    # 0 to 255, as photos are.
    photo = np.floor(fractions(int(mix(np.uint64(7))), height * width * 3) * np.float32(256))
    given = photo if divides_itself else photo / np.float32(divisor)
    logits = network.predict(given.reshape(1, height, width, 3), verbose=0)[0]
    print(name, len(variables), logits)
    golden = {
        "size": list(size),
        "divisor": divisor,
        "variables": variables,
        "logits": [float(f"{value:.8g}") for value in logits],
    }
    text = json.dumps(golden, separators=(",", ":")).replace("],[", "],\n[")
    (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    write_files()
    write_application("resnet50", keras.applications.ResNet50, (97, 64), divisor=1)
    write_application("resnet50v2", keras.applications.ResNet50V2, (97, 64))
    write_application("efficientnet_b0", keras.applications.EfficientNetB0, (97, 64), divides_itself=True)
    write_application("efficientnet_b4", keras.applications.EfficientNetB4, (64, 80), divides_itself=True)
    write_application("xception", keras.applications.Xception, (97, 72))
    write_application("mobilenetv1_100", keras.applications.MobileNet, (97, 64))
    write_application("inception_v3", keras.applications.InceptionV3, (97, 80))
    write_application("nasnet_mobile", keras.applications.NASNetMobile, (97, 64))
    write_application("inception_resnet_v2", keras.applications.InceptionResNetV2, (97, 80))
