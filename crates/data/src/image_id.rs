//! What images are called: one rule for folders of photos and for every table about them.
//!
//! The id of a photo is its path below the folder of photos, with `/` and without the extension of a
//! photo (`.jpg`, `.jpeg`, `.png`, in any letter case). Nothing else is cut: `p0.visit1.png` has the
//! id `p0.visit1`, and so has a row about `p0.visit1`. Ids are compared in Unicode's composed form
//! (NFC), since some systems write file names in another one.

use crate::DataError;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The extensions of photos, in lower case.
const PHOTO_EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Images that a message names.
const MAX_NAMED: usize = 5;

/// How a row may name its image, in words.
const HOW: &str = "an image is named by its path below the folder of photos, with or without that \
                   folder, and with or without .jpg, .jpeg or .png";

/// Whether the file has the name of a photo.
pub(crate) fn is_photo(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| stem(name) != name)
}

/// `name` in Unicode's composed form (NFC).
pub(crate) fn composed(name: &str) -> String {
    match is_nfc(name) {
        true => name.to_owned(),
        false => name.nfc().collect(),
    }
}

/// What ids must differ in: a file system may not tell small from large letters.
pub(crate) fn folded(id: &str) -> String {
    composed(id).to_lowercase()
}

/// The image id of a photo's path below its folder, or of the name that a table gives to it: without
/// the extension of a photo, with `/`, in Unicode's composed form.
pub fn image_id(name: &str) -> String {
    parts(stem(&composed(name))).join("/")
}

/// The image id without folders: what DermX's annotation files call an image.
pub(crate) fn flat_image_id(name: &str) -> String {
    let id = image_id(name);
    id.rsplit_once('/').map_or(id.as_str(), |(_, name)| name).to_owned()
}

/// `name` without the extension of a photo.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension))
            if PHOTO_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)) =>
        {
            stem
        }
        _ => name,
    }
}

/// The names between `/` or `\`.
fn parts(name: &str) -> Vec<&str> {
    name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect()
}

/// Whether a table names the place of a file on some machine: `/data/a.png`, `C:\data\a.png`, `\\server\a.png`.
fn is_absolute(name: &str) -> bool {
    let drive = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|letter| letter.is_ascii_alphabetic())
            && chars.next() == Some(':')
            && matches!(chars.next(), Some('/' | '\\'))
    };
    name.starts_with(['/', '\\']) || drive(name)
}

/// The images that the rows of a table may be about.
#[derive(Debug, Clone, Default)]
pub struct ImageNames {
    images: Vec<Image>,
    /// Places in `images` by the last part of the id.
    by_last: HashMap<String, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Image {
    /// What messages call it: the file, or the id where there is none.
    shown: String,
    /// The parts of its id.
    id: Vec<String>,
    /// Its folder of photos; none where only ids are known.
    root: Option<PathBuf>,
    /// The name of that folder; any where it is not known.
    folder: Option<String>,
    /// Its file name.
    file: Option<String>,
}

/// Which row of a table is about which image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    table: PathBuf,
    /// For each image, in the order of [`ImageNames`], its row.
    pub row_of: Vec<Option<usize>>,
    /// The rows about no image, in order, each as its place and the name in it.
    pub unmatched: Vec<(String, String)>,
    /// Rows that may be about several images, and second rows about one image.
    pub problems: Vec<DataError>,
    num_rows: usize,
}

