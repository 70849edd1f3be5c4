//! Files and folders that a command is told to write: looked at before the work, made beside their place, and
//! put there when they are whole.

use crate::disk::{Disk, FileCall, FileSystem, write_atomic};
use crate::error::{DataError, ErrorKind};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::{Builder, TempDir};

/// What becomes of what is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the output is refused.
    #[default]
    Refuse,
    /// The output takes its place.
    Replace,
}

/// A file to be written.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    existing: Existing,
}

impl OutputFile {
    /// The file `path`, of a command that reads `inputs`: nothing is written yet, but it can be.
    ///
    /// # Errors
    /// Something that is there and not to be replaced, a folder, a device, an input, or a folder around it
    /// that is not there or cannot be written to.
    pub fn open(path: &Path, existing: Existing, inputs: &[&Path]) -> Result<Self, DataError> {
        refuse_inputs(path, inputs)?;
        let file = Self { path: path.to_path_buf(), existing };
        file.check()?;
        // It is gone again at once: a process that is killed leaves nothing.
        partial().tempfile_in(folder_of(path)).map_err(|error| unwritable(path, &error))?;
        Ok(file)
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// A full disk; what has come into its place since.
    pub fn write(&self, bytes: &[u8]) -> Result<(), DataError> {
        self.check()?;
        write_atomic(&self.path, bytes)
    }

    fn check(&self) -> Result<(), DataError> {
        let path = &self.path;
        if path.file_name().is_none() {
            return Err(taken(path, "names no file"));
        }
        let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
        // A link is replaced, never followed; but what leads to a device (/dev/stdout) is no file.
        let is_file = match found.is_symlink() {
            true => fs::metadata(path).map_or(true, |target| target.is_file()),
            false => found.is_file(),
        };
        match (is_file, self.existing) {
            (true, Existing::Replace) => Ok(()),
            (true, Existing::Refuse) => Err(taken(
                path,
                "is there already; name another file, or replace it with --overwrite",
            )),
            (false, _) if path.is_dir() => Err(taken(path, "is a folder; name a file")),
            (false, _) => Err(taken(path, "is neither a file nor a folder; name a file")),
        }
    }
}

/// A folder to be filled.
#[derive(Debug)]
pub struct OutputFolder {
    target: PathBuf,
    /// Where it is made until it is whole; removed with all that is in it.
    stage: TempDir,
    /// Whether it was not there.
    is_new: bool,
    owns: fn(&Path) -> bool,
    _made: MadeFolders,
}

impl OutputFolder {
    /// The folder `path`, of a command that reads `inputs`, with those above it that are not there. `owns` says
    /// which files below it, by relative path, the command writes: those of an earlier call are replaced, and
    /// nothing else. Hidden files do not count.
    ///
    /// # Errors
    /// As [`check_folder`]; a folder that cannot be written to.
    pub fn open(
        path: &Path,
        existing: Existing,
        inputs: &[&Path],
        owns: fn(&Path) -> bool,
    ) -> Result<Self, DataError> {
        check_folder(path, existing, inputs)?;
        let is_new = !path.is_dir();
        let around = if is_new { folder_of(path) } else { path };
        let made = MadeFolders::make(around).map_err(|error| unwritable(path, &error))?;
        let stage = partial().tempdir_in(around).map_err(|error| unwritable(path, &error))?;
        let folder = Self { target: path.to_path_buf(), stage, is_new, owns, _made: made };
        fs::create_dir(folder.path()).map_err(|error| unwritable(path, &error))?;
        Ok(folder)
    }

    /// Where to write what it will hold.
    pub fn path(&self) -> PathBuf {
        self.stage.path().join("out")
    }

    /// Where it will be.
    pub fn place(&self) -> &Path {
        &self.target
    }

    /// Where `made`, which lies in [`Self::path`], will be.
    pub fn place_of(&self, made: &Path) -> PathBuf {
        match made.strip_prefix(self.path()) {
            Ok(below) => self.target.join(below),
            Err(_) => made.to_path_buf(),
        }
    }

