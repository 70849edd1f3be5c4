//! Heat maps on disk: `<image_id>.npy` or grey PNG, and `heatmaps.json`.
//!
//! An id with `/` in it lies in sub-folders, as its photo does.

use crate::error::{CliError, CliResult};
use crate::run_folder::to_json;
use dermx_data::{image_id, list_files};
use dermx_eval::{EvalError, HeatmapScoring, PreparedMap, prepare};
use dermx_gradcam::Heatmap;
use dermx_train::write_atomic;
use npyz::WriterBuilder;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The description that lies beside the maps.
pub const DESCRIPTION: &str = "heatmaps.json";

/// The sub-folder with the maps of networks that are random in part, see [`crate::sanity`].
pub const RANDOMIZED: &str = "randomized";

/// The largest map that is read, in values.
const MAX_VALUES: u64 = 100_000_000;

/// A map as it was read, in the precision it came in: its scores are those that the same
/// arithmetic gives in NumPy.
#[derive(Debug, Clone, PartialEq)]
pub enum RawMap {
    /// 32-bit floats.
    Single(Heatmap),
    /// 64-bit floats, or whole numbers.
    Double {
        /// \[height, width\].
        size: [usize; 2],
        /// Values in row-major order.
        values: Vec<f64>,
    },
}

impl RawMap {
    /// The values in row-major order.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Single(map) => map.values.iter().copied().map(f64::from).collect(),
            Self::Double { values, .. } => values.clone(),
        }
    }

    /// Brings the map to the size of the masks; see [`dermx_eval::prepare`].
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn prepare(&self, scoring: &HeatmapScoring) -> Result<PreparedMap, EvalError> {
        match self {
            Self::Single(map) => prepare(&map.values, [map.height, map.width], scoring),
            Self::Double { size, values } => prepare(values, *size, scoring),
        }
    }
}

/// What the maps in a folder are.
#[derive(Debug, Serialize)]
pub struct Description<'a> {
    /// The method that made them.
    pub method: &'a str,
    /// The explained layer; none where the image itself is explained.
    pub layer: Option<&'a str>,
    /// Whose logit was explained.
    pub target: &'a str,
    /// `[height, width]` of the network's input in pixels.
    pub input_size: [u32; 2],
    /// What the values are.
    pub values: &'static str,
    /// What scoring does before it compares a map with a mask.
    pub scoring: &'a str,
}

/// Writes the description into `folder`.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write_description(folder: &Path, description: &Description<'_>) -> CliResult<()> {
    Ok(write_atomic(&folder.join(DESCRIPTION), &to_json(description)?)?)
}

/// Writes `map` as `<image_id>.npy`: f32 `[height, width]`, row-major.
///
/// # Errors
/// An id that cannot be a file name, or a folder that cannot be written to.
pub fn write_npy(folder: &Path, image_id: &str, map: &Heatmap) -> CliResult<()> {
    let path = npy_file(folder, image_id)?;
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| -> std::io::Result<()> {
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&[map.height as u64, map.width as u64])
            .writer(bytes)
            .begin_nd()?;
        writer.extend(map.values.iter().copied())?;
        writer.finish()
    };
    write(&mut bytes).map_err(|error| CliError::io(&path, &error))?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| CliError::io(parent, &error))?;
    }
    Ok(write_atomic(&path, &bytes)?)
}

/// The heat-map files in `folder` and below by image id: the path below `folder` without `.npy` or
/// `.png`. Those of networks that are random in part are not among them.
///
/// # Errors
/// No such folder, an image with two maps, or what [`list_files`] refuses.
pub fn list(folder: &Path) -> CliResult<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for path in list_files(folder)? {
        let below = path.strip_prefix(folder).unwrap_or(&path);
        let name = below.to_string_lossy().into_owned();
        let is_map = |extension: &str| ["npy", "png"].contains(&extension.to_lowercase().as_str());
        let stem = name.rsplit_once('.').filter(|(_, extension)| is_map(extension));
        let Some((stem, _)) = stem.filter(|_| !below.starts_with(RANDOMIZED)) else { continue };
        // `a.jpg.npy` keeps `.jpg`: which image is meant is found where maps are used.
        let id = image_id(&format!("{stem}.png"));
        if let Some(other) = files.insert(id, path.clone()) {
            let message = format!("the image has another heat map, {}", other.display());
            return Err(CliError::bad_data(&path, message));
        }
    }
    Ok(files)
}

