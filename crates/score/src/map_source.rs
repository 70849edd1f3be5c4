//! Where raw maps come from: files of a folder, or arrays in memory.

use crate::error::ScoreResult;
use crate::heatmaps::{self, MapFiles, RawMap};
use crate::map_view::MapView;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Raw maps, each under the name of its image.
///
/// A name may be what a table may call an image: its id, in any folder, with or without the extension of
/// its photo.
pub trait MapSource: Sync {
    /// The names of all maps, each once.
    fn names(&self) -> Vec<&str>;

    /// A map by its name.
    ///
    /// # Errors
    /// A map that cannot be read, or that is no map of finite values.
    fn map(&self, name: &str) -> ScoreResult<Cow<'_, RawMap>>;

    /// The same for a look: what lies in memory is not copied.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    fn view(&self, name: &str) -> ScoreResult<MapView<'_>> {
        Ok(match self.map(name)? {
            Cow::Borrowed(map) => map.view(),
            Cow::Owned(map) => map.into(),
        })
    }

    /// Where messages say that the map of this name is.
    fn place(&self, name: &str) -> PathBuf;

    /// Where messages say that all maps are.
    fn all(&self) -> PathBuf;

    /// The folder in which sanity checks of the maps may lie: [`RANDOMIZED`](crate::RANDOMIZED) maps and
    /// [`FAITHFULNESS`](crate::FAITHFULNESS).
    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// The heat maps in a folder, and in its sub-folders: `<image_id>.npy`, or grey PNG.
#[derive(Debug, Clone)]
pub struct MapFolder {
    path: PathBuf,
    files: MapFiles,
}

impl MapFolder {
    /// Lists the maps; none of them is read yet.
    ///
    /// # Errors
    /// No such folder, or an image with two maps.
    pub fn open(path: &Path) -> ScoreResult<Self> {
        Ok(Self { path: path.to_path_buf(), files: heatmaps::list(path)? })
    }
}

impl MapSource for MapFolder {
    fn names(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    fn map(&self, name: &str) -> ScoreResult<Cow<'_, RawMap>> {
        heatmaps::read_map(&self.place(name)).map(Cow::Owned)
    }

    fn place(&self, name: &str) -> PathBuf {
        // A name that is not listed leads to a file that is not there.
        self.files.get(name).cloned().unwrap_or_else(|| self.path.join(name))
    }

    fn all(&self) -> PathBuf {
        self.path.clone()
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// What messages call maps in memory.
const IN_MEMORY: &str = "maps in memory";

impl MapSource for BTreeMap<String, RawMap> {
    fn names(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }

    fn map(&self, name: &str) -> ScoreResult<Cow<'_, RawMap>> {
        let place = self.place(name);
        let map = self.get(name).ok_or_else(|| {
            crate::ScoreError::missing_input(format!("{}: there is no such map", place.display()))
        })?;
        map.check(&place)?;
        Ok(Cow::Borrowed(map))
    }

    fn place(&self, name: &str) -> PathBuf {
        Path::new(IN_MEMORY).join(name)
    }

    fn all(&self) -> PathBuf {
        PathBuf::from(IN_MEMORY)
    }
}
