//! Checkpoints on disks that fail, and in files that were changed.

use dermx_data::{Disk, FileCall, FileSystem, Random};
use dermx_model::NamedTensor;
use dermx_train::{Checkpoint, CheckpointStore, Fingerprint, TrainError, TrainState};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

type TestResult = Result<(), Box<dyn Error>>;

/// Linux's numbers; `io::Error` shows them by the system's names.
const ERRORS: [(&str, i32); 4] = [("EIO", 5), ("ENOSPC", 28), ("EACCES", 13), ("EDQUOT", 122)];

/// The checkpoints of a run of two epochs of three steps, and what goes before.
const STEPS: [(u32, usize); 5] = [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2)];

fn checkpoint((epochs_done, steps_done): (u32, usize)) -> Checkpoint {
    let value = epochs_done as f32 + steps_done as f32 / 10.0;
    let tensor = NamedTensor { shape: vec![2, 3], values: vec![value; 6] };
    Checkpoint {
        state: TrainState { epochs_done, steps_done, ..TrainState::default() },
        weights: BTreeMap::from([("fc.weight".to_string(), tensor.clone())]),
        optimizer: BTreeMap::from([("exp_avg.fc.weight".to_string(), tensor.clone())]),
        kept: BTreeMap::from([("ema.fc.weight".to_string(), tensor)]),
    }
}

/// A disk whose call `number` (from 1) fails, and after which every further one fails, too, where
/// the fault is to stay; what was to be written is half written.
#[derive(Debug)]
struct FailingDisk {
    number: usize,
    code: i32,
    stays: bool,
    num_calls: AtomicUsize,
}

impl FileSystem for FailingDisk {
    fn call(&self, call: FileCall<'_>) -> io::Result<()> {
        let call_number = self.num_calls.fetch_add(1, Ordering::SeqCst) + 1;
        if call_number < self.number || (call_number > self.number && !self.stays) {
            return Disk.call(call);
        }
        if let FileCall::Write(path, bytes) = call {
            Disk.call(FileCall::Write(path, &bytes[..bytes.len() / 2]))?;
        }
        Err(io::Error::from_raw_os_error(self.code))
    }
}

/// Saves in turn until a save fails: how many did not, and the failure.
fn save_all(store: &CheckpointStore) -> (usize, Option<TrainError>) {
    for (idx, step) in STEPS.into_iter().enumerate() {
        if let Err(error) = store.save(&checkpoint(step)) {
            return (idx, Some(error));
        }
    }
    (STEPS.len(), None)
}

fn num_calls() -> Result<usize, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let disk = FailingDisk { number: usize::MAX, code: 0, stays: false, num_calls: 0.into() };
    let disk = Arc::new(disk);
    let store = CheckpointStore::with_files(folder.path().join("checkpoints"), disk.clone());
    assert_eq!(save_all(&store).0, STEPS.len());
    Ok(disk.num_calls.load(Ordering::SeqCst))
}

/// What is wrong after the call `number` failed with `code`, or nothing.
fn problem_of(number: usize, code: i32, stays: bool) -> Result<Option<String>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("checkpoints");
    let disk = FailingDisk { number, code, stays, num_calls: 0.into() };
    let (num_saved, error) = save_all(&CheckpointStore::with_files(&path, Arc::new(disk)));
    let Some(TrainError::Save { source, .. }) = &error else {
        return Ok(Some(format!("no failed save but {error:?}")));
    };
    if source.raw_os_error() != Some(code) {
        return Ok(Some(format!("{source} instead of {code}")));
    }
    let store = CheckpointStore::new(&path);
    let found = store.latest(&Fingerprint::new())?;
    // The failed checkpoint may be whole already: then its last sync or the removal of an older one
    // failed. The one before it is the least that is there.
    let found = found.map(|found| (found.checkpoint, found.damaged));
    let is_one_of = |idx: usize| {
        let (found, damaged) = found.clone().unwrap_or((checkpoint((9, 9)), Vec::new()));
        found == checkpoint(STEPS[idx]) && damaged.is_empty()
    };
    let is_before = match num_saved {
        0 => found.is_none(),
        num_saved => is_one_of(num_saved - 1),
    };
    if !is_before && !is_one_of(num_saved) {
        return Ok(Some(format!("after {num_saved} saves there is {found:?}")));
    }
    // On a disk that works again the run goes on, and ends as it would have.
    for step in &STEPS[num_saved..] {
        store.save(&checkpoint(*step))?;
    }
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let is_clean = names == ["epoch-00001-step-000001", "epoch-00001-step-000002"];
    Ok((!is_clean).then(|| format!("at the end there is {names:?}")))
}

