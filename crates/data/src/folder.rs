//! Folders of photos: one sub-folder per class, or photos by id.

use crate::file_kind::is_image;
use crate::image_id::{composed, image_id, is_photo};
use crate::{DataError, file};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::FileType;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders below this depth are refused, so that a link to its own parent cannot loop for ever.
const MAX_DEPTH: usize = 16;

/// Extensions of files that are no notes, in lower case: images that are not read, annotations, tables, maps,
/// archives. One of them among photos was meant for something, or the folder is another kind of data set.
const NO_NOTES: [&str; 29] = [
    "avif",
    "bmp",
    "dcm",
    "gif",
    "heic",
    "heif",
    "jfif",
    "jp2",
    "jpe",
    "jxl",
    "psd",
    "tif",
    "tiff",
    "webp",
    "csv",
    "gz",
    "h5",
    "json",
    "jsonl",
    "mat",
    "npy",
    "npz",
    "pth",
    "safetensors",
    "tar",
    "toml",
    "tsv",
    "xml",
    "zip",
];

/// Bytes that tell what a file is.
const NUM_START: u64 = 512;

/// Files that a warning names.
const MAX_NOTES_SHOWN: usize = 10;

/// One photo and the class that it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelledImage {
    /// The path below the root without the extension of a photo, see [`image_id`](crate::image_id):
    /// unique and the same on any machine.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// The place of its class in [`LabelledFolder::classes`].
    pub class_idx: usize,
}

/// Photos with their classes, sorted by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelledFolder {
    /// The class names; their order is that of the network's outputs.
    pub classes: Vec<String>,
    /// The photos, sorted by id whatever the file system's order.
    pub images: Vec<LabelledImage>,
}

impl LabelledFolder {
    /// The number of images of each class, in the order of [`Self::classes`].
    pub fn num_per_class(&self) -> Vec<usize> {
        let mut num_per_class = vec![0; self.classes.len()];
        for image in &self.images {
            num_per_class[image.class_idx] += 1;
        }
        num_per_class
    }
}

/// Reads a folder with one sub-folder per class, searched to any depth.
///
/// `class_names` maps the name of a sub-folder to its class (`wart` to `Viral warts`); an empty
/// class name ignores the sub-folder. A sub-folder whose name is a class needs no entry; letter
/// case, `_`, `-` and space make no difference unless they would leave two classes to choose from.
/// Several sub-folders may hold one class. Classes are bound by name only: neither the order nor
/// the number of sub-folders matters. Hidden files, `Thumbs.db` and, beside the sub-folders, files
/// that are no photos are passed over; in them, a warning names notes (a README.txt).
///
/// # Errors
/// A sub-folder or an entry of `class_names` without a class; an entry without a sub-folder; a
/// class without images; a file in a sub-folder that is neither a photo nor a note; a photo
/// beside the sub-folders; two photos with one id (`a.jpg` and `a.png`); what [`list_files`] refuses.
pub fn read_labelled_folder(
    root: &Path,
    classes: &[String],
    class_names: &BTreeMap<String, String>,
) -> Result<LabelledFolder, DataError> {
    let folders = folders_in(root)?;
    let class_names: BTreeMap<String, String> =
        class_names.iter().map(|(folder, class)| (composed(folder), class.clone())).collect();
    check_class_names(root, classes, &class_names, &folders)?;
    let (mut found, mut notes) = (BTreeMap::new(), Vec::new());
    for (name, class_idx) in bind_classes(root, classes, &class_names, &folders)? {
        for path in photos_below(&folders[&name], &mut notes)? {
            let id = id_below(root, &path)?;
            insert_unique(&mut found, id, path, class_idx)?;
        }
    }
    warn_of_notes(root, &notes);
    let images = found
        .into_iter()
        .map(|(id, (path, class_idx))| LabelledImage { id, path, class_idx })
        .collect();
    let folder = LabelledFolder { classes: classes.to_vec(), images };
    check_no_class_is_empty(root, &folder)?;
    Ok(folder)
}

/// Lists the photos in `dir` and below by id: the path below `dir` without the extension of a photo,
/// see [`image_id`](crate::image_id).
///
/// Hidden files and `Thumbs.db` are passed over; a warning names notes (a README.txt).
///
/// # Errors
/// A file that is neither a photo nor a note; two photos with one id; what [`list_files`]
/// refuses.
pub fn list_photos(dir: &Path) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let (mut found, mut notes) = (BTreeMap::new(), Vec::new());
    for path in photos_below(dir, &mut notes)? {
        let id = id_below(dir, &path)?;
        insert_unique(&mut found, id, path, ())?;
    }
    warn_of_notes(dir, &notes);
    Ok(found.into_iter().map(|(id, (path, ()))| (id, path)).collect())
}

/// The names of the sub-folders of `root`, sorted, in Unicode's composed form.
///
/// # Errors
/// A folder that cannot be read; a photo beside the sub-folders.
pub fn class_folders(root: &Path) -> Result<Vec<String>, DataError> {
    Ok(folders_in(root)?.into_keys().collect())
}

