//! Files that are no weights, told by how they start.

/// How many bytes are looked at.
pub const NUM_BYTES: u64 = 512;

/// What to do with a network of another program.
const AS_WEIGHTS: &str =
    "save the weights of its PyTorch original with `torch.save(model.state_dict(), ...)`";

/// Starts of files of one kind each, what they are, and what to do.
const KINDS: [(&[u8], &str, &str); 21] = [
    (
        b"version https://git-lfs",
        "a pointer of Git LFS in place of the file",
        "`git lfs pull` gets the file itself",
    ),
    (
        b"\x89HDF\r\n\x1a\n",
        "HDF5, as Keras writes weights",
        "save the network with PyTorch instead",
    ),
    (b"\x1f\x8b", "compressed with gzip", "unpack it with gunzip first"),
    (b"BZh", "compressed with bzip2", "unpack it with bunzip2 first"),
    (b"\xfd7zXZ\0", "compressed with xz", "unpack it with unxz first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with unzstd first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (b"Rar!", "a rar archive", "unpack it first"),
    (b"\x93NUMPY", "an array of NumPy", "save weights by name, with PyTorch or safetensors"),
    (b"GGUF", "GGUF, a format of language models", AS_WEIGHTS),
    (b"%PDF", "a PDF document", "name the file of weights instead"),
    (b"\x89PNG", "a PNG picture", "name the file of weights instead"),
    (b"\xff\xd8\xff", "a JPEG picture", "name the file of weights instead"),
    (b"GIF8", "a GIF picture", "name the file of weights instead"),
    (b"\x7fELF", "a program", "name the file of weights instead"),
    (b"#!", "a script", "name the file of weights instead"),
    (b"SQLite format 3", "a database of SQLite", "name the file of weights instead"),
    (b"PK\x05\x06", "an empty zip archive", "get the file again"),
    // Protocol buffers: field 1 is a version, field 2 the name of the program or the graph.
    (b"\x08\x01\x12", "a SavedModel of TensorFlow", "save the network with PyTorch instead"),
    (b"<?xml", "XML", "name the file of weights instead"),
    (b"From: <Saved by", "a web page", "download the file itself"),
];

/// What a file that starts with `start` is, and what to do, if it is no file of weights.
pub fn advice(start: &[u8], num_bytes: u64) -> Option<String> {
    let not_weights = |what: &str, advice: &str| Some(format!("no weights, but {what}; {advice}"));
    if start.is_empty() {
        let advice = "get it again; the copy or download before was not complete";
        return Some(format!("the file is empty; {advice}"));
    }
    // A safetensors file may start with any bytes: the size of its header. Its brace tells it.
    let size = start.first_chunk().map(|&bytes| u64::from_le_bytes(bytes));
    let fits = size.is_some_and(|size| size <= num_bytes.saturating_sub(8));
    if fits && start.get(8) == Some(&b'{') {
        return None;
    }
    if let Some((_, what, advice)) = KINDS.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return not_weights(what, advice);
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