/// Reads a `.npy` file (f32, f64 or u8, any order, `[height, width]`) or a grey PNG (8 or 16 bit,
/// whose largest possible value counts as 1).
///
/// # Errors
/// Another type or shape, or a damaged file.
pub fn read(path: &Path) -> CliResult<RawMap> {
    let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let bytes = std::fs::read(path).map_err(|error| CliError::io(path, &error))?;
    if is_png { read_png(path, &bytes) } else { read_npy(path, &bytes) }
}

fn read_npy(path: &Path, bytes: &[u8]) -> CliResult<RawMap> {
    let bad = |message: String| CliError::bad_data(path, message);
    let file =
        npyz::NpyFile::new(bytes).map_err(|error| bad(format!("not a .npy file: {error}")))?;
    let &[height, width] = file.shape() else {
        return Err(bad(format!("expected shape [height, width], found {:?}", file.shape())));
    };
    if height == 0 || width == 0 || height.checked_mul(width).is_none_or(|n| n > MAX_VALUES) {
        return Err(bad(format!("a map of {height}x{width} values")));
    }
    let is_column_major = file.order() == npyz::Order::Fortran;
    let size = [height as usize, width as usize];
    let file = match file.try_data::<f32>() {
        Ok(data) => {
            let values = in_rows(collect(path, data)?, size, is_column_major);
            return Ok(RawMap::Single(Heatmap { height: size[0], width: size[1], values }));
        }
        Err(file) => file,
    };
    let values = match file.try_data::<f64>() {
        Ok(data) => collect(path, data)?,
        Err(file) => match file.try_data::<u8>() {
            Ok(data) => collect(path, data)?.into_iter().map(f64::from).collect(),
            Err(file) => {
                let found = file.dtype().descr();
                return Err(bad(format!("expected 32- or 64-bit floats or bytes, found {found}")));
            }
        },
    };
    Ok(RawMap::Double { size, values: in_rows(values, size, is_column_major) })
}

fn collect<T>(path: &Path, data: impl Iterator<Item = std::io::Result<T>>) -> CliResult<Vec<T>> {
    let values: std::io::Result<Vec<T>> = data.collect();
    values.map_err(|error| CliError::bad_data(path, error))
}

fn in_rows<T: Copy>(values: Vec<T>, [height, width]: [usize; 2], is_column_major: bool) -> Vec<T> {
    match is_column_major {
        false => values,
        true => (0..values.len()).map(|idx| values[(idx % width) * height + idx / width]).collect(),
    }
}

fn read_png(path: &Path, bytes: &[u8]) -> CliResult<RawMap> {
    let bad = |message: String| CliError::bad_data(path, message);
    let image = image::load_from_memory_with_format(bytes, image::ImageFormat::Png)
        .map_err(|error| bad(error.to_string()))?;
    let values = match &image {
        image::DynamicImage::ImageLuma8(grey) => {
            grey.as_raw().iter().map(|&value| f64::from(value) / 255.0).collect()
        }
        image::DynamicImage::ImageLuma16(grey) => {
            grey.as_raw().iter().map(|&value| f64::from(value) / 65535.0).collect()
        }
        other => return Err(bad(format!("expected a grey PNG, found {:?}", other.color()))),
    };
    Ok(RawMap::Double { size: [image.height() as usize, image.width() as usize], values })
}

