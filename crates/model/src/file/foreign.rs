//! Recognizes files that hold no weights by their first bytes.

/// How many bytes are looked at.
pub const NUM_BYTES: u64 = 512;

/// What to do with a network of another program.
const AS_WEIGHTS: &str =
    "save the weights of its PyTorch original with `torch.save(model.state_dict(), ...)`";

/// A kind of file that holds no weights.
struct Kind {
    /// How such files start.
    start: &'static [u8],
    /// What they are.
    what: &'static str,
    /// What to do instead.
    advice: &'static str,
}

/// Kinds of files that are told by their first bytes alone.
const KINDS: [Kind; 20] = [
    Kind {
        start: b"version https://git-lfs",
        what: "a pointer of Git LFS in place of the file",
        advice: "`git lfs pull` gets the file itself",
    },
    Kind {
        start: b"\x1f\x8b",
        what: "compressed with gzip",
        advice: "unpack it with gunzip first",
    },
    Kind { start: b"BZh", what: "compressed with bzip2", advice: "unpack it with bunzip2 first" },
    Kind { start: b"\xfd7zXZ\0", what: "compressed with xz", advice: "unpack it with unxz first" },
    Kind {
        start: b"\x28\xb5\x2f\xfd",
        what: "compressed with zstd",
        advice: "unpack it with unzstd first",
    },
    Kind { start: b"7z\xbc\xaf\x27\x1c", what: "a 7z archive", advice: "unpack it first" },
    Kind { start: b"Rar!", what: "a rar archive", advice: "unpack it first" },
    Kind {
        start: b"\x93NUMPY",
        what: "an array of NumPy",
        advice: "save weights by name, with PyTorch or safetensors",
    },
    Kind { start: b"GGUF", what: "GGUF, a format of language models", advice: AS_WEIGHTS },
    Kind { start: b"%PDF", what: "a PDF document", advice: "name the file of weights instead" },
    Kind { start: b"\x89PNG", what: "a PNG picture", advice: "name the file of weights instead" },
    Kind {
        start: b"\xff\xd8\xff",
        what: "a JPEG picture",
        advice: "name the file of weights instead",
    },
    Kind { start: b"GIF8", what: "a GIF picture", advice: "name the file of weights instead" },
    Kind { start: b"\x7fELF", what: "a program", advice: "name the file of weights instead" },
    Kind { start: b"#!", what: "a script", advice: "name the file of weights instead" },
    Kind {
        start: b"SQLite format 3",
        what: "a database of SQLite",
        advice: "name the file of weights instead",
    },
    Kind { start: b"PK\x05\x06", what: "an empty zip archive", advice: "get the file again" },
    // Protocol buffers: field 1 is a version, field 2 the name of the program or the graph.
    Kind {
        start: b"\x08\x01\x12",
        what: "a SavedModel of TensorFlow",
        advice: "save the network with PyTorch instead",
    },
    Kind { start: b"<?xml", what: "XML", advice: "name the file of weights instead" },
    Kind { start: b"From: <Saved by", what: "a web page", advice: "download the file itself" },
];

/// What a file that starts with `start` is, and what to do, if it is no file of weights.
pub fn advice(start: &[u8], num_bytes: u64) -> Option<String> {
    let not_weights = |what: &str, advice: &str| Some(format!("no weights, but {what}; {advice}"));
    if start.is_empty() {
        let advice = "get it again; the copy or download before was not complete";
        return Some(format!("the file is empty; {advice}"));
    }
    // A safetensors file starts with the size of its header, which can be any bytes; the brace after
    // it is what is checked.
    let size = start.first_chunk().map(|&bytes| u64::from_le_bytes(bytes));
    let fits = size.is_some_and(|size| size <= num_bytes.saturating_sub(8));
    if fits && start.get(8) == Some(&b'{') {
        return None;
    }
    if let Some(kind) = KINDS.iter().find(|kind| start.starts_with(kind.start)) {
        return not_weights(kind.what, kind.advice);
    }
    if start.get(4..8) == Some(b"TFL3") {
        return not_weights("a network of TensorFlow Lite", "save it with PyTorch instead");
    }
    if start.get(257..262) == Some(b"ustar") {
        return not_weights("a tar archive", "unpack it first (tar -xf)");
    }
    if let [0x08, 2..=0x1f, 0x12 | 0x3a | 0x42, ..] = start {
        return not_weights("a network of ONNX", AS_WEIGHTS);
    }
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.to_ascii_lowercase();
    if ["<!doctype", "<html", "<head", "<body", "<!--"].iter().any(|tag| lower.starts_with(tag)) {
        let advice = "download the file itself, not the page about it";
        return not_weights("a web page", advice);
    }
    if text.starts_with(['{', '[']) {
        return match text.contains("\"weight_map\"") || text.contains("\"metadata\"") {
            true => not_weights(
                "the list of the parts of weights (JSON)",
                "join its parts with safetensors' `load_file` and `save_file`",
            ),
            false => not_weights("JSON", "name the file of weights instead"),
        };
    }
    let is_text = |letter: char| !letter.is_control() || letter.is_whitespace();
    if start.len() >= 8 && !text.contains('\u{fffd}') && text.chars().all(is_text) {
        let first: String = text.lines().next().unwrap_or_default().chars().take(40).collect();
        let what = format!("text (`{}`)", first.escape_debug());
        return not_weights(&what, "name the file of weights instead");
    }
    None
}
