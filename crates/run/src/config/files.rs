//! Where configurations are found, and the bases that they build on.

use super::document::Document;
use super::resolve::{Resolved, resolve};
use super::schema::Node;
use crate::error::{RunError, RunResult};
use dermx_data::text::{MAX_EXCERPT, shortened};
use dermx_work::Failure;
use serde::de::DeserializeOwned;
use std::path::{Component, Path, PathBuf};
use toml::Value;

/// The files of `configs/` with these names, and what is in them.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../configs/", $name)))),+]
    };
}

/// Configurations that are part of the program, so that it works in an empty folder.
pub(super) const BUILT_IN: &[(&str, &str)] = files![
    "quickstart.toml",
    "transfer.toml",
    "resnet50.toml",
    "efficientnet-b4.toml",
    "as-published/resnet50.toml",
    "as-published/efficientnet-b4.toml",
    "benchmark-2023/common.toml",
    "benchmark-2023/xception.toml",
    "benchmark-2023/nasnet-mobile.toml",
    "benchmark-2023/inception-v3.toml",
    "benchmark-2023/efficientnet-b0.toml",
    "benchmark-2023/inception-resnet-v2.toml",
    "benchmark-2023/mobilenet.toml",
    "benchmark-2023/resnet50v2.toml",
    "benchmark-2023/mobilenet-v2.toml",
    "benchmark-2023/resnet50.toml",
    "benchmark-2023/vgg16.toml",
    "benchmark-2023/densenet121.toml",
    "search-resnet50.toml",
    "search-efficientnet-b4.toml",
    "compare-backends.toml",
    "guided/common.toml",
    "guided/plain.toml",
    "guided/characteristics.toml",
    "guided/soft-se-sp.toml",
    "guided/dice.toml",
];

/// The key that names the configuration that another builds on.
pub(super) const BASE: &str = "base";

/// A configuration that was found.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// How complaints name it.
    origin: String,
    text: String,
    folder: Folder,
}

/// Where a configuration lies, so that its base is looked for beside it.
#[derive(Debug, Clone)]
enum Folder {
    /// On the disk.
    Disk(PathBuf),
    /// In the program.
    BuiltIn(PathBuf),
}

/// A file of one section: what it says, filled up with defaults, and as values; `None` where they are wrong.
pub(super) struct OneSection<T> {
    pub document: Document,
    pub resolved: Resolved,
    pub section: Option<T>,
}

/// Bytes of the longest path that a system takes.
const MAX_NAME: usize = 4096;

impl Source {
    /// A text that lies in no file; a base is looked for from the current folder.
    pub(super) fn of_text(origin: &str, text: &str) -> Self {
        let folder = Folder::Disk(PathBuf::new());
        Self { origin: origin.to_string(), text: text.to_string(), folder }
    }

    /// A file.
    ///
    /// # Errors
    /// A file that cannot be read, or is not UTF-8.
    fn of_file(path: &Path) -> RunResult<Self> {
        let bytes = std::fs::read(path).map_err(|error| RunError::io(path, &error))?;
        let text = utf8(path, &bytes).map_err(RunError::bad_config)?.to_string();
        let folder = Folder::Disk(path.parent().map(Path::to_path_buf).unwrap_or_default());
        Ok(Self { origin: path.display().to_string(), text, folder })
    }

