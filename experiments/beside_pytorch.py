"""Times `dermx bench` beside PyTorch, ONNX Runtime, OpenVINO and pytorch-grad-cam on one machine.

    python experiments/beside_pytorch.py target/release/dermx --out experiments/DATE-cpu.md

    python experiments/beside_pytorch.py target/release/dermx --device cuda --out experiments/DATE-cuda.md

    python experiments/beside_pytorch.py target/release/dermx --summary --rounds 2 --steps 3 --out experiments/DATE-networks-cpu.md

The last has a row for each network that PyTorch has, at its own size: a training step and inference, beside eager
PyTorch with channels last and memory that is kept.

Every contender runs in a process of its own, and they take turns, round after round, so that a
change of the machine's speed meets each of them. A process warms up, times its steps one by one and
tells its images per second (of the median step) and its peak memory. All have the same network,
batch, size and number of threads; weights and images are random, which costs the same as real ones.
Those that multiply bfloat16 are compared with `dermx bench --precision bf16`.

Written for torch 2.15.0, torchvision 0.29.2, grad-cam 1.5.7, onnx 1.23.2, onnxruntime 1.32.0
and openvino 2026.4.1; `--contenders` leaves out what is not installed. ONNX Runtime and OpenVINO run
in a process that has PyTorch loaded, which their memory includes. With `--device cuda` PyTorch (with its
defaults: convolutions in TF32) and `dermx --backend cuda` run on the first GPU, memory is the GPU's, and
contenders that only know processors are left out; this was never run.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time

NUM_CLASSES = 6
NETWORKS = ["resnet50", "efficientnet_b4"]
# What timm calls those that torchvision has not.
OF_TIMM = {
    "xception": "legacy_xception",
    "inception_resnet_v2": "inception_resnet_v2",
    "mobilenetv1_100": "mobilenetv1_100",
    "efficientnet_lite0": "efficientnet_lite0",
    "efficientnet_lite2": "efficientnet_lite2",
    "vit_small_patch16_224": "vit_small_patch16_224",
}
# The rows of the summary, and the side of the images of those whose weights were not trained at 224 pixels.
ALL_NETWORKS = [
    "resnet18", "resnet50", "efficientnet_b0", "vgg16", "densenet121", "mobilenet_v2", "mobilenetv1_100",
    "efficientnet_lite0", "efficientnet_lite2", "xception", "inception_v3", "inception_resnet_v2", "convnext_tiny",
    "convnext_small", "vit_small_patch16_224", "vit_b_16", "swin_t",
]
SIDES = {"xception": 299, "inception_v3": 299, "inception_resnet_v2": 299, "efficientnet_lite2": 260}
SUMMARY = "eager channels_last, tuned malloc"
# What `dermx bench --mode` calls them.
MODES = ["step", "recipe", "infer", "explain"]
CONTENDERS = {
    "eager": MODES[:3],
    "eager channels_last": MODES[:3],
    "eager channels_last, tuned malloc": MODES[:3],
    "compile channels_last": MODES[:3],
    "bf16 autocast channels_last": MODES[:3],
    "onnxruntime": ["infer"],
    "openvino": ["infer"],
    "pytorch-grad-cam": ["explain"],
    "pytorch-grad-cam channels_last": ["explain"],
}
OURS = ["dermx", "dermx bf16"]
PROCESSOR_ONLY = ["eager channels_last, tuned malloc", "onnxruntime", "openvino"]
# No page of a freed tensor goes back to the system, as with jemalloc.
TUNED_MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}


# --- a contender's process ------------------------------------------------------------------------


def step_of(contender, network, mode, batch, size, device):
    """A function without arguments that does one step."""
    import torch

    torch.manual_seed(0)
    model = network_of(network)
    if mode == "recipe":
        replace_head(model, network, size)
    images = torch.randn(batch, 3, *size)
    if "channels_last" in contender:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    autocast = torch.autocast(device, torch.bfloat16, enabled="bf16" in contender)
    if mode == "explain":
        return explaining(model.eval(), network, images)
    if mode == "infer":
        return inferring(contender, model.eval(), images, autocast)
    if mode == "recipe":
        freeze(model.train(), network)
    else:
        model.train()
    return training(contender, model, images, autocast)


def network_of(name):
    import timm
    import torchvision

    if name in OF_TIMM:
        return timm.create_model(OF_TIMM[name], num_classes=NUM_CLASSES)
    # The second head of the first is not computed by dermx.
    more = {"aux_logits": False} if name == "inception_v3" else {}
    return getattr(torchvision.models, name)(num_classes=NUM_CLASSES, **more)


def training(contender, model, images, autocast):
    import torch

    labels = torch.arange(len(images)) % NUM_CLASSES
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=1e-4, eps=1e-7)
    forward = torch.compile(model) if "compile" in contender else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        with autocast:
            loss = torch.nn.functional.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()

    return step


def replace_head(model, network, size):
    """The study's heads: no pooling, or a normalization after it."""
    import torch

    if network == "resnet50":
        cells = [-(-side // 32) for side in size]
        model.avgpool = torch.nn.Identity()
        model.fc = torch.nn.Linear(2048 * cells[0] * cells[1], NUM_CLASSES)
    else:
        model.classifier = torch.nn.Sequential(
            torch.nn.BatchNorm1d(1792), torch.nn.Linear(1792, NUM_CLASSES)
        )


def freeze(model, network):
    """The frozen layers of `configs/resnet50.toml` and `configs/efficientnet-b4.toml`."""
    import torch

    if network == "resnet50":
        learns = lambda name: name.startswith(("layer4.2.", "fc.")) or any(
            part in name for part in ("bn", "downsample.1")
        )
    else:
        blocks = tuple(f"features.6.{block}." for block in range(4, 8))
        learns = lambda name: name.startswith(
            blocks + ("features.7.", "features.8.", "classifier.")
        )
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
    for name, parameter in model.named_parameters():
        is_frozen_norm = (
            network != "resnet50" and parameter.ndim == 1 and not name.startswith("classifier.")
            and name.split(".")[-2] == "1"
        )
        parameter.requires_grad = learns(name) and not is_frozen_norm


def inferring(contender, model, images, autocast):
    import torch

    if contender in ("onnxruntime", "openvino"):
        return inferring_elsewhere(contender, model, images)
    forward = torch.compile(model) if "compile" in contender else model

    def step():
        with torch.inference_mode(), autocast:
            forward(images)

    return step


def inferring_elsewhere(contender, model, images):
    import tempfile

    import torch

    path = os.path.join(tempfile.mkdtemp(), "model.onnx")
    torch.onnx.export(model, (images,), path, dynamo=False)
    threads = torch.get_num_threads()
    if contender == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        feeds = {session.get_inputs()[0].name: images.numpy()}
        return lambda: session.run(None, feeds)
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    array = images.numpy()
    return lambda: compiled(array)


def explaining(model, network, images):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    layer = model.layer4[-1] if network == "resnet50" else model.features[-1]
    targets = [ClassifierOutputTarget(idx % NUM_CLASSES) for idx in range(len(images))]
    cam = GradCAM(model=model, target_layers=[layer])
    return lambda: cam(input_tensor=images, targets=targets)


def contend(args):
    import torch

    torch.set_num_threads(args.threads)
    torch.set_default_device(args.device)
    height, width = (int(side) for side in args.size.split("x"))
    step = step_of(args.contender, args.network, args.mode, args.batch, (height, width), args.device)
    finish = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    seconds = []
    for idx in range(args.warm_up + args.steps):
        start = time.perf_counter()
        step()
        finish()
        if idx >= args.warm_up:
            seconds.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if args.device == "cuda":
        memory = torch.cuda.max_memory_reserved() / 2**20
    print(json.dumps({
        "images_per_s": args.batch / statistics.median(seconds), "peak_memory_mib": memory,
    }))


# --- the rounds -----------------------------------------------------------------------------------


def run(command, environment):
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_dermx(args, name, network, mode):
    command = [
        args.dermx, "bench", "--arch", network, "--mode", mode, "--batch", str(args.batch),
        "--size", args.size, "--steps", str(args.steps), "--backend", args.device, "--json",
        "--precision", "bf16" if "bf16" in name else "f32",
    ]
    environment = os.environ | {"RAYON_NUM_THREADS": str(args.threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr}")
    (case,) = json.loads(done.stdout)
    return {
        "images_per_s": case["images_per_s"]["median"],
        "peak_memory_mib": case["peak_memory_mib" if args.device == "cpu" else "device_memory_mib"],
    }


def run_contender(args, contender, network, mode):
    command = [
        sys.executable, os.path.abspath(__file__), "--contender", contender, "--network", network,
        "--mode", mode, "--batch", str(args.batch), "--size", args.size, "--steps",
        str(args.steps), "--warm-up", str(args.warm_up), "--threads", str(args.threads), "--device", args.device,
    ]
    environment = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
    if "tuned malloc" in contender:
        environment |= TUNED_MALLOC
    return run(command, environment)


def text_of(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def case_table(args, network, mode):
    """The lines of a table: dermx and all that do the same, and dermx / each, round by round."""
    names = [name for name in args.contenders if mode in CONTENDERS[name]]
    ours = [name for name in OURS if name == "dermx" or any("bf16" in other for other in names)]
    rounds = {name: [] for name in ours + names}
    for idx in range(args.rounds):
        for name in rounds:
            print(f"{network} {mode}, round {idx + 1}: {name}", file=sys.stderr, flush=True)
            contend_one = run_dermx if name in OURS else run_contender
            rounds[name].append(contend_one(args, name, network, mode))
    lines = ["| | images/s | dermx is so many times as fast | peak memory, MiB |", "|---|---|---|---|"]
    speeds = {name: [one["images_per_s"] for one in results] for name, results in rounds.items()}
    for name, results in rounds.items():
        memory = max(one["peak_memory_mib"] for one in results)
        like = speeds["dermx bf16" if "bf16" in name else "dermx"]
        ratios = [our / their for our, their in zip(like, speeds[name])]
        ratio = "" if name in OURS else text_of(ratios)
        lines.append(f"| {name} | {text_of(speeds[name])} | {ratio} | {memory:.0f} |")
    return lines


def processor():
    try:
        lines = open("/proc/cpuinfo", encoding="utf-8").read().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def graphics(args):
    """The GPU, if that is what computes."""
    if args.device == "cpu":
        return ""
    import torch

    return torch.cuda.get_device_name() + ", "


def compare(args):
    version = subprocess.run([args.dermx, "--version"], capture_output=True, text=True).stdout.strip()
    out = [
        f"# {version} beside PyTorch on {'a CPU' if args.device == 'cpu' else 'a GPU'}", "",
        f"{datetime.date.today()}, {graphics(args)}{processor()}, {args.threads} threads, f32 unless it says bf16, batch {args.batch}, "
        f"{args.size} pixels. Images per second: the median of {args.rounds} rounds (smallest to "
        f"largest); a round's value is that of the median of {args.steps} steps. Made by "
        "`experiments/beside_pytorch.py`.",
    ]
    for network in args.networks:
        for mode in args.modes:
            out += ["", f"## {network}, {mode}", ""] + case_table(args, network, mode)
            with open(args.out, "w", encoding="utf-8") as file:
                file.write("\n".join(out) + "\n")


def summarize(args):
    """One table: a row for each network."""
    version = subprocess.run([args.dermx, "--version"], capture_output=True, text=True).stdout.strip()
    out = [
        f"# {version} beside PyTorch on a CPU, network by network", "",
        f"{datetime.date.today()}, {processor()}, {args.threads} threads, f32, batch {args.batch}. Images per second: the median of "
        f"{args.rounds} rounds (smallest to largest), which took turns; a round's value is that of the median of {args.steps} "
        f"steps. PyTorch is eager with channels last and keeps its memory. Made by `experiments/beside_pytorch.py`.", "",
        "| network | pixels | step: dermx | PyTorch | dermx is so many times as fast | inference: dermx | PyTorch | "
        "dermx is so many times as fast |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for network in args.networks:
        side = SIDES.get(network, 224)
        args.size = f"{side}x{side}"
        cells = [network, args.size]
        for mode in ["step", "infer"]:
            pairs = []
            for idx in range(args.rounds):
                print(f"{network} {mode}, round {idx + 1}", file=sys.stderr, flush=True)
                results = run_dermx(args, "dermx", network, mode), run_contender(args, SUMMARY, network, mode)
                pairs.append([one["images_per_s"] for one in results])
            ours, theirs = zip(*pairs)
            cells += [text_of(ours), text_of(theirs), text_of([our / their for our, their in pairs])]
        out.append("| " + " | ".join(cells) + " |")
        with open(args.out, "w", encoding="utf-8") as file:
            file.write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dermx", nargs="?", help="the binary")
    parser.add_argument("--out", help="the Markdown file to write")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", default="300x400")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--summary", action="store_true", help="one table with a row for each network")
    parser.add_argument("--networks", nargs="+", choices=ALL_NETWORKS + NETWORKS[1:])
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    # What follows is how a contender's process is told what to do.
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--network", help=argparse.SUPPRESS)
    parser.add_argument("--mode", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.device == "cuda":
        args.contenders = [name for name in args.contenders if name not in PROCESSOR_ONLY]
    if args.contender:
        contend(args)
    elif args.dermx and args.out:
        args.networks = args.networks or (ALL_NETWORKS if args.summary else NETWORKS)
        summarize(args) if args.summary else compare(args)
    else:
        parser.error("name the binary and --out")


if __name__ == "__main__":
    main()
