//! The shared folder on a disk, which may be a network's.

use crate::claim::SharedFolder;
use dermx_data::write_atomic;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder of a sweep.
///
/// A claim is a hard link: a file is written under a name of its own and linked to the name that is
/// wanted, which works once. That holds on NFS, too, whose servers link names one after the other;
/// and where the answer got lost, the file has two names, which tells that it worked.
#[derive(Debug, Clone)]
pub struct DiskFolder {
    root: PathBuf,
}

impl DiskFolder {
    /// The folder `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }
}

impl SharedFolder for DiskFolder {
    fn create_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        let mut own =
            tempfile::Builder::new().prefix(".").suffix(".partial").tempfile_in(folder)?;
        own.write_all(bytes)?;
        let linked = fs::hard_link(own.path(), &path);
        let is_mine = match &linked {
            Ok(()) => true,
            Err(_) => num_names(own.path())? == 2,
        };
        own.close()?;
        match linked {
            Err(error) if !is_mine && error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(is_mine),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write_atomic(&self.root.join(name), bytes).map_err(io::Error::other)
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.root.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(unix)]
fn num_names(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(path)?.nlink())
}

/// Elsewhere the answer is taken as it is.
#[cfg(not(unix))]
fn num_names(_: &Path) -> io::Result<u64> {
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::DiskFolder;
    use crate::claim::SharedFolder;

    #[test]
    fn of_many_who_make_a_file_one_is_told_so() {
        let root = tempfile::tempdir().unwrap();
        let folder = DiskFolder::new(root.path());
        let winners: usize = std::thread::scope(|scope| {
            let make = |idx: usize| {
                let folder = &folder;
                scope.spawn(move || folder.create_new("file", format!("{idx}").as_bytes()).unwrap())
            };
            let threads: Vec<_> = (0..16).map(make).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(winners, 1);
        assert!(!folder.create_new("file", b"late").unwrap());
        assert_ne!(folder.read("file").unwrap().unwrap(), b"late");
        folder.replace("file", b"new").unwrap();
        assert_eq!(folder.read("file").unwrap().unwrap(), b"new");
        assert_eq!(folder.read("other").unwrap(), None);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left over");
        assert!(folder.create_new("no/such/folder", b"").is_err());
    }
}
