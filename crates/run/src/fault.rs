//! Faults on purpose: a hook for tests (see CONTRIBUTING.md).

use crate::error::{RunError, RunResult};
use dermx_data::{Disk, FileCall, FileSystem};
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The environment variable: `KIND@K` has the K-th call that writes a checkpoint go wrong.
const VARIABLE: &str = "DERMX_TEST_FAULT";

/// What writes checkpoints: the disk, unless a test asks for a fault.
///
/// # Errors
/// A fault that there is not.
pub fn checkpoint_files() -> RunResult<Arc<dyn FileSystem>> {
    match std::env::var(VARIABLE) {
        Err(_) => Ok(Arc::new(Disk)),
        Ok(text) => match text.parse::<Faulty>() {
            Ok(faulty) => Ok(Arc::new(faulty)),
            Err(message) => Err(RunError::usage(format!("{VARIABLE}={text}: {message}"))),
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The process ends there and then, as with `kill -9`.
    Abort,
    /// The call fails; what is to be written is half written.
    Fail(io::ErrorKind),
}

/// The disk, until the call `number` (from 1).
#[derive(Debug)]
struct Faulty {
    kind: Kind,
    number: usize,
    num_calls: AtomicUsize,
}

impl FromStr for Faulty {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected abort@K, full@K or denied@K".to_string();
        let (kind, number) = text.split_once('@').ok_or_else(form)?;
        let kind = match kind {
            "abort" => Kind::Abort,
            "full" => Kind::Fail(io::ErrorKind::StorageFull),
            "denied" => Kind::Fail(io::ErrorKind::PermissionDenied),
            _ => return Err(form()),
        };
        let number = number.parse().map_err(|_| form())?;
        Ok(Self { kind, number, num_calls: AtomicUsize::new(0) })
    }
}

impl FileSystem for Faulty {
    fn call(&self, call: FileCall<'_>) -> io::Result<()> {
        if self.num_calls.fetch_add(1, Ordering::SeqCst) + 1 != self.number {
            return Disk.call(call);
        }
        if let FileCall::Write(path, bytes) = call {
            Disk.call(FileCall::Write(path, &bytes[..bytes.len() / 2]))?;
        }
        match self.kind {
            Kind::Abort => std::process::abort(),
            Kind::Fail(kind) => Err(kind.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Faulty, Kind};

    #[test]
    fn a_fault_has_a_kind_and_a_place() {
        let faulty: Faulty = "abort@17".parse().unwrap();
        assert_eq!((faulty.kind, faulty.number), (Kind::Abort, 17));
        for wrong in ["abort", "abort@", "abort@x", "explode@1", ""] {
            assert!(wrong.parse::<Faulty>().is_err(), "{wrong}");
        }
    }
}
