//! The manifest of a folder: size and hash of every file, as text that is the same on any machine.

use crate::folder::{files_below, name_below};
use crate::image_id::composed;
use crate::{DataError, Finding, FindingKind, file};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};

/// How the first line starts; the hash of all other lines follows.
const HEADER: &str = "dermx manifest 1, BLAKE3 of the lines below: ";

/// What the files of a folder were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    files: BTreeMap<String, FileRecord>,
}

/// What one file was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileRecord {
    hash: blake3::Hash,
    num_bytes: u64,
}

impl Manifest {
    /// Hashes every file in `root` and below, but for `leave_out` (the manifest itself, if it lies
    /// there), hidden files and `Thumbs.db`.
    ///
    /// Links are followed. A path is relative to `root`, with `/`, in Unicode's composed form (NFC).
    ///
    /// # Errors
    /// A folder or file that cannot be read; a name that is not UTF-8 or has a line break or a
    /// backslash in it.
    pub fn of_folder(root: &Path, leave_out: Option<&Path>) -> Result<Self, DataError> {
        let mut paths = files_below(root)?.checked()?;
        if let Some(leave_out) = leave_out.and_then(|path| path.canonicalize().ok()) {
            paths.retain(|path| path.canonicalize().ok().as_ref() != Some(&leave_out));
        }
        Self::of_files(root, &paths)
    }

    /// Hashes `paths`, which lie in `root` or below.
    ///
    /// # Errors
    /// As [`Self::of_folder`].
    pub fn of_files(root: &Path, paths: &[PathBuf]) -> Result<Self, DataError> {
        let record = |path: &PathBuf| {
            let name = composed(&name_below(root, path)?);
            check_name(&name).map_err(|message| DataError::invalid(path, "", message))?;
            Ok((name, FileRecord::of(path)?))
        };
        let records: Vec<Result<_, DataError>> = paths.par_iter().map(record).collect();
        Ok(Self { files: records.into_iter().collect::<Result<_, _>>()? })
    }

    /// Reads what [`Self::to_text`] made.
    ///
    /// # Errors
    /// When the file cannot be read; with its line: another form, a path that is absolute or leads
    /// out of the folder, paths that are not sorted, or a hash in the first line that is not that of
    /// the others.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let invalid = |line_idx: usize, message: String| {
            DataError::invalid(path, format!("line {}", line_idx + 1), message)
        };
        let text = String::from_utf8(file::read(path)?)
            .map_err(|_| DataError::invalid(path, "", "found bytes that are not UTF-8"))?;
        let hash =
            text.lines().next().and_then(|line| line.strip_prefix(HEADER)).ok_or_else(|| {
                invalid(0, "found no manifest; write one with --write-manifest".to_owned())
            })?;
        let mut files = BTreeMap::new();
        for (line_idx, line) in text.lines().enumerate().skip(1) {
            let (name, record) = parse(line).map_err(|message| invalid(line_idx, message))?;
            if files.last_key_value().is_some_and(|(last, _)| *last >= name) {
                let message =
                    format!("found `{name}`; expected a path after that of line {line_idx}");
                return Err(invalid(line_idx, message));
            }
            files.insert(name, record);
        }
        let manifest = Self { files };
        let expected = manifest.hash();
        if hash != expected.to_hex().as_str() {
            let message = format!(
                "found the hash `{hash}`; expected {expected}, that of the lines below: the manifest \
                 was changed, take the original"
            );
            return Err(invalid(0, message));
        }
        Ok(manifest)
    }

    /// The manifest as text: the hash of all lines, then hash, size in bytes and path of each file,
    /// sorted by path.
    pub fn to_text(&self) -> String {
        format!("{HEADER}{}\n{}", self.hash(), self.lines())
    }

    /// One hash over names, sizes and contents of all files.
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(self.lines().as_bytes())
    }

    /// BLAKE3 of `path`, which lies in `root` or below; `None` of a file that is not in the manifest.
    pub fn hash_of(&self, root: &Path, path: &Path) -> Option<blake3::Hash> {
        let name = composed(&name_below(root, path).ok()?);
        self.files.get(name.as_str()).map(|record| record.hash)
    }

    /// Number of files.
    pub fn num_files(&self) -> usize {
        self.files.len()
    }

    /// Size of all files, in bytes.
    pub fn num_bytes(&self) -> u64 {
        self.files.values().map(|record| record.num_bytes).sum()
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        for (name, FileRecord { hash, num_bytes }) in &self.files {
            // Writing into a string cannot fail.
            let _ = writeln!(lines, "{hash} {num_bytes} {name}");
        }
        lines
    }

    /// How the folder `root`, whose manifest `found` is, differs from this manifest: files that are
    /// `Changed`, `Missing` or `Extra`, sorted.
    pub fn compare(&self, found: &Self, root: &Path) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, expected) in &self.files {
            let (kind, message) = match found.files.get(name) {
                Some(record) if record == expected => continue,
                Some(record) if record.num_bytes == expected.num_bytes => {
                    let same = expected.num_bytes;
                    (FindingKind::Changed, format!("has other content ({same} bytes as before)"))
                }
                Some(record) => {
                    let (now, before) = (record.num_bytes, expected.num_bytes);
                    (FindingKind::Changed, format!("has {now} bytes; the manifest says {before}"))
                }
                None => (FindingKind::Missing, "is in the manifest, but not there".to_owned()),
            };
            findings.push(Finding::new(kind, &root.join(name), message));
        }
        for (name, record) in found.files.iter().filter(|(name, _)| !self.files.contains_key(*name))
        {
            let is_source = |(old, other): &(&String, &FileRecord)| {
                *other == record && !found.files.contains_key(*old)
            };
            let message = match self.files.iter().find(is_source) {
                Some((old, _)) => format!("is not in the manifest; it was `{old}` there"),
                None => "is not in the manifest".to_owned(),
            };
            findings.push(Finding::new(FindingKind::Extra, &root.join(name), message));
        }
        findings.sort();
        findings
    }
}

impl FileRecord {
    fn of(path: &Path) -> Result<Self, DataError> {
        let io = |error| DataError::io(path, &error);
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path).map_err(io)?).map_err(io)?;
        Ok(Self { hash: hasher.finalize(), num_bytes: hasher.count() })
    }
}

/// The file of a line, or what is wrong with it.
fn parse(line: &str) -> Result<(String, FileRecord), String> {
    let form = || format!("found `{line}`; expected hash, size and path, with a space between");
    let (hash, rest) = line.split_once(' ').ok_or_else(form)?;
    let (num_bytes, name) = rest.split_once(' ').ok_or_else(form)?;
    let hash = blake3::Hash::from_hex(hash).map_err(|_| form())?;
    let num_bytes = num_bytes.parse().map_err(|_| form())?;
    check_name(name)?;
    Ok((name.to_owned(), FileRecord { hash, num_bytes }))
}

/// Refuses paths that mean something else on another system or lead out of the folder.
fn check_name(name: &str) -> Result<(), String> {
    let is_drive = name.get(1..2) == Some(":");
    let is_odd = |part: &str| part.is_empty() || part == "." || part == "..";
    if is_drive || name.contains(['\\', '\n', '\r', '\0']) || name.split('/').any(is_odd) {
        return Err(format!(
            "found the path {name:?}; expected one that stays in the folder, with `/`"
        ));
    }
    Ok(())
}