/// The sub-folders of the root, by name in Unicode's composed form.
fn folders_in(root: &Path) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let mut folders = BTreeMap::new();
    let entries = entries(root)?;
    if let Some(problem) = entries.problems.into_iter().next() {
        return Err(problem);
    }
    for (path, is_folder) in entries.paths {
        if is_folder {
            folders.insert(composed(name_of(&path)?), path);
        } else if is_photo(&path) {
            let message = "is a photo outside the class folders; move it into one of them";
            return Err(DataError::invalid(&path, "", message));
        }
    }
    Ok(folders)
}

fn check_class_names(
    root: &Path,
    classes: &[String],
    class_names: &BTreeMap<String, String>,
    folders: &BTreeMap<String, PathBuf>,
) -> Result<(), DataError> {
    for (folder, class) in class_names {
        let place = format!("class name of folder `{folder}`");
        if !folders.contains_key(folder) {
            let hint = did_you_mean(folder, folders.keys());
            let message = format!("there is no such folder{hint}; correct or remove the entry");
            return Err(DataError::invalid(root, place, message));
        }
        if !class.is_empty() && class_idx_of(class, classes).is_none() {
            let hint = did_you_mean(class, classes);
            let message = format!("`{class}` is no class{hint}; {}", expected(classes));
            return Err(DataError::invalid(root, place, message));
        }
    }
    Ok(())
}

/// The class of each sub-folder that is not ignored, by folder name.
fn bind_classes(
    root: &Path,
    classes: &[String],
    class_names: &BTreeMap<String, String>,
    folders: &BTreeMap<String, PathBuf>,
) -> Result<BTreeMap<String, usize>, DataError> {
    let mut bound = BTreeMap::new();
    let mut unknown = Vec::new();
    for folder in folders.keys() {
        let class = class_names.get(folder).unwrap_or(folder);
        match class_idx_of(class, classes) {
            Some(class_idx) => drop(bound.insert(folder.clone(), class_idx)),
            None if class.is_empty() => {}
            None => unknown.push(format!("`{folder}`{}", did_you_mean(folder, classes))),
        }
    }
    if unknown.is_empty() {
        return Ok(bound);
    }
    let message = format!(
        "folders without a class: {}; {}. Give each a class name (`folder = \"Class\"`), or an \
         empty one (`folder = \"\"`) to ignore it",
        unknown.join(", "),
        expected(classes)
    );
    Err(DataError::invalid(root, "", message))
}

fn check_no_class_is_empty(root: &Path, folder: &LabelledFolder) -> Result<(), DataError> {
    let num_per_class = folder.num_per_class();
    let empty: Vec<String> = std::iter::zip(&folder.classes, num_per_class)
        .filter(|(_, num_images)| *num_images == 0)
        .map(|(class, _)| format!("`{class}`"))
        .collect();
    if empty.is_empty() {
        return Ok(());
    }
    let message = format!(
        "no images of {}; add a folder of that name with photos, or give an existing folder that \
         class name",
        empty.join(", ")
    );
    Err(DataError::missing(root, message))
}

/// The place of the class of this name: exactly, or but for letter case, `_`, `-` and space if that is
/// unique.
pub fn class_idx_of(name: &str, classes: &[String]) -> Option<usize> {
    if let Some(class_idx) = classes.iter().position(|class| class == name) {
        return Some(class_idx);
    }
    let plain = |text: &str| composed(text).to_lowercase().replace(['_', '-'], " ");
    let mut alike = (0..classes.len()).filter(|&idx| plain(&classes[idx]) == plain(name));
    alike.next().filter(|_| alike.next().is_none())
}

fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a String>) -> String {
    let likeness =
        |candidate: &str| strsim::jaro_winkler(&candidate.to_lowercase(), &name.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!(" (did you mean `{candidate}`?)"))
        .unwrap_or_default()
}

fn expected(classes: &[String]) -> String {
    format!("the classes are {}", classes.join(", "))
}

/// The photos in `dir` and below, sorted. Notes (a README.txt) are added to `notes`.
fn photos_below(dir: &Path, notes: &mut Vec<PathBuf>) -> Result<Vec<PathBuf>, DataError> {
    let (photos, others): (Vec<_>, Vec<_>) =
        files_below(dir)?.checked()?.into_iter().partition(|path| is_photo(path));
    for path in others {
        // An image under another name was meant to be used, and so were annotations.
        if is_no_note(&path)? {
            let message = "is no photo (.jpg, .jpeg or .png); convert it or move it elsewhere";
            return Err(DataError::invalid(&path, "", message));
        }
        notes.push(path);
    }
    Ok(photos)
}

/// Whether a file without the extension of a photo is more than a note, by its extension or its first bytes.
fn is_no_note(path: &Path) -> Result<bool, DataError> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if NO_NOTES.contains(&extension.as_str()) {
        return Ok(true);
    }
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| DataError::io(path, &error))?;
    file.take(NUM_START).read_to_end(&mut start).map_err(|error| DataError::io(path, &error))?;
    Ok(is_image(&start))
}