/// The `.npy` file of an image in `folder`, in sub-folders where the id has them.
///
/// # Errors
/// An id that cannot be a path inside `folder`, or that would lie among the maps of random networks.
pub fn npy_file(folder: &Path, image_id: &str) -> CliResult<PathBuf> {
    let is_odd = |part: &str| part.is_empty() || part == "." || part == "..";
    let is_drive = image_id.get(1..2) == Some(":");
    if is_drive || image_id.contains(['\\', '\0']) || image_id.split('/').any(is_odd) {
        let message = format!("image id `{image_id}` cannot be a file name");
        return Err(CliError::bad_data(folder, message));
    }
    if image_id.split_once('/').is_some_and(|(first, _)| first == RANDOMIZED) {
        let message = format!(
            "image id `{image_id}`: `{RANDOMIZED}` is the folder of sanity checks; rename the folder \
             of the photo"
        );
        return Err(CliError::bad_data(folder, message));
    }
    Ok(folder.join(format!("{image_id}.npy")))
}

#[cfg(test)]
mod tests {
    use super::{RawMap, list, read, write_npy};
    use dermx_gradcam::Heatmap;

    fn map() -> Heatmap {
        Heatmap { height: 2, width: 3, values: vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5] }
    }

    #[test]
    fn a_written_map_reads_back_equal() {
        let folder = tempfile::tempdir().unwrap();
        write_npy(folder.path(), "a", &map()).unwrap();
        assert_eq!(read(&folder.path().join("a.npy")).unwrap(), RawMap::Single(map()));
    }

    #[test]
    fn column_major_64_bit_maps_are_read_in_rows() {
        // Header as numpy.save writes it for np.asfortranarray(np.arange(6.).reshape(2, 3) / 2).
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }";
        bytes.extend(format!("{header:<117}\n").bytes());
        for value in [0.0f64, 1.5, 0.5, 2.0, 1.0, 2.5] {
            bytes.extend(value.to_le_bytes());
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, bytes).unwrap();
        let expected = vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5];
        assert_eq!(read(&path).unwrap(), RawMap::Double { size: [2, 3], values: expected });
    }

    #[test]
    fn a_16_bit_png_counts_from_zero_to_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let grey = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 1, vec![0, 65535]);
        image::DynamicImage::ImageLuma16(grey.unwrap()).save(&path).unwrap();
        let expected = RawMap::Double { size: [1, 2], values: vec![0.0, 1.0] };
        assert_eq!(read(&path).unwrap(), expected);
    }

    #[test]
    fn a_truncated_map_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        write_npy(folder.path(), "cut", &map()).unwrap();
        let path = folder.path().join("cut.npy");
        let whole = std::fs::read(&path).unwrap();
        for len in 0..whole.len() {
            std::fs::write(&path, &whole[..len]).unwrap();
            assert!(read(&path).unwrap_err().message.contains("cut.npy"), "{len} bytes");
        }
    }

    #[test]
    fn an_id_cannot_leave_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let odd = ["../a", "a/../../b", "/a", "a//b", "a/", "..", ".", "", "a\\b", "c:a", "a\0"];
        for image_id in odd.into_iter().chain(["randomized/a"]) {
            assert!(write_npy(folder.path(), image_id, &map()).is_err(), "{image_id}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn maps_lie_in_sub_folders_as_their_photos_do() {
        let folder = tempfile::tempdir().unwrap();
        for image_id in ["cat/001", "dog/001", "p.2"] {
            write_npy(folder.path(), image_id, &map()).unwrap();
        }
        std::fs::create_dir_all(folder.path().join("randomized/01-fc")).unwrap();
        std::fs::write(folder.path().join("randomized/01-fc/p.2.npy"), "").unwrap();
        std::fs::write(folder.path().join("heatmaps.json"), "").unwrap();
        let found = list(folder.path()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["cat/001", "dog/001", "p.2"]);
        assert_eq!(found["cat/001"], folder.path().join("cat").join("001.npy"));
        std::fs::write(folder.path().join("cat/001.png"), "").unwrap();
        let message = list(folder.path()).unwrap_err().message;
        assert!(message.contains("001.png") && message.contains("001.npy"), "{message}");
    }
}
