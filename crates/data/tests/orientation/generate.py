"""Writes golden.json: small photos that state their orientation in every place, and how Pillow turns them.

Run: python3 -m venv venv && venv/bin/pip install Pillow==13.0.0 numpy==2.4.6 && venv/bin/python generate.py

`pillow` is the orientation that ImageOps.exif_transpose applied, found by comparing pixels; null where it
raises. `expected` is what dermx has to apply: the same, unless the case says in `because` why it is more.
"""

import io
import json
import pathlib
import struct
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps

HEIGHT, WIDTH = 5, 8
TAG = 0x0112
XAP = b"http://ns.adobe.com/xap/1.0/\0"
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Number and struct letter of the types of TIFF.
TYPES = {
    "byte": (1, "B"),
    "short": (3, "H"),
    "long": (4, "L"),
    "rational": (5, "LL"),
    "sbyte": (6, "b"),
    "sshort": (8, "h"),
    "slong": (9, "l"),
    "srational": (10, "ll"),
    "float": (11, "f"),
    "double": (12, "d"),
}


def tiff(values, kind="short", order="<", tag=TAG, first_ifd=8, next_ifd=0):
    """A TIFF file of one directory with one entry; large values stand behind it."""
    number, letters = TYPES[kind]
    if kind.endswith("rational"):
        values = [part for value in values for part in (value, 1)]
    data = struct.pack(order + letters[0] * len(values), *values)
    count = len(values) // len(letters)
    behind = b""
    if len(data) > 4:
        behind, data = data, struct.pack(order + "L", first_ifd + 18)
    entry = struct.pack(order + "HHL", tag, number, count) + data.ljust(4, b"\0")
    directory = struct.pack(order + "H", 1) + entry + struct.pack(order + "L", next_ifd)
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return (mark + struct.pack(order + "L", first_ifd)).ljust(first_ifd, b"\0") + directory + behind


def pixels():
    row, column, channel = np.ogrid[:HEIGHT, :WIDTH, :3]
    return Image.fromarray((40 * row + 7 * column + 60 * channel).astype("uint8"))


def jpeg(*app1, late=False, **options):
    """A JPEG with segments APP1 behind the JFIF segment, or (late) right before the scan."""
    file = io.BytesIO()
    pixels().save(file, "JPEG", quality=95, subsampling=0, **options)
    bytes_ = file.getvalue()
    at = bytes_.index(b"\xff\xda") if late else 20
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", 2 + len(one)) + one for one in app1)
    return bytes_[:at] + segments + bytes_[at:]


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", checksum)


def png(*chunks, behind=False):
    """A PNG with chunks before or behind its pixels."""
    file = io.BytesIO()
    pixels().save(file, "PNG")
    bytes_ = file.getvalue()
    at = len(bytes_) - 12 if behind else 33
    return bytes_[:at] + b"".join(chunks) + bytes_[at:]


def ztxt(keyword, text):
    return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))


def itxt(keyword, text, compress=False):
    text = zlib.compress(text) if compress else text
    return chunk(b"iTXt", keyword + b"\0" + bytes([compress]) + b"\0\0\0" + text)


def raw_profile(name, block):
    """As ImageMagick writes it: 36 bytes a line."""
    digits = block.hex()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    return f"\n{name}\n{len(block):8}\n".encode() + "\n".join(lines).encode() + b"\n"


def xmp(properties):
    return (
        '<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"{properties}</rdf:RDF></x:xmpmeta>"
    ).encode()


NAMESPACE = 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
ATTRIBUTE = xmp(f'<rdf:Description {NAMESPACE} tiff:Orientation="6"/>')
ELEMENT = xmp(
    f"<rdf:Description {NAMESPACE}><tiff:Orientation>6</tiff:Orientation></rdf:Description>"
)
QUOTED = xmp(f"<rdf:Description {NAMESPACE} tiff:Orientation='6'/>")
PREFIXED = xmp('<rdf:Description xmlns:n="http://ns.adobe.com/tiff/1.0/" n:Orientation="6"/>')
EXIF = b"Exif\0\0"
BYTE = {"byte": "a byte is a number, too"}
# A directory with another tag (YResolution as SHORT).
WITHOUT = tiff([72], tag=0x011B)