#[test]
fn whatever_call_fails_the_checkpoint_before_loads_and_the_error_says_so() -> TestResult {
    let num_calls = num_calls()?;
    let mut num_cases = 0;
    let is_full = std::env::var("DERMX_TORTURE").is_ok_and(|count| count == "full");
    for (idx, (name, code)) in ERRORS.into_iter().enumerate() {
        // A disk that stays broken is tried with one error: which one makes no difference to it.
        let stays = if name == "ENOSPC" { &[false, true][..] } else { &[false] };
        for (number, &stays) in
            (1..=num_calls).flat_map(|number| stays.iter().map(move |stays| (number, stays)))
        {
            // Else each call fails once, with the errors in turn.
            if is_full || number % ERRORS.len() == idx {
                let problem = problem_of(number, code, stays)?;
                assert_eq!(problem, None, "{name} at call {number} of {num_calls}, stays: {stays}");
                num_cases += 1;
            }
        }
    }
    eprintln!("{num_cases} of {num_cases} as expected");
    assert!(num_cases >= if is_full { 240 } else { num_calls }, "{num_cases} cases");
    Ok(())
}

/// The files of a checkpoint.
type Files = Vec<Vec<u8>>;

/// A store with two checkpoints, and the files of the newer one.
fn two_checkpoints(folder: &Path) -> Result<(CheckpointStore, Files), Box<dyn Error>> {
    let store = CheckpointStore::new(folder);
    store.save(&checkpoint((1, 0)))?;
    store.save(&checkpoint((2, 0)))?;
    let files = FILES.map(|name| fs::read(folder.join(NEWEST).join(name)));
    Ok((store, files.into_iter().collect::<Result<_, _>>()?))
}

const NEWEST: &str = "epoch-00002-step-000000";
const FILES: [&str; 5] = [
    "kept.safetensors",
    "manifest.json",
    "optimizer.safetensors",
    "state.json",
    "weights.safetensors",
];

/// Puts `bytes` in place of the file `name` of the newest checkpoint: the one before is used.
fn expect_fallback(store: &CheckpointStore, file: &Path, bytes: &[u8]) -> TestResult {
    fs::write(file, bytes)?;
    let found = store.latest(&Fingerprint::new())?.ok_or("no checkpoint")?;
    assert_eq!(found.checkpoint, checkpoint((1, 0)));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    assert!(found.damaged.concat().contains("damaged"), "{:?}", found.damaged);
    // A changed manifest blames a file that it describes, or itself.
    assert!(
        name == "manifest.json" || found.damaged.concat().contains(&*name),
        "{:?}",
        found.damaged
    );
    Ok(())
}

#[test]
fn a_thousand_flipped_bits_are_all_found() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (store, files) = two_checkpoints(folder.path())?;
    let mut random = Random::new(0, "flips", 0, "");
    for _ in 0..1000 {
        let idx = random.below(FILES.len());
        let mut bytes = files[idx].clone();
        let place = random.below(bytes.len());
        bytes[place] ^= 1 << random.below(8);
        let file = folder.path().join(NEWEST).join(FILES[idx]);
        expect_fallback(&store, &file, &bytes)
            .map_err(|error| format!("{} byte {place}: {error}", FILES[idx]))?;
        fs::write(&file, &files[idx])?;
    }
    assert_eq!(store.latest(&Fingerprint::new())?.ok_or("none")?.checkpoint, checkpoint((2, 0)));
    eprintln!("1000 of 1000 as expected");
    Ok(())
}