    /// Puts what was made in its place.
    ///
    /// # Errors
    /// A full disk; what has come into its place since.
    pub fn finish(self) -> Result<(), DataError> {
        let (made, target) = (self.path(), &self.target);
        let failed = |error: io::Error| unwritable(target, &error);
        if self.is_new {
            FileCall::Rename(&made, target).run().map_err(|error| match target.exists() {
                true => taken(target, "came to be while this command worked; name another folder"),
                false => failed(error),
            })?;
            return Disk.call(FileCall::SyncFolder(folder_of(target))).map_err(failed);
        }
        // A reader sees each file as it was or as it is, at any moment.
        let mut kept = BTreeSet::new();
        move_into(&made, target, Path::new(""), &mut kept).map_err(failed)?;
        let is_old = |path: &Path| (self.owns)(path) && !kept.contains(path);
        remove_files(target, Path::new(""), &is_old).map_err(failed)?;
        Disk.call(FileCall::SyncFolder(target)).map_err(failed)
    }
}

/// Whether the folder `path` may be written into by a command that reads `inputs`.
///
/// # Errors
/// A file, a link to nothing, an input or what holds one; a folder that is not empty and not to be
/// replaced.
pub fn check_folder(path: &Path, existing: Existing, inputs: &[&Path]) -> Result<(), DataError> {
    refuse_inputs(path, inputs)?;
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    if !path.is_dir() {
        return Err(taken(path, "is there already and no folder; name a folder"));
    }
    let first = first_entry(path).map_err(|error| unwritable(path, &error))?;
    match (first, existing) {
        (Some(name), Existing::Refuse) => Err(taken(
            path,
            &format!(
                "is not empty (there is `{name}`); name another folder, or replace what this command \
                 writes with --overwrite"
            ),
        )),
        _ => Ok(()),
    }
}

/// Folders that were made for an output: those that are empty in the end go again.
#[derive(Debug, Default)]
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    /// Makes `folder` and those above it.
    fn make(folder: &Path) -> io::Result<Self> {
        let missing =
            folder.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists());
        let made = Self(missing.map(Path::to_path_buf).collect());
        fs::create_dir_all(folder)?;
        Ok(made)
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // One that is not empty stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// An output is no input, and holds none: it would be lost.
fn refuse_inputs(path: &Path, inputs: &[&Path]) -> Result<(), DataError> {
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    let is_within =
        |input: &&&Path| input.canonicalize().is_ok_and(|input| input.starts_with(&target));
    match inputs.iter().find(is_within) {
        None => Ok(()),
        Some(input) => {
            let holds = if target.is_dir() { "is or holds" } else { "is" };
            let message = format!(
                "{holds} an input of this command, {}; name another place",
                input.display()
            );
            Err(taken(path, &message))
        }
    }
}

/// The name of the first entry of `folder` that is not hidden.
fn first_entry(folder: &Path) -> io::Result<Option<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names.into_iter().filter(|name| !name.starts_with('.')).min())
}

/// Removes the files below `root` of which `is_old`, by relative path, and folders that are empty then. Hidden files
/// stay, and so does what somebody else has removed.
fn remove_files(root: &Path, below: &Path, is_old: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let relative = below.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            remove_files(root, &relative, is_old)?;
            // One that is not empty stays.
            let _ = fs::remove_dir(entry.path());
        } else if is_old(&relative) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Moves what `from` holds into the folder `to`, file by file where a folder is there; notes in `moved` the relative
