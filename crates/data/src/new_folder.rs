//! Folders that get their name once they are whole.

use crate::disk::{is_partial, partial_of};
use crate::{DataError, file};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A file in a folder in the making; the process that makes it holds a lock on it.
const LOCK: &str = ".lock";

/// A folder in the making under a hidden name of its own: beside its place, or, where an empty folder
/// is there already, in it. Dropped before it is finished, it is removed; what a killed process left is
/// removed by the next one that makes a folder of the same name.
#[derive(Debug)]
pub(crate) struct NewFolder {
    target: PathBuf,
    path: PathBuf,
    lock: Option<File>,
}

impl NewFolder {
    /// Begins what is to become `target`, a new folder or an empty one.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn begin(target: &Path) -> Result<Self, DataError> {
        let place = match target.is_dir() {
            true => target.to_path_buf(),
            false => parent(target),
        };
        file::create_folder(&place)?;
        loop {
            let path = partial_of(&place, target);
            remove_leftovers(&place, &path);
            fs::create_dir(&path).map_err(|error| DataError::io(&path, &error))?;
            let lock = path.join(LOCK);
            let file = File::create_new(&lock).map_err(|error| DataError::io(&lock, &error))?;
            // Without locks on this disk nobody takes the folder for a leftover.
            let _ = file.lock();
            // Somebody may have, before it was locked.
            if lock.exists() {
                return Ok(Self { target: target.to_path_buf(), path, lock: Some(file) });
            }
        }
    }

    /// Where its content is to be written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name. `false` if another process was quicker, whose folder stays.
    ///
    /// Into a folder that is there, its content is moved one by one: folders first, since one that is
    /// there already cannot be replaced, then files, by name.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn finish(mut self) -> Result<bool, DataError> {
        drop(self.lock.take());
        let io = |error: std::io::Error| DataError::io(&self.target, &error);
        fs::remove_file(self.path.join(LOCK)).map_err(io)?;
        let moves = match self.path.parent() == Some(self.target.as_path()) {
            false => vec![(self.path.clone(), self.target.clone())],
            true => self.moves()?,
        };
        for (from, to) in moves {
            match fs::rename(&from, &to) {
                Ok(()) => {}
                Err(_) if to.exists() => return Ok(false),
                Err(error) => return Err(io(error)),
            }
        }
        Ok(true)
    }

    /// What is moved where.
    fn moves(&self) -> Result<Vec<(PathBuf, PathBuf)>, DataError> {
        let mut entries = file::list(&self.path)?;
        entries.sort_by_key(|entry| !entry.is_folder);
        let names = entries.into_iter().map(|entry| entry.name);
        Ok(names.map(|name| (self.path.join(&name), self.target.join(&name))).collect())
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        drop(self.lock.take());
        // What stays is hidden, and removed the next time.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn parent(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_path_buf()
}

/// Removes folders in `place` that processes left which were killed while they made what `path` is to
/// become. The lock of such a process went with it; a folder without one is somebody's who has just
/// begun, or is just ending.
fn remove_leftovers(place: &Path, path: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        if is_same_target(&name, path) {
            let leftover = entry.path();
            let lock = File::open(leftover.join(LOCK));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                let _ = fs::remove_dir_all(&leftover);
            }
        }
    }
}

/// Whether `name` begins as that of `path` does, with the hash of what both are to become.
fn is_same_target(name: &OsStr, path: &Path) -> bool {
    let hash = |name: &OsStr| {
        let name = name.to_str().filter(|name| is_partial(name))?;
        name[1..].split_once('.').map(|(hash, _)| hash.to_owned())
    };
    path.file_name().and_then(hash).is_some_and(|wanted| hash(name) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::{LOCK, NewFolder};
    use std::fs::{self, File};
    use std::path::Path;

    /// Names in `folder`, sorted.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn fill(folder: &NewFolder, text: &str) {
        fs::create_dir(folder.path().join("photos")).unwrap();
        fs::write(folder.path().join("photos/1"), text).unwrap();
        fs::write(folder.path().join("about"), text).unwrap();
    }

    #[test]
    fn of_two_makers_the_first_to_finish_wins_and_nothing_else_is_left() {
        for is_there in [false, true] {
            let root = tempfile::tempdir().unwrap();
            let target = root.path().join("data");
            if is_there {
                fs::create_dir(&target).unwrap();
            }
            let [slow, quick] = [(); 2].map(|()| NewFolder::begin(&target).unwrap());
            fill(&slow, "slow");
            fill(&quick, "quick");
            assert!(!target.join("about").exists());
            assert!(quick.finish().unwrap());
            assert!(!slow.finish().unwrap());
            assert_eq!(names(root.path()), ["data"], "{is_there}");
            assert_eq!(names(&target), ["about", "photos"], "{is_there}");
            for name in ["about", "photos/1"] {
                assert_eq!(fs::read_to_string(target.join(name)).unwrap(), "quick");
            }
        }
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_others_make_is_not() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("data");
        let other = NewFolder::begin(&root.path().join("other")).unwrap();
        let mut dead = NewFolder::begin(&target).unwrap();
        // As if it had been killed: the lock is gone, the folder stays.
        drop(dead.lock.take());
        let leftover = dead.path().to_path_buf();
        std::mem::forget(dead);
        let alive = NewFolder::begin(&target).unwrap();
        assert!(!leftover.exists());
        let third = NewFolder::begin(&target).unwrap();
        assert!(alive.path().exists() && other.path().exists());
        // Somebody who has just begun.
        let young = third.path().with_file_name(
            third.path().file_name().unwrap().to_string_lossy().replace(".partial", "0.partial"),
        );
        fs::create_dir(&young).unwrap();
        assert!(NewFolder::begin(&target).is_ok() && young.exists());
        // Dropped without being finished.
        drop(third);
        assert!(alive.finish().unwrap());
        assert!(File::open(target.join(LOCK)).is_err());
    }
}
