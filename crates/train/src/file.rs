//! Files that are never seen half written.

use crate::error::TrainError;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes `bytes` beside `path`, syncs, and renames: a reader sees the old file or the new one.
///
/// # Errors
/// A folder that cannot be written to, a full disk.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let error = |source| TrainError::io(path, source);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    file.as_file().sync_all().map_err(error)?;
    make_readable(file.as_file()).map_err(error)?;
    file.persist(path).map_err(|failure| error(failure.error))?;
    sync_folder(folder)
}

/// Makes renames inside `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), TrainError> {
    // Only Unix lets a program sync a folder.
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| TrainError::io(folder, source))?;
    }
    Ok(())
}

/// Temporary files are private; results are for everybody whom the folder lets in.
fn make_readable(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}
