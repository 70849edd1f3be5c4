//! Files that several threads write at once.

use dermx_data::{remove_partial_files, write_atomic};
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
    let is_over = AtomicBool::new(false);
    let num_reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut num_reads = 0;
            while !is_over.load(Ordering::SeqCst) {
                let found = fs::read(&path).map_err(|error| error.to_string())?;
                let writer = found.first().map_or(255, |first| first - b'a');
                if writer >= 6 || found != text(writer) {
                    return Err(format!("{} bytes of writer {writer}", found.len()));
                }
                num_reads += 1;
            }
            Ok(num_reads)
        });
        let path = &path;
        let write = |writer| (0..40).try_for_each(|_| write_atomic(path, &text(writer)));
        let writers: Vec<_> = (0..6).map(|writer| scope.spawn(move || write(writer))).collect();
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        is_over.store(true, Ordering::SeqCst);
        for result in written {
            result.map_err(|_| "a panic".to_string())?.map_err(|error| error.to_string())?;
        }
        reader.join().map_err(|_| "a panic".to_string())?
    })?;
    assert!(num_reads > 0);
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
