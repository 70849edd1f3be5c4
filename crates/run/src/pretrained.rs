//! Published ImageNet weights by name, and where they are kept.

use crate::error::{RunError, RunResult};
use dermx_model::Architecture;
use std::path::{Path, PathBuf};

/// Names and files of all weights that can be fetched; a file's name ends in the start of its SHA-256.
fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    Architecture::all().flat_map(|architecture| architecture.weights().iter().copied())
}

/// A file to download.
#[derive(Debug, PartialEq, Eq)]
pub struct PretrainedFile {
    /// Its name.
    pub file_name: String,
    /// The first eight digits of its SHA-256.
    pub hash_start: String,
}

impl PretrainedFile {
    /// The file that `name` means: a name of the table, or a file name that ends in a hash.
    ///
    /// # Errors
    /// There is none.
    pub fn find(name: &str) -> RunResult<Self> {
        let file_name = file_name(name).unwrap_or(name);
        let is_plain = file_name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
        let hash = file_name.strip_suffix(".pth").and_then(|stem| stem.rsplit_once('-'));
        let hash = hash.map(|(_, hash)| hash).filter(|hash| {
            hash.len() == 8 && hash.chars().all(|digit| "0123456789abcdef".contains(digit))
        });
        match hash {
            Some(hash) if is_plain => {
                Ok(Self { file_name: file_name.to_string(), hash_start: hash.to_string() })
            }
            _ => {
                let known: Vec<&str> = files().map(|(name, _)| name).collect();
                let known = known.join(", ");
                let message = format!("there are no weights `{name}` to fetch; there are: {known}");
                Err(RunError::usage(message))
            }
        }
    }
}

/// The path that `weights` means: an existing file, or one fetched before under this name.
///
/// # Errors
/// The name of weights that are not fetched yet.
pub fn resolve(weights: &Path) -> RunResult<PathBuf> {
    let known = weights.to_str().and_then(file_name);
    let Some(file_name) = known.filter(|_| !weights.exists()) else {
        return Ok(weights.to_path_buf());
    };
    let path = cache_folder()?.join(file_name);
    if path.exists() {
        return Ok(path);
    }
    let name = weights.display();
    let message = format!(
        "there is no file `{name}`, and the weights of that name are not downloaded yet: run \
         `dermx weights fetch {name}`, or put {file_name} at {}",
        path.display()
    );
    Err(RunError::missing_input(message))
}

/// `DERMX_CACHE`, or `dermx` in the folder where the system keeps what can be downloaded again.
///
/// # Errors
/// The system tells of no such folder.
pub fn cache_folder() -> RunResult<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = |folder: &str| variable("HOME").map(|home| PathBuf::from(home).join(folder));
    let system = || match std::env::consts::OS {
        "windows" => variable("LOCALAPPDATA").map(PathBuf::from),
        "macos" => home("Library/Caches"),
        _ => variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| home(".cache")),
    };
    let folder = variable("DERMX_CACHE").map(PathBuf::from);
    folder.or_else(|| system().map(|folder| folder.join("dermx"))).ok_or_else(|| {
        let message = "there is no folder for downloads; name one with DERMX_CACHE";
        RunError::missing_input(message)
    })
}

/// Whether `name` means weights of torchvision's that can be fetched, or is the path of one's file.
pub fn is_torchvisions(name: &str) -> bool {
    let last = Path::new(name).file_name().unwrap_or_default();
    file_name(name).is_some() || files().any(|(_, file_name)| last == file_name)
}

fn file_name(name: &str) -> Option<&'static str> {
    files().find(|(known, _)| *known == name).map(|(_, file_name)| file_name)
}

#[cfg(test)]
mod tests {
    use super::{PretrainedFile, files};
    use dermx_work::Failure;

    #[test]
    fn every_file_of_the_table_ends_in_a_hash() {
        for (name, file_name) in files() {
            let file = PretrainedFile::find(name).expect("found");
            assert_eq!(file.file_name, file_name);
            assert!(file_name.ends_with(&format!("-{}.pth", file.hash_start)));
            assert_eq!(PretrainedFile::find(file_name).expect("found"), file);
        }
    }

    #[test]
    fn names_without_a_hash_and_paths_are_refused() {
        for name in
            ["resnet51", "resnet50.pth", "a-12345.pth", "../a-12345678.pth", "a-1234567x.pth"]
        {
            assert_eq!(PretrainedFile::find(name).expect_err("refused").failure(), Failure::Usage);
        }
    }
}
