//! A file that is read piece by piece, and what can be wrong with it.

use crate::weights::WeightsError;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// A file open for reading, and its size.
#[derive(Debug)]
pub(super) struct Input {
    file: File,
    pub num_bytes: u64,
}

impl Input {
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path)?;
        let num_bytes = file.metadata()?.len();
        Ok(Self { file, num_bytes })
    }

    /// The bytes `range`, which has to lie in the file: no more memory is taken than the file has.
    pub fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        let num_bytes = usize::try_from(range.end.saturating_sub(range.start))
            .map_err(|_| Fault::Format("the file is too large for this machine".to_string()))?;
        if range.end > self.num_bytes {
            return Err(Fault::Format("the file is cut off".to_string()));
        }
        let mut bytes = vec![0; num_bytes];
        self.file.seek(SeekFrom::Start(range.start))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Why a file cannot be read; the reader of the file adds its name.
#[derive(Debug)]
pub(super) enum Fault {
    Io(std::io::Error),
    Format(String),
}

impl Fault {
    pub fn in_file(self, path: &str) -> WeightsError {
        let path = path.to_string();
        match self {
            Self::Io(source) => WeightsError::Io { path, source },
            Self::Format(message) => WeightsError::Format { path, message },
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::Format(message)
    }
}
