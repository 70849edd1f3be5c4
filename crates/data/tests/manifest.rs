//! The manifest of a folder, and how a folder can differ from it.

use dermx_data::{Finding, FindingKind, Manifest};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn folder() -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for (name, text) in [("b.txt", "two"), ("a/1 x.txt", "one"), ("a-b", ""), (".hidden", "no")] {
        write(&root, name, text);
    }
    root
}

fn write(root: &TempDir, name: &str, text: &str) {
    let path = root.path().join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("creates");
    fs::write(path, text).expect("writes");
}

fn manifest_of(root: &TempDir) -> Manifest {
    Manifest::of_folder(root.path(), None).expect("reads")
}

/// The manifest from text, as a file has it.
fn read(text: &str) -> Result<Manifest, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("manifest.txt");
    fs::write(&path, text).expect("writes");
    Manifest::read(&path).map_err(|error| error.to_string())
}

/// What a change of the folder is found to be.
fn findings_after(change: impl FnOnce(&TempDir)) -> Vec<(FindingKind, String, String)> {
    let root = folder();
    let before = manifest_of(&root);
    change(&root);
    let tell = |Finding { kind, path, message }| {
        let name = path.strip_prefix(root.path()).expect("below the root").display().to_string();
        (kind, name, message)
    };
    before.compare(&manifest_of(&root), root.path()).into_iter().map(tell).collect()
}

/// The hashes are those of `b3sum`; `a-b` comes before `a/1 x.txt` because `-` is before `/`.
#[test]
fn the_text_is_the_same_on_every_machine() {
    let text = manifest_of(&folder()).to_text();
    let line =
        |text: &str, name: &str| format!("{} {} {name}", blake3::hash(text.as_bytes()), text.len());
    let lines: Vec<&str> = text.lines().collect();
    let expected = [line("", "a-b"), line("one", "a/1 x.txt"), line("two", "b.txt")];
    assert_eq!(lines[1..], expected);
    assert!(lines[1].starts_with("af1349b9f5f9a1a6a0404dea36dcc949"), "BLAKE3 of nothing");
    let hash = blake3::hash((expected.join("\n") + "\n").as_bytes());
    assert_eq!(lines[0], format!("dermx manifest 1, BLAKE3 of the lines below: {hash}"));
    assert_eq!(manifest_of(&folder()).to_text(), text);
}

#[test]
fn a_manifest_read_again_is_the_same() {
    let manifest = manifest_of(&folder());
    assert_eq!(read(&manifest.to_text()), Ok(manifest.clone()));
    assert_eq!((manifest.num_files(), manifest.num_bytes()), (3, 6));
    assert_eq!(findings_after(|_| ()), []);
}

#[test]
fn one_changed_byte_is_found() {
    let found = findings_after(|root| write(root, "b.txt", "twO"));
    let message = "has other content (3 bytes as before)".to_owned();
    assert_eq!(found, [(FindingKind::Changed, "b.txt".to_owned(), message)]);
    let found = findings_after(|root| write(root, "b.txt", "twoo"));
    let message = "has 4 bytes; the manifest says 3".to_owned();
    assert_eq!(found, [(FindingKind::Changed, "b.txt".to_owned(), message)]);
}

#[test]
fn missing_added_and_renamed_files_are_found() {
    let remove = |root: &TempDir| fs::remove_file(root.path().join("b.txt")).expect("removes");
    let found = findings_after(remove);
    let missing =
        (FindingKind::Missing, "b.txt".to_owned(), "is in the manifest, but not there".to_owned());
    assert_eq!(found, std::slice::from_ref(&missing));
    let found = findings_after(|root| write(root, "a/new", "two"));
    let message = "is not in the manifest".to_owned();
    assert_eq!(found, [(FindingKind::Extra, "a/new".to_owned(), message)]);
    let found = findings_after(|root| {
        remove(root);
        write(root, "c.txt", "two");
    });
    let message = "is not in the manifest; it was `b.txt` there".to_owned();
    assert_eq!(found, [missing, (FindingKind::Extra, "c.txt".to_owned(), message)]);
}

#[test]
fn the_manifest_itself_may_lie_in_the_folder() {
    let root = folder();
    let before = manifest_of(&root);
    write(&root, "manifest.txt", &before.to_text());
    let path = root.path().join("a/../manifest.txt");
    let after = Manifest::of_folder(root.path(), Some(&path)).expect("reads");
    assert_eq!(after, before);
}

/// A manifest of these lines, with the right hash.
fn text_of(lines: &str) -> String {
    let hash = blake3::hash(lines.as_bytes());
    format!("dermx manifest 1, BLAKE3 of the lines below: {hash}\n{lines}")
}

#[test]
fn a_path_that_leaves_the_folder_is_refused() {
    let hash = blake3::hash(b"");
    assert!(read(&text_of(&format!("{hash} 0 a/b..c\n"))).is_ok());
    let paths = [
        "../a",
        "a/../../b",
        "/etc/passwd",
        "a//b",
        "./a",
        "a/.",
        "..",
        "",
        "C:\\a",
        "C:/a",
        "a\\..\\b",
        "a/",
        "a\0b",
    ];
    for path in paths {
        let text = text_of(&format!("{hash} 0 A\n{hash} 0 {path}\n"));
        let error = read(&text).expect_err(path);
        let place = "manifest.txt: line 3: found the path";
        assert!(error.contains(place) && error.contains("stays in the folder"), "{error}");
    }
}

#[test]
fn a_broken_manifest_is_refused_with_its_line() {
    let hash = blake3::hash(b"");
    let good = text_of(&format!("{hash} 0 a\n{hash} 0 b\n"));
    for (text, part) in [
        (String::new(), "line 1: found no manifest"),
        ("[]".to_owned(), "line 1: found no manifest"),
        (good.replace(" 0 b", " 1 b"), "line 1: found the hash"),
        (good.replace(&format!("{hash} 0 b\n"), ""), "line 1: found the hash"),
        (good.replace(" 0 b", " 0 a"), "line 3: found `a`"),
        (good.replace(" 0 b", " 0 A"), "line 3: found `A`"),
        (good.replace(" 0 b", " -1 b"), "line 3: found `"),
        (good.replace(" 0 b", "\tb"), "line 3: found `"),
        (good.replace(&format!("{hash} 0 b"), "abc 0 b"), "line 3: found `abc 0 b`"),
    ] {
        let error = read(&text).expect_err(&text);
        assert!(error.contains(part), "{error}");
    }
    assert!(Manifest::read(Path::new("nowhere/manifest.txt")).is_err());
}