/// Says which files of `root` were left out.
fn warn_of_notes(root: &Path, notes: &[PathBuf]) {
    if notes.is_empty() {
        return;
    }
    let shown: Vec<String> =
        notes.iter().take(MAX_NOTES_SHOWN).map(|path| path.display().to_string()).collect();
    tracing::warn!(
        "{}: {} files are notes, not photos, and are left out: {}{}",
        root.display(),
        notes.len(),
        shown.join(", "),
        if notes.len() > MAX_NOTES_SHOWN { ", ..." } else { "" }
    );
}

/// What lies in a folder.
#[derive(Default)]
pub(crate) struct Files {
    /// The files, sorted.
    pub files: Vec<PathBuf>,
    /// What is neither a file nor a folder, and names that are one but for their composition.
    pub problems: Vec<DataError>,
}

impl Files {
    /// The files.
    ///
    /// # Errors
    /// The first problem.
    pub fn checked(self) -> Result<Vec<PathBuf>, DataError> {
        match self.problems.into_iter().next() {
            None => Ok(self.files),
            Some(problem) => Err(problem),
        }
    }
}

/// Lists the files in `dir` and below, sorted; hidden ones and `Thumbs.db` are passed over.
///
/// # Errors
/// A folder that cannot be read; what is neither a file nor a folder; two names in one folder that
/// are the same in Unicode's composed form; a folder with the name of a photo.
pub fn list_files(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    files_below(dir)?.checked()
}

/// As [`list_files`], with its problems beside the files.
pub(crate) fn files_below(dir: &Path) -> Result<Files, DataError> {
    let mut files = Files::default();
    add_files_below(dir, 0, &mut files)?;
    Ok(files)
}

fn add_files_below(dir: &Path, depth: usize, files: &mut Files) -> Result<(), DataError> {
    if depth > MAX_DEPTH {
        let message = format!("is more than {MAX_DEPTH} folders deep; does a link lead back?");
        return Err(DataError::invalid(dir, "", message));
    }
    let entries = entries(dir)?;
    files.problems.extend(entries.problems);
    for (path, is_folder) in entries.paths {
        match is_folder {
            true => add_files_below(&path, depth + 1, files)?,
            false => files.files.push(path),
        }
    }
    Ok(())
}

/// What lies in one folder.
struct Entries {
    /// Files and folders, sorted, each with whether it is a folder.
    paths: Vec<(PathBuf, bool)>,
    problems: Vec<DataError>,
}

/// The entries of `dir` without hidden ones and `Thumbs.db`.
fn entries(dir: &Path) -> Result<Entries, DataError> {
    let io = |e| DataError::io(dir, &e);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        let name = name_of(&path)?;
        if !name.starts_with('.') && name != "Thumbs.db" {
            paths.push((path, entry.file_type().map_err(io)?));
        }
    }
    paths.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut entries = Entries { paths: Vec::new(), problems: same_names(dir, &paths)? };
    for (path, kind) in paths {
        match file::is_listed_folder(kind, &path) {
            Ok(true) if is_photo(&path) => {
                let message = "is a folder with the name of a photo; rename it";
                entries.problems.push(DataError::invalid(&path, "", message));
            }
            Ok(is_folder) => entries.paths.push((path, is_folder)),
            Err(error) => entries.problems.push(error),
        }
    }
    Ok(entries)
}

/// Names that are one in Unicode's composed form.
fn same_names(dir: &Path, paths: &[(PathBuf, FileType)]) -> Result<Vec<DataError>, DataError> {
    let names = paths.iter().map(|(path, _)| name_of(path)).collect::<Result<Vec<_>, _>>()?;
    let problem = |[name, other]: [&str; 2]| {
        let message = format!(
            "has the name of {} but for the composition of its letters (Unicode); rename one of them",
            dir.join(other).display()
        );
        DataError::invalid(&dir.join(name), "", message)
    };
    Ok(file::same_names(names).into_iter().map(problem).collect())
}

fn name_of(path: &Path) -> Result<&str, DataError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| DataError::invalid(path, "", "has a name that is not UTF-8; rename it"))
}

/// The image id of a photo below `root`.
pub(crate) fn id_below(root: &Path, path: &Path) -> Result<String, DataError> {
    Ok(image_id(&name_below(root, path)?))
}

/// The path below `root` with `/`.
pub(crate) fn name_below(root: &Path, path: &Path) -> Result<String, DataError> {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Result<Vec<&str>, DataError> =
        below.components().map(|part| name_of(Path::new(part.as_os_str()))).collect();
    Ok(parts?.join("/"))
}

fn insert_unique<T>(
    found: &mut BTreeMap<String, (PathBuf, T)>,
    id: String,
    path: PathBuf,
    value: T,
) -> Result<(), DataError> {
    if let Some((other, _)) = found.get(&id) {
        let message = format!("has the id `{id}` of {}; rename one of them", other.display());
        return Err(DataError::invalid(&path, "", message));
    }
    found.insert(id, (path, value));
    Ok(())
}
