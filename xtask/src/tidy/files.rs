//! Which files may be in version control.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const MAX_BYTES: u64 = 500_000;

/// What is wrong with `files`.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut problems = orphaned_generators(files);
    for path in files {
        let metadata = fs::metadata(root.join(path))
            .with_context(|| format!("cannot look at {}", path.display()))?;
        problems.extend(too_large(path, metadata.len()));
    }
    Ok(problems)
}

fn too_large(path: &Path, num_bytes: u64) -> Option<String> {
    let message = "data, outputs and weights stay out of version control";
    (num_bytes > MAX_BYTES).then(|| format!("{}: {num_bytes} bytes; {message}", path.display()))
}

/// A golden, its generator and the test that uses it stand in one folder.
fn orphaned_generators(files: &[PathBuf]) -> Vec<String> {
    let folders = |is_wanted: fn(&str) -> bool| -> BTreeSet<&Path> {
        let wanted = files
            .iter()
            .filter(|path| is_wanted(&path.extension().unwrap_or_default().to_string_lossy()));
        wanted.filter_map(|path| path.parent()).collect()
    };
    let tests = folders(|extension| extension == "rs");
    let goldens = folders(|extension| extension != "rs" && extension != "py");
    folders(|extension| extension == "py")
        .into_iter()
        .filter(|folder| !tests.contains(folder) || !goldens.contains(folder))
        .map(|folder| {
            format!("{}: a generator without its golden and test beside it", folder.display())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{orphaned_generators, too_large};
    use std::path::{Path, PathBuf};

    #[test]
    fn large_files_are_found() {
        assert!(too_large(Path::new("weights.safetensors"), 500_001).is_some());
        assert!(too_large(Path::new("small.jpg"), 500_000).is_none());
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
