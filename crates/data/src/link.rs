//! Symbolic links in the folders of results, which may come from others: nothing is written through one.
//!
//! Files that are written whole take a link's place ([`crate::write_atomic`]). What is written otherwise, and
//! folders, are looked at here.

use crate::error::DataError;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file of results to append to, or makes it.
///
/// # Errors
/// What the operating system says; a symbolic link.
pub fn append_to(path: &Path) -> io::Result<File> {
    refuse_link(path)?;
    OpenOptions::new().create(true).append(true).open(path)
}

/// Refuses `path` where it is a symbolic link.
///
/// # Errors
/// It is one.
pub fn refuse_link(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(io::Error::other(
            "is a symbolic link, and nothing is written through one; remove it, or put what it leads to \
             in its place",
        )),
        _ => Ok(()),
    }
}

/// Refuses a folder in which a symbolic link stands for another folder: what is written into that would
/// be written elsewhere. The folder itself may be reached by a link; it was named by its user.
///
/// # Errors
/// Names the link. A folder that cannot be read.
pub fn refuse_linked_folders(folder: &Path) -> Result<(), DataError> {
    for entry in fs::read_dir(folder).map_err(|error| DataError::io(folder, &error))? {
        let path = entry.map_err(|error| DataError::io(folder, &error))?.path();
        if path.is_symlink() && path.is_dir() {
            refuse_link(&path).map_err(|error| DataError::io(&path, &error))?;
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::{append_to, refuse_linked_folders};
    use crate::write_atomic;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_is_written_through_a_link() {
        let root = tempfile::tempdir().unwrap();
        let (outside, folder) = (root.path().join("outside"), root.path().join("results"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&outside, "before").unwrap();
        for name in ["eval.json", "log"] {
            symlink(&outside, folder.join(name)).unwrap();
        }
        // A link to a file is no harm by itself; the file takes its place.
        refuse_linked_folders(&folder).unwrap();
        write_atomic(&folder.join("eval.json"), b"{}").unwrap();
        assert!(!folder.join("eval.json").is_symlink());
        let error = append_to(&folder.join("log")).unwrap_err().to_string();
        assert!(error.contains("is a symbolic link"), "{error}");
        assert_eq!(std::fs::read_to_string(&outside).unwrap(), "before");
        append_to(&folder.join("new")).and_then(|mut file| file.write_all(b"line\n")).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("new")).unwrap(), "line\n");

        symlink(root.path(), folder.join("heatmaps")).unwrap();
        let error = refuse_linked_folders(&folder).unwrap_err().to_string();
        assert!(error.contains("heatmaps") && error.contains("is a symbolic link"), "{error}");
    }
}
