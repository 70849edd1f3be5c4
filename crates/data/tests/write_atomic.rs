//! Files that several threads write at once.

use dermx_data::{DataError, remove_partial_files, write_atomic};
use std::error::Error;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

type TestResult = Result<(), Box<dyn Error>>;

#[test]
fn of_many_writers_at_once_a_reader_sees_one_whole_file() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("page.html");
    let text = |writer: u8| vec![b'a' + writer; 50_000 + 1000 * usize::from(writer)];
    write_atomic(&path, &text(0))?;
    // Writers go on until the reader has seen enough: however they are scheduled, it reads while they write.
    let is_over = AtomicBool::new(false);
    let path = &path;
    std::thread::scope(|scope| -> TestResult {
        let write = |writer| loop {
            write_atomic(path, &text(writer))?;
            if is_over.load(Ordering::SeqCst) {
                return Ok::<(), DataError>(());
            }
        };
        let writers: Vec<_> = (0..6).map(|writer| scope.spawn(move || write(writer))).collect();
        let read = (0..200).try_for_each(|_| {
            let found = fs::read(path)?;
            let writer = found.first().map_or(255, |first| first - b'a');
            let is_whole = writer < 6 && found == text(writer);
            is_whole.then_some(()).ok_or_else(|| {
                std::io::Error::other(format!("{} bytes of writer {writer}", found.len()))
            })
        });
        is_over.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().map_err(|_| "a panic")??;
        }
        Ok(read?)
    })?;
    assert_eq!(fs::read_dir(folder.path())?.count(), 1, "halves are left");
    Ok(())
}

#[test]
fn what_killed_processes_left_is_removed_below_a_folder_and_nothing_else() -> TestResult {
    let folder = tempfile::tempdir()?;
    let below = folder.path().join("seed-0/heatmaps");
    fs::create_dir_all(&below)?;
    let kept = ["a.npy", ".hidden", "b.partial"];
    for name in kept.iter().chain(&[".0123456789abcdef.0123456789abcdef.partial"]) {
        fs::write(below.join(name), "")?;
    }
    remove_partial_files(folder.path());
    let mut names = Vec::new();
    for entry in fs::read_dir(&below)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(names, [".hidden", "a.npy", "b.partial"]);
    Ok(())
}