impl ImageNames {
    /// Photos, each with its id and its file.
    pub fn of_photos<'a>(photos: impl IntoIterator<Item = (&'a str, &'a Path)>) -> Self {
        let mut names = Self::default();
        for (id, path) in photos {
            names.add(id, Some(path));
        }
        names
    }

    /// Images of which only the id is known; a table may name any folder before it.
    pub fn of_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Self::default();
        for id in ids {
            names.add(id, None);
        }
        names
    }

    fn add(&mut self, id: &str, path: Option<&Path>) {
        let id: Vec<String> = parts(&composed(id)).into_iter().map(str::to_owned).collect();
        let text = |name: &std::ffi::OsStr| composed(&name.to_string_lossy());
        let root = path.and_then(|path| path.ancestors().nth(id.len()));
        let image = Image {
            shown: path.map_or_else(|| id.join("/"), |path| path.display().to_string()),
            folder: root.and_then(folder_name),
            root: root.map(Path::to_path_buf),
            file: path.and_then(Path::file_name).map(text),
            id,
        };
        let last = image.id.last().cloned().unwrap_or_default();
        self.by_last.entry(last).or_default().push(self.images.len());
        self.images.push(image);
    }

    /// The place of the image that a table calls `name`; `None` if it is none of these.
    ///
    /// Of several candidates in one folder of photos, the one whose whole id or file name `name` is.
    ///
    /// # Errors
    /// Names the candidates if there are several.
    pub fn find(&self, name: &str) -> Result<Option<usize>, String> {
        let name = composed(name);
        let (whole, cut) = (parts(&name), parts(stem(&name)));
        let lasts: BTreeSet<&str> =
            [&whole, &cut].into_iter().filter_map(|parts| parts.last()).copied().collect();
        let alike = lasts.into_iter().filter_map(|last| self.by_last.get(last)).flatten().copied();
        let candidates: Vec<usize> = alike
            .filter(|&idx| self.images[idx].is_called(&whole) || self.images[idx].is_called(&cut))
            .collect();
        // The folders of another machine tell nothing.
        let candidates = match candidates.is_empty() && is_absolute(&name) {
            true => self.at_end_of(&cut),
            false => candidates,
        };
        let exact = |is_exact: &dyn Fn(&Image) -> bool| -> Vec<usize> {
            candidates.iter().copied().filter(|&idx| is_exact(&self.images[idx])).collect()
        };
        let roots: BTreeSet<&Option<PathBuf>> =
            candidates.iter().map(|&idx| &self.images[idx].root).collect();
        let choices = [
            if roots.len() > 1 { candidates.clone() } else { Vec::new() },
            exact(&|image| image.id == whole || image.is_file(&whole)),
            exact(&|image| image.id == cut),
            candidates.clone(),
        ];
        match choices.iter().find(|choice| !choice.is_empty()).map(Vec::as_slice) {
            None => Ok(None),
            Some(&[idx]) => Ok(Some(idx)),
            Some(several) => {
                let shown: Vec<&str> = several
                    .iter()
                    .take(MAX_NAMED)
                    .map(|&idx| self.images[idx].shown.as_str())
                    .collect();
                Err(format!(
                    "found `{name}`, which may be any of {} images ({}{}); name the folder, too",
                    several.len(),
                    shown.join(", "),
                    if several.len() > MAX_NAMED { ", ..." } else { "" }
                ))
            }
        }
    }

    /// The images whose whole id is the end of a path, of those with the most folders.
    fn at_end_of(&self, path: &[&str]) -> Vec<usize> {
        let last = path.last().and_then(|last| self.by_last.get(*last));
        let is_end = |idx: &usize| {
            let id = &self.images[*idx].id;
            id.len() < path.len() && path.iter().rev().zip(id.iter().rev()).all(|(a, b)| a == b)
        };
        let found: Vec<usize> = last.into_iter().flatten().copied().filter(is_end).collect();
        let longest = found.iter().map(|&idx| self.images[idx].id.len()).max();
        found.into_iter().filter(|&idx| Some(self.images[idx].id.len()) == longest).collect()
    }

    /// Finds the image of each row; `rows` are the place in the file `table` and the name there.
    pub fn join<'a>(
        &self,
        table: &Path,
        rows: impl IntoIterator<Item = (String, &'a str)>,
    ) -> Joined {
        let mut joined = Joined {
            table: table.to_path_buf(),
            row_of: vec![None; self.images.len()],
            unmatched: Vec::new(),
            problems: Vec::new(),
            num_rows: 0,
        };
        let mut places = Vec::new();
        let mut unknown = BTreeMap::new();
        for (row_idx, (place, name)) in rows.into_iter().enumerate() {
            joined.num_rows += 1;
            if name.is_empty() {
                let message = "found no image; expected an image id";
                joined.problems.push(DataError::invalid(table, place.clone(), message));
                places.push(place);
                continue;
            }
            let before = match self.find(name) {
                Ok(Some(idx)) => joined.row_of[idx].replace(row_idx),
                Ok(None) => {
                    joined.unmatched.push((place.clone(), name.to_owned()));
                    unknown.insert(image_id(name), row_idx)
                }
                Err(message) => {
                    joined.problems.push(DataError::invalid(table, place.clone(), message));
                    None
                }
            };
            if let Some(first) = before {
                let message = format!(
                    "found the image `{name}` again, after {}; expected each image once",
                    places[first]
                );
                joined.problems.push(DataError::invalid(table, place.clone(), message));
            }
            places.push(place);
        }
        joined
    }
}