/// paths of the files.
fn move_into(
    from: &Path,
    to: &Path,
    below: &Path,
    moved: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    for entry in fs::read_dir(from.join(below))? {
        let entry = entry?;
        let relative = below.join(entry.file_name());
        let target = to.join(&relative);
        match entry.file_type()?.is_dir() {
            true => {
                let is_folder = fs::symlink_metadata(&target).is_ok_and(|found| found.is_dir());
                if !is_folder {
                    let _ = fs::remove_file(&target);
                    fs::create_dir_all(&target)?;
                }
                move_into(from, to, &relative, moved)?;
            }
            false => {
                fs::rename(entry.path(), &target)?;
                moved.insert(relative);
            }
        }
    }
    Ok(())
}

/// What is made until it is whole: hidden, with a name of its own.
fn partial() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".dermx-").suffix(".partial");
    builder
}

/// The folder that `path` lies in.
fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn taken(path: &Path, message: &str) -> DataError {
    DataError {
        kind: ErrorKind::Exists,
        path: path.to_path_buf(),
        place: String::new(),
        message: message.to_owned(),
    }
}

/// A place that cannot be written to is no missing input.
fn unwritable(path: &Path, error: &io::Error) -> DataError {
    let message = match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no folder {}; make it first", folder_of(path).display())
        }
        io::ErrorKind::NotADirectory => {
            format!("{} is a file, not a folder; name another place", folder_of(path).display())
        }
        _ => format!("cannot be written: {error}"),
    };
    DataError { kind: ErrorKind::Io, path: path.to_path_buf(), place: String::new(), message }
}

#[cfg(test)]
mod tests {
    use super::{Existing, OutputFile, OutputFolder, check_folder};
    use crate::error::ErrorKind;
    use std::fs;
    use std::path::Path;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn is_map(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "npy")
    }

    #[test]
    fn a_folder_is_there_when_it_is_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("a/b/maps");
        let open = |existing| OutputFolder::open(&target, existing, &[], is_map);
        let folder = open(Existing::Refuse).unwrap();
        fs::write(folder.path().join("one.npy"), "1").unwrap();
        drop(folder);
        assert!(names(root.path()).is_empty(), "work that failed leaves nothing");

        let folder = open(Existing::Refuse).unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep/one.npy"), "1").unwrap();
        assert!(!target.exists());
        assert_eq!(folder.place_of(&folder.path().join("deep")), target.join("deep"));
        folder.finish().unwrap();
        assert_eq!(names(&target), ["deep"]);
        assert_eq!(names(target.parent().unwrap()), ["maps"]);

        assert_eq!(open(Existing::Refuse).unwrap_err().kind, ErrorKind::Exists);
        fs::write(target.join("deep/notes.txt"), "mine").unwrap();
        let folder = open(Existing::Replace).unwrap();
        fs::write(folder.path().join("two.npy"), "2").unwrap();
        assert_eq!(names(&target.join("deep")), ["notes.txt", "one.npy"], "until it is whole");
        folder.finish().unwrap();
        assert_eq!(names(&target), ["deep", "two.npy"]);
        assert_eq!(names(&target.join("deep")), ["notes.txt"]);
    }

    #[test]
    fn what_comes_in_between_is_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("maps");
        let folder = OutputFolder::open(&target, Existing::Refuse, &[], is_map).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("one.npy"), "of another process").unwrap();
        assert_eq!(folder.finish().unwrap_err().kind, ErrorKind::Exists);
        assert_eq!(names(&target), ["one.npy"]);
        let path = root.path().join("file");
        let file = OutputFile::open(&path, Existing::Refuse, &[]).unwrap();
        assert_eq!(names(root.path()), ["maps"], "nothing stands there before it is written");
        fs::write(&path, "of another process").unwrap();
        assert_eq!(file.write(b"mine").unwrap_err().kind, ErrorKind::Exists);
    }

    #[test]
    fn hidden_files_leave_a_folder_empty() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(".DS_Store"), "").unwrap();
        check_folder(root.path(), Existing::Refuse, &[]).unwrap();
        let error = check_folder(root.path(), Existing::Replace, &[&root.path().join(".DS_Store")]);
        assert_eq!(error.unwrap_err().kind, ErrorKind::Exists, "an input lies in it");
    }
}
