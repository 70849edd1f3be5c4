//! Which files may be in version control.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const MAX_BYTES: u64 = 500_000;
/// Of weights and arrays: goldens are small.
const MAX_ARRAY_BYTES: u64 = 100_000;
const ARRAYS: [&str; 3] = ["safetensors", "pth", "npy"];
const PHOTOS: [&str; 2] = ["jpg", "jpeg"];

/// What is wrong with `files`.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut problems = orphaned_generators(files);
    for path in files {
        let metadata = fs::metadata(root.join(path))
            .with_context(|| format!("cannot look at {}", path.display()))?;
        problems.extend(too_large(path, metadata.len()));
        problems.extend(misplaced_photo(path));
    }
    Ok(problems)
}

fn too_large(path: &Path, num_bytes: u64) -> Option<String> {
    let max = if ARRAYS.contains(&extension(path)) { MAX_ARRAY_BYTES } else { MAX_BYTES };
    let message = "data, outputs and weights stay out of version control";
    (num_bytes > max)
        .then(|| format!("{}: {num_bytes} bytes of at most {max}; {message}", path.display()))
}

/// Photos illustrate documents or are input of tests; patients' photos are never here.
fn misplaced_photo(path: &Path) -> Option<String> {
    let mut folders = path.components().map(|part| part.as_os_str());
    let is_placed = path.starts_with("docs") || folders.any(|folder| folder == "tests");
    (PHOTOS.contains(&extension(path)) && !is_placed)
        .then(|| format!("{}: a photo outside docs/ and tests", path.display()))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// A golden, its generator and the test that uses it stand in one folder.
fn orphaned_generators(files: &[PathBuf]) -> Vec<String> {
    let folders = |is_wanted: fn(&Path) -> bool| -> BTreeSet<&Path> {
        files.iter().filter(|path| is_wanted(path)).filter_map(|path| path.parent()).collect()
    };
    let tests = folders(|path| extension(path) == "rs");
    let goldens = folders(|path| !["rs", "py"].contains(&extension(path)));
    folders(is_generator)
        .into_iter()
        .filter(|folder| !tests.contains(folder) || !goldens.contains(folder))
        .map(|folder| {
            format!("{}: a generator without its golden and test beside it", folder.display())
        })
        .collect()
}

fn is_generator(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("generate") && name.ends_with(".py")
}

#[cfg(test)]
mod tests {
    use super::{misplaced_photo, orphaned_generators, too_large};
    use std::path::{Path, PathBuf};

    #[test]
    fn large_files_are_found() {
        assert!(too_large(Path::new("golden.json"), 500_001).is_some());
        assert!(too_large(Path::new("golden.json"), 500_000).is_none());
        for name in ["weights.safetensors", "weights.pth", "map.npy"] {
            assert!(too_large(Path::new(name), 100_001).is_some(), "{name}");
            assert!(too_large(Path::new(name), 100_000).is_none(), "{name}");
        }
    }

    #[test]
    fn photos_among_the_code_are_found() {
        assert!(misplaced_photo(Path::new("datasets/dermx/1.jpg")).is_some());
        assert!(misplaced_photo(Path::new("docs/report.jpg")).is_none());
        assert!(misplaced_photo(Path::new("crates/data/tests/photo/1.jpeg")).is_none());
    }

    #[test]
    fn a_generator_away_from_its_golden_is_found() {
        let paths = |names: &[&str]| -> Vec<PathBuf> { names.iter().map(PathBuf::from).collect() };
        let whole = paths(&["t/a/generate.py", "t/a/golden.json", "t/a/main.rs"]);
        assert!(orphaned_generators(&whole).is_empty());
        assert_eq!(orphaned_generators(&whole[..2]).len(), 1);
        assert_eq!(orphaned_generators(&paths(&["t/a/generate.py", "t/a/main.rs"])).len(), 1);
    }
}