impl Image {
    /// Whether `parts` are the end of its id, or its id after the name of its folder.
    fn is_called(&self, parts: &[&str]) -> bool {
        let mut ends = std::iter::zip(parts.iter().rev(), self.id.iter().rev());
        if parts.is_empty() || !ends.all(|(part, id)| part == id) {
            return false;
        }
        match parts.len().checked_sub(self.id.len() + 1).and_then(|place| parts.get(place)) {
            Some(folder) => self.folder.as_ref().is_none_or(|known| known == folder),
            None => true,
        }
    }

    /// Whether `parts` are its path below its folder, with its extension.
    fn is_file(&self, parts: &[&str]) -> bool {
        let Some((last, folders)) = parts.split_last() else { return false };
        self.file.as_deref() == Some(*last)
            && self.id.split_last().is_some_and(|(_, of_id)| of_id == folders)
    }
}

impl Joined {
    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// The same if the table can be used.
    ///
    /// # Errors
    /// The first problem, or that no row is about an image.
    pub fn checked(self) -> Result<Self, DataError> {
        if let Some(problem) = self.problems.first() {
            return Err(problem.clone());
        }
        match self.no_match() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// That no row is about an image, if so.
    pub fn no_match(&self) -> Option<DataError> {
        if self.row_of.iter().any(Option::is_some) || !self.problems.is_empty() {
            return None;
        }
        let first = self
            .unmatched
            .first()
            .map_or(String::new(), |(_, name)| format!(" (the first is `{name}`)"));
        let message = format!(
            "found {} rows, but none is about one of the {} images{first}; {HOW}",
            self.num_rows,
            self.row_of.len()
        );
        Some(DataError::invalid(&self.table, "", message))
    }

    /// What to say of the rows about no image; nothing if there are none.
    pub fn warning(&self) -> Option<String> {
        let first = self.unmatched.iter().take(MAX_NAMED);
        let first: Vec<String> = first.map(|(place, name)| format!("`{name}` ({place})")).collect();
        let num = self.unmatched.len();
        (num > 0).then(|| {
            format!(
                "{}: {num} of {} rows are about none of the images and are not used: {}{}",
                self.table.display(),
                self.num_rows,
                first.join(", "),
                if num > MAX_NAMED { ", ..." } else { "" }
            )
        })
    }
}

/// The name of a folder, also of `.` and `..`.
fn folder_name(folder: &Path) -> Option<String> {
    let text = |folder: &Path| Some(composed(&folder.file_name()?.to_string_lossy()));
    text(folder).or_else(|| {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        text(&here.canonicalize().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_extension_of_a_photo_is_cut() {
        for (name, id) in [
            ("p0.visit1", "p0.visit1"),
            ("p0.visit1.png", "p0.visit1"),
            ("p0.visit1.JPeG", "p0.visit1"),
            ("./cat/001.jpg", "cat/001"),
            ("cat\\001.jpg", "cat/001"),
            ("a.jpg.png", "a.jpg"),
            ("a.tif", "a.tif"),
            ("jpg", "jpg"),
            (".jpg", ""),
            // A letter and its accent are one letter.
            ("cafe\u{301}.png", "caf\u{e9}"),
        ] {
            assert_eq!(image_id(name), id, "{name}");
        }
        assert_eq!(flat_image_id("images/a.jpeg"), "a");
    }

    fn photos() -> ImageNames {
        ImageNames::of_photos(
            [
                ("cat/001", "data/train/cat/001.jpg"),
                ("dog/001", "data/train/dog/001.jpg"),
                ("dog/p.2", "data/train/dog/p.2.png"),
                ("002", "data/train/002.png"),
                ("x/002", "data/train/x/002.png"),
            ]
            .map(|(id, path)| (id, Path::new(path))),
        )
    }

    #[test]
    fn a_name_may_have_folders_and_an_extension() {
        for (name, expected) in [
            ("cat/001", Some(0)),
            ("cat/001.png", Some(0)),
            ("train/dog/001.jpg", Some(1)),
            ("/elsewhere/train/dog/001.jpg", Some(1)),
            ("valid/dog/001.jpg", None),
            ("p.2", Some(2)),
            ("p.2.png", Some(2)),
            ("p", None),
            ("og/001", None),
            // A whole id before a part of one.
            ("002", Some(3)),
            ("train/002", Some(3)),
            ("x/002.png", Some(4)),
            ("", None),
        ] {
            assert_eq!(photos().find(name), Ok(expected), "{name}");
        }
    }

    #[test]
    fn a_bare_name_of_two_photos_names_both() {
        let message = photos().find("001.jpg").unwrap_err();
        for part in ["`001.jpg`", "2 images", "data/train/cat/001.jpg", "data/train/dog/001.jpg"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn ids_without_files_are_found_in_any_folder_and_in_any_composition() {
        let names = ImageNames::of_ids(["img1", "caf\u{e9}", "a", "a.jpg"]);
        assert_eq!(names.find("maps/of/img1.jpg"), Ok(Some(0)));
        assert_eq!(names.find("cafe\u{301}"), Ok(Some(1)));
        // As the ids are written; a name with another extension is cut.
        assert_eq!((names.find("a"), names.find("a.jpg")), (Ok(Some(2)), Ok(Some(3))));
        assert_eq!(names.find("a.png"), Ok(Some(2)));
    }

    fn join(names: &[&str]) -> Joined {
        let rows = names.iter().enumerate().map(|(idx, &name)| (format!("line {}", idx + 2), name));
        photos().join(Path::new("t.csv"), rows)
    }

    #[test]
    fn second_rows_and_rows_about_nothing_are_told() {
        let joined = join(&["002", "y", "train/002.png", "y.jpg"]);
        assert_eq!(joined.row_of, [None, None, None, Some(2), None]);
        let problems: Vec<String> = joined.problems.iter().map(ToString::to_string).collect();
        let again = "again, after line";
        assert_eq!(problems.len(), 2);
        assert!(
            problems[0]
                .starts_with("t.csv: line 4: found the image `train/002.png` again, after line 2")
        );
        assert!(problems[1].contains("`y.jpg`") && problems[1].contains(&format!("{again} 3")));
        let joined = join(&["002", "y"]);
        let warning = joined.clone().checked().unwrap().warning().unwrap();
        assert!(warning.contains("1 of 2 rows") && warning.contains("`y` (line 3)"), "{warning}");
        let message = join(&["y", "z"]).checked().unwrap_err().to_string();
        assert!(message.contains("2 rows, but none is about one of the 5 images"), "{message}");
    }
}