    fn built_in(name: &str) -> Option<Self> {
        let (known, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        let folder = Path::new(known).parent().map(Path::to_path_buf).unwrap_or_default();
        Some(Self {
            origin: format!("built-in {known}"),
            text: (*text).to_string(),
            folder: Folder::BuiltIn(folder),
        })
    }

    /// The first of `paths` that is there.
    fn of_files(paths: &[PathBuf]) -> RunResult<Option<Self>> {
        for path in paths {
            match Self::of_file(path) {
                Ok(source) => return Ok(Some(source)),
                Err(error) if error.failure() == Failure::MissingInput => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The configuration `name`: a path, a file in `configs/`, or one that is part of the program.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn find(name: &str) -> RunResult<Self> {
        let paths = [PathBuf::from(name), Path::new("configs").join(name)];
        let found = Self::of_files(&paths)?.or_else(|| Self::built_in(name));
        found.ok_or_else(|| {
            let message = format!(
                "there is no configuration `{name}`, here or in configs/; built in are: {}",
                names()
            );
            RunError::missing_input(message)
        })
    }

    /// The base `name` of this configuration: beside it, in `configs/`, or part of the program.
    fn find_base(&self, name: &str) -> RunResult<Self> {
        let found = match &self.folder {
            // No file is called so.
            _ if name.len() > MAX_NAME => None,
            Folder::Disk(folder) => {
                let paths = [folder.join(name), Path::new("configs").join(name)];
                Self::of_files(&paths)?
            }
            Folder::BuiltIn(folder) => Self::built_in(&straight(&folder.join(name))),
        };
        found.or_else(|| Self::built_in(name)).ok_or_else(|| {
            let message = format!(
                "{}: `{BASE}` is `{}`, and there is no such configuration beside it or in configs/; \
                 built in are: {}",
                self.origin,
                shortened(name, MAX_EXCERPT),
                names()
            );
            RunError::missing_input(message)
        })
    }

    /// What tells it from others.
    fn identity(&self) -> String {
        match Path::new(&self.origin).canonicalize() {
            Ok(path) => path.display().to_string(),
            Err(_) => self.origin.clone(),
        }
    }

    /// The configuration with `assignments`, `section.key=value`, laid over its base, that over its own, and
    /// so on.
    ///
    /// # Errors
    /// What is wrong with the syntax of one, a base that is not there, or bases in a circle.
    pub(super) fn document_with(
        &self,
        nodes: &[Node],
        assignments: &[String],
    ) -> RunResult<Document> {
        let mut document = self.over_bases(nodes, &mut Vec::new())?;
        let assignments = Document::of_assignments(nodes, assignments);
        document.lay_over(nodes, assignments.map_err(RunError::bad_config)?);
        Ok(document)
    }

    /// Reads a file that has the section `name` alone; adds everything that is wrong to `problems`.
    ///
    /// # Errors
    /// As [`Self::document_with`].
    pub(super) fn one_section<T: DeserializeOwned>(
        &self,
        nodes: &[Node],
        name: &str,
        problems: &mut Vec<String>,
    ) -> RunResult<OneSection<T>> {
        let document = self.document_with(nodes, &[])?;
        let resolved = resolve(nodes, &document, problems);
        let section = resolved.table.get(name).cloned();
        let section = section.and_then(|section| section.try_into().ok());
        Ok(OneSection { document, resolved, section })
    }

    fn over_bases(&self, nodes: &[Node], above: &mut Vec<(String, String)>) -> RunResult<Document> {
        let mut document =
            Document::parse(&self.origin, &self.text).map_err(RunError::bad_config)?;
        document.normalize(nodes);
        let Some(base) = document.take(BASE) else { return Ok(document) };
        let Value::String(base) = base else {
            let place = document.place(BASE);
            let message = format!("{place}: `{BASE}` is {base}; it has to name a configuration");
            return Err(RunError::bad_config(message));
        };
        above.push((self.identity(), self.origin.clone()));
        let base = self.find_base(&base)?;
        let identity = base.identity();
        if let Some(first) = above.iter().position(|(known, _)| *known == identity) {
            let names = above[first..].iter().map(|(_, origin)| origin.as_str());
            let names: Vec<&str> = names.chain([base.origin.as_str()]).collect();
            let message = format!("`{BASE}` goes in a circle: {}", names.join(" -> "));
            return Err(RunError::bad_config(message));
        }
        let mut below = base.over_bases(nodes, above)?;
        below.lay_over(nodes, document);
        Ok(below)
    }
}

/// The text of the file `path`, or what to say of one that is no text in UTF-8.
pub(super) fn utf8<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, String> {
    str::from_utf8(bytes).map_err(|error| {
        let byte = error.valid_up_to();
        let line = 1 + bytes[..byte].iter().filter(|&&byte| byte == b'\n').count();
        format!(
            "{}:{line}: byte {byte} is not UTF-8; expected TOML in UTF-8: save the file in it",
            path.display()
        )
    })
}

/// The name of a configuration: its file name without the extension, after the folder's of one that
/// is part of the program.
pub fn config_name(name: &str) -> String {
    let folder = name.split_once('/').map(|(folder, _)| folder);
    let is_nested = folder.is_some_and(|folder| folders().contains(&folder));
    if let Some(nested) = name.strip_suffix(".toml").filter(|_| is_nested) {
        return nested.replace('/', "-");
    }
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    stem.unwrap_or("run").to_string()
}

/// The folders of built-in configurations. Runs are named after them, too.
fn folders() -> Vec<&'static str> {
    let all = BUILT_IN.iter().filter_map(|(name, _)| Some(name.split_once('/')?.0));
    let mut folders: Vec<&str> = all.collect();
    folders.dedup();
    folders
}

/// The built-in configurations, those of a folder together.
fn names() -> String {
    let names = || BUILT_IN.iter().map(|(name, _)| *name);
    let of_folder = |folder: &str| {
        let inside = names().filter_map(|name| name.strip_prefix(folder)?.strip_prefix('/'));
        let stems: Vec<&str> = inside.filter_map(|name| name.strip_suffix(".toml")).collect();
        format!("{folder}/{{{}}}.toml", stems.join(","))
    };
    let top = names().filter(|name| !name.contains('/')).map(str::to_string);
    top.chain(folders().into_iter().map(of_folder)).collect::<Vec<_>>().join(", ")
}

/// The path without `..`, with `/`.
fn straight(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    parts.join("/")
}