def jpegs():
    for orientation in TURNS:
        yield f"jpeg short {orientation}", jpeg(EXIF + tiff([orientation])), None
    for order, name in (("<", "little"), (">", "big")):
        for kind in TYPES:
            yield f"jpeg {kind} {name} endian", jpeg(EXIF + tiff([6], kind, order)), BYTE.get(kind)
        yield f"jpeg two shorts {name} endian", jpeg(EXIF + tiff([6, 3], "short", order)), None
        yield f"jpeg three longs {name} endian", jpeg(EXIF + tiff([6, 3, 1], "long", order)), None
    for value in (0, 9, 65535):
        invalid = jpeg(EXIF + tiff([value]), XAP + ATTRIBUTE)
        yield f"jpeg value {value} beside xmp", invalid, "a value that is not valid is passed over"
        yield f"jpeg value {value}", jpeg(EXIF + tiff([value])), None
    thumbnail = tiff([72], tag=0x011B, next_ifd=26) + tiff([6])[8:]
    yield "jpeg orientation of the thumbnail only", jpeg(EXIF + thumbnail), None
    yield "jpeg no directory", jpeg(EXIF + tiff([6])[:8]), None
    yield "jpeg nothing", jpeg(), None

    yield "jpeg second segment without orientation", jpeg(EXIF + tiff([6]), EXIF + WITHOUT), None
    yield "jpeg second segment empty", jpeg(EXIF + tiff([6]), EXIF), None
    yield "jpeg second segment another orientation", jpeg(EXIF + tiff([6]), EXIF + tiff([3])), None
    later = "each segment is read by itself"
    yield "jpeg orientation in the second segment", jpeg(EXIF + WITHOUT, EXIF + tiff([6])), later
    yield "jpeg second segment valid", jpeg(EXIF + tiff([0]), EXIF + tiff([6])), later
    far = tiff([6], first_ifd=300)
    yield "jpeg one block in two segments", jpeg(EXIF + far[:200], EXIF + far[200:]), None
    yield "jpeg late segment", jpeg(EXIF + tiff([6]), late=True), None
    yield "jpeg progressive", jpeg(EXIF + tiff([6]), progressive=True), None

    odd = "Pillow knows one introduction"
    yield "jpeg introduction with ff", jpeg(b"Exif\0\xff" + tiff([6])), odd
    yield "jpeg introduction in capitals", jpeg(b"EXIF\0\0" + tiff([6])), odd
    yield "jpeg introduction twice", jpeg(EXIF + EXIF + tiff([6])), None
    yield "jpeg no introduction", jpeg(tiff([6])), odd
    swapped = tiff([6], order=">").replace(b"MM\0*", b"MM*\0")
    yield "jpeg number 42 in the wrong order", jpeg(EXIF + swapped), None

    yield "jpeg xmp attribute", jpeg(XAP + ATTRIBUTE), None
    yield "jpeg xmp element", jpeg(XAP + ELEMENT), None
    yield "jpeg xmp single quotes", jpeg(XAP + QUOTED), "XML has both kinds of quotes"
    yield "jpeg xmp other prefix", jpeg(XAP + PREFIXED), "a prefix is what the packet binds"
    yield "jpeg xmp before exif", jpeg(XAP + ATTRIBUTE, EXIF + tiff([3])), None
    yield "jpeg exif without orientation beside xmp", jpeg(EXIF + WITHOUT, XAP + ATTRIBUTE), None


def pngs():
    exif = chunk(b"eXIf", tiff([6]))
    for place, behind in (("before", False), ("behind", True)):
        yield f"png eXIf {place} the pixels", png(exif, behind=behind), None
        prefixed = chunk(b"eXIf", EXIF + tiff([6]))
        yield f"png prefixed eXIf {place} the pixels", png(prefixed, behind=behind), None
        raw = ztxt(b"Raw profile type exif", raw_profile("exif", EXIF + tiff([6])))
        yield f"png raw profile in zTXt {place} the pixels", png(raw, behind=behind), None
        packet = itxt(b"XML:com.adobe.xmp", ATTRIBUTE)
        yield f"png xmp {place} the pixels", png(packet, behind=behind), None
    for kind in TYPES:
        yield f"png eXIf {kind}", png(chunk(b"eXIf", tiff([6], kind, ">"))), BYTE.get(kind)
    raw = raw_profile("exif", tiff([6]))
    keyword = b"Raw profile type exif"
    yield "png raw profile in tEXt", png(chunk(b"tEXt", keyword + b"\0" + raw)), None
    yield "png raw profile in iTXt", png(itxt(keyword, raw)), None
    yield "png raw profile in packed iTXt", png(itxt(keyword, raw, True)), None
    app1 = "Pillow does not read this profile"
    of_jpeg = ztxt(b"Raw profile type APP1", raw_profile("APP1", EXIF + tiff([6])))
    yield "png raw profile APP1 of exif", png(of_jpeg), app1
    of_jpeg = ztxt(b"Raw profile type APP1", raw_profile("APP1", XAP + ATTRIBUTE))
    yield "png raw profile APP1 of xmp", png(of_jpeg), app1
    yield "png raw profile xmp", png(ztxt(b"Raw profile type xmp", raw_profile("xmp", ELEMENT))), app1
    yield "png packed xmp element", png(itxt(b"XML:com.adobe.xmp", ELEMENT, True)), None
    yield "png eXIf before raw profile", png(
        ztxt(keyword, raw_profile("exif", tiff([3]))), exif
    ), None
    without = chunk(b"eXIf", WITHOUT)
    yield "png eXIf without orientation beside raw profile", png(
        without, ztxt(keyword, raw)
    ), "each block is read"
    yield "png eXIf without orientation beside xmp", png(
        without, itxt(b"XML:com.adobe.xmp", ATTRIBUTE)
    ), None
    yield "png nothing", png(), None


def applied(file):
    """The orientation that Pillow applies."""
    image = Image.open(io.BytesIO(file))
    try:
        turned = ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError):
        return None
    for orientation, turn in TURNS.items():
        stored = Image.open(io.BytesIO(file))
        stored.load()
        if turned.tobytes() == (stored if turn is None else stored.transpose(turn)).tobytes():
            return orientation
    raise AssertionError("no orientation")


def main():
    cases = []
    for name, file, because in [*jpegs(), *pngs()]:
        pillow = applied(file)
        case = {"name": name, "file": file.hex(), "pillow": pillow, "expected": pillow}
        if because:
            assert pillow != 6, name
            case |= {"expected": 6, "because": because}
        assert case["expected"], name
        cases.append(case)
    golden = {"library": f"Pillow {PIL.__version__}", "cases": cases}
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
