//! Names in the files of others that lead out of the data set: refused, or names like any other; nothing is
//! written beside the folder that was asked for.

use dermx_formats::{Target, convert, open};
use std::fs;
use std::path::{Path, PathBuf};

/// Where a fixture names an image, and how that is written there.
const PLACES: [(&str, &str, &str, &str); 6] = [
    ("coco-rle", "all.json", "\"file_name\": \"cat/001.png\"", "\"file_name\": \"NAME\""),
    ("cvat", "alice.xml", "name=\"cat/001.png\"", "name=\"NAME\""),
    ("label-studio", "export.json", "\"image\": \"cat/001.png\"", "\"image\": \"NAME\""),
    ("labelme", "alice/cat/001.json", "\"imagePath\": \"", "\"imagePath\": \"NAME/"),
    ("darwin2", "alice/cat/001.json", "\"path\": \"/cat\"", "\"path\": \"NAME\""),
    ("masks", "dataset.toml", "images = \"../images\"", "images = \"NAME\""),
];

/// Names that lead elsewhere, by the rules of some system, or only look so.
fn names() -> Vec<String> {
    let names = [
        "../../outside/001.png",
        "/outside/001.png",
        "C:/outside/001.png",
        "C:\\\\outside\\\\001.png",
        "..\\\\..\\\\outside\\\\001.png",
        "cat/../../../outside/001.png",
        // Letters that look like dots and slashes.
        "\u{2024}\u{2024}\u{2215}outside\u{ff0f}001.png",
    ];
    let long = "x/".repeat(3000) + &"y".repeat(3000);
    names.iter().map(ToString::to_string).chain([long]).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

/// All files below `folder`, but those in `out`.
fn files(folder: &Path, out: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            _ if path == out => {}
            true => found.extend(files(&path, out)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[test]
fn no_name_in_annotations_leads_out_of_the_folder_that_is_written() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
    let root = tempfile::tempdir().unwrap();
    copy(&fixture.join("images"), &root.path().join("a/b/images"));
    let mut num_cases = 0;
    for (format, file, before, after) in PLACES {
        for (idx, name) in names().into_iter().enumerate() {
            let folder = root.path().join("a/b").join(format!("{format}-{idx}"));
            copy(&fixture.join(format), &folder);
            let path = folder.join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(before), "{format}: no {before}");
            // In XML a backslash is a letter.
            let name = if format == "cvat" { name.replace("\\\\", "\\") } else { name };
            fs::write(&path, text.replacen(before, &after.replace("NAME", &name), 1)).unwrap();
            let out = root.path().join("a/b").join(format!("out-{format}-{idx}"));
            let expected = files(root.path(), &out);
            // Refused, or about no photo of the data set.
            if let Ok(dataset) = open(&folder) {
                convert(&dataset, Target::Masks, &out).unwrap();
                assert!(out.is_dir(), "{format}, {name}");
            }
            num_cases += 1;
            assert_eq!(files(root.path(), &out), expected, "{format}, {name}");
            for done in [&folder, &out].into_iter().filter(|done| done.exists()) {
                fs::remove_dir_all(done).unwrap();
            }
        }
    }
    assert_eq!(num_cases, 48);
}
