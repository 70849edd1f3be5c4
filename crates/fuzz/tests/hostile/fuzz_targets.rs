//! The files of `cargo fuzz`.

use dermx_fuzz::targets;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_target_has_its_fuzzer_and_every_fuzzer_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let names: BTreeSet<String> = targets().iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), targets().len(), "two targets of one name");
    let files = fs::read_dir(folder.join("fuzz_targets")).unwrap();
    let files: BTreeSet<String> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .collect();
    assert_eq!(files, names);
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for name in &names {
        let path = format!("path = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&path), "fuzz/Cargo.toml has no {path}");
        let text = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("dermx_fuzz::fuzz(\"{name}\", data)")), "{name}.rs");
    }
}

#[test]
fn the_body_of_a_fuzzer_reads_any_bytes() {
    for target in targets() {
        for bytes in [&b""[..], b"\0", b"{}", b"[]", b"a,b\n1,2\n", b"<a/>", b"\x89PNG\r\n\x1a\n"] {
            dermx_fuzz::fuzz(target.name, bytes);
        }
    }
}