#[test]
fn two_hundred_cut_files_are_all_found() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (store, files) = two_checkpoints(folder.path())?;
    for (name, bytes) in FILES.iter().zip(&files) {
        let file = folder.path().join(NEWEST).join(name);
        for cut in 0..40 {
            expect_fallback(&store, &file, &bytes[..bytes.len() * cut / 40])
                .map_err(|error| format!("{name} cut to {cut}/40: {error}"))?;
        }
        fs::write(&file, bytes)?;
    }
    eprintln!("200 of 200 as expected");
    Ok(())
}

/// What a system says of a file that it does not let be read just now.
const READ_ERRORS: [(&str, i32); 5] =
    [("EACCES", 13), ("EIO", 5), ("ESTALE", 116), ("EMFILE", 24), ("ETIMEDOUT", 110)];

/// A disk whose read `number` (from 1) fails.
#[derive(Debug)]
struct UnreadableDisk {
    number: usize,
    code: i32,
    num_reads: AtomicUsize,
}

impl FileSystem for UnreadableDisk {
    fn call(&self, call: FileCall<'_>) -> io::Result<()> {
        Disk.call(call)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.num_reads.fetch_add(1, Ordering::SeqCst) + 1 == self.number {
            true => Err(io::Error::from_raw_os_error(self.code)),
            false => Disk.read(path),
        }
    }
}

/// Every file below `folder` with its bytes.
fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Box<dyn Error>> {
    let mut found = BTreeMap::new();
    for checkpoint in fs::read_dir(folder)? {
        for file in fs::read_dir(checkpoint?.path())? {
            let path = file?.path();
            found.insert(path.display().to_string(), fs::read(&path)?);
        }
    }
    Ok(found)
}

#[test]
fn a_checkpoint_that_cannot_be_read_just_now_is_an_error_and_stays_as_it_is() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (_, _) = two_checkpoints(folder.path())?;
    let before = contents(folder.path())?;
    let faulty = |number, code| {
        let disk = Arc::new(UnreadableDisk { number, code, num_reads: 0.into() });
        (CheckpointStore::with_files(folder.path(), disk.clone()), disk)
    };
    let (store, disk) = faulty(usize::MAX, 0);
    assert!(store.latest(&Fingerprint::new())?.is_some());
    let num_reads = disk.num_reads.load(Ordering::SeqCst);
    assert!(num_reads >= FILES.len(), "{num_reads}");
    for (name, code) in READ_ERRORS {
        for number in 1..=num_reads {
            let what = format!("{name} at read {number} of {num_reads}");
            // Looking for the newest, and saving it once more.
            let looked = faulty(number, code).0.latest(&Fingerprint::new()).map(drop);
            let saved = faulty(number, code).0.save(&checkpoint((2, 0)));
            for result in [looked, saved] {
                let Err(TrainError::Load { path, source }) = result else {
                    return Err(format!("{what}: {result:?}").into());
                };
                assert_eq!(source.raw_os_error(), Some(code), "{what}");
                assert!(path.starts_with(folder.path().join(NEWEST)), "{what}: {}", path.display());
            }
            assert!(contents(folder.path())? == before, "{what} changed a file");
        }
    }
    Ok(())
}

/// What is not there, is a folder, or lies below a file is no fault of the moment.
#[test]
fn a_file_that_is_no_file_is_damage() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (store, _) = two_checkpoints(folder.path())?;
    let newest = folder.path().join(NEWEST);
    fs::remove_file(newest.join("state.json"))?;
    fs::create_dir(newest.join("state.json"))?;
    let found = store.latest(&Fingerprint::new())?.ok_or("none")?;
    assert_eq!((found.checkpoint, found.damaged.len()), (checkpoint((1, 0)), 1));
    fs::remove_dir_all(&newest)?;
    fs::write(&newest, "no folder")?;
    let found = store.latest(&Fingerprint::new())?.ok_or("none")?;
    assert_eq!((found.checkpoint, found.damaged.len()), (checkpoint((1, 0)), 1));
    store.clean(&found.folder)?;
    assert_eq!(fs::read(folder.path().join(format!("{NEWEST}.damaged")))?, b"no folder");
    Ok(())
}
