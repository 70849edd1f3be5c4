//! Heat maps on disk: `<image_id>.npy` or grey PNG, and `heatmaps.json`.
//!
//! An id with `/` in it lies in sub-folders, as its photo does.

use crate::error::{ScoreError, ScoreResult};
use crate::map_view::MapView;
use crate::npy;
use dermx_data::text::shortened;
use dermx_data::{ImageSize, MAX_PIXELS, PngRows, image_id, list_files, refuse_link, write_atomic};
use dermx_eval::{EvalError, HeatmapScoring, PreparedMap};
use npyz::WriterBuilder;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The sub-folder with the maps of networks that are random in part.
pub const RANDOMIZED: &str = "randomized";

/// Files of maps by image id.
pub type MapFiles = BTreeMap<String, PathBuf>;

/// A map as it was read, in the precision it came in: its scores are those that the same
/// arithmetic gives in NumPy. All values are finite.
#[derive(Debug, Clone, PartialEq)]
pub enum RawMap {
    /// 32-bit floats.
    Single {
        /// \[height, width\].
        size: [usize; 2],
        /// Values in row-major order.
        values: Vec<f32>,
    },
    /// 64-bit floats, or whole numbers as shares of the largest that their type has.
    Double {
        /// \[height, width\].
        size: [usize; 2],
        /// Values in row-major order.
        values: Vec<f64>,
    },
}

impl RawMap {
    /// A map of 32-bit floats of \[`height`, `width`\] `size`, row by row.
    ///
    /// # Errors
    /// Another number of values, more than 100 million, or one that is not finite.
    pub fn single(size: [usize; 2], values: Vec<f32>) -> ScoreResult<Self> {
        let map = Self::Single { size, values };
        map.check(Path::new("heat map")).map(|()| map)
    }

    /// The same of 64-bit floats.
    ///
    /// # Errors
    /// As [`Self::single`].
    pub fn double(size: [usize; 2], values: Vec<f64>) -> ScoreResult<Self> {
        let map = Self::Double { size, values };
        map.check(Path::new("heat map")).map(|()| map)
    }

    /// The map without a copy of its values.
    pub fn view(&self) -> MapView<'_> {
        self.into()
    }

    /// Checks what a file is checked for; `place` is where the map is.
    pub(crate) fn check(&self, place: &Path) -> ScoreResult<()> {
        self.view().check(place)
    }

    /// The values in row-major order.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Single { values, .. } => values.iter().copied().map(f64::from).collect(),
            Self::Double { values, .. } => values.clone(),
        }
    }

    /// How many values are above 1: those that count as 1 in a map that is not divided by its maximum.
    pub fn num_above_one(&self) -> usize {
        self.view().num_above_one()
    }

    /// Whether no value is above 0, so that the map points nowhere.
    pub fn is_blank(&self) -> bool {
        self.view().is_blank()
    }

    /// Brings the map to the size of the masks; see [`dermx_eval::prepare`].
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn prepare(&self, scoring: &HeatmapScoring) -> Result<PreparedMap, EvalError> {
        self.view().prepare(scoring)
    }
}

/// Writes a map of [`height`, `width`] `size` as `<image_id>.npy`: f32, row-major.
///
/// # Errors
/// An id that cannot be a file name, or a folder that cannot be written to.
pub fn write_npy(
    folder: &Path,
    image_id: &str,
    size: [usize; 2],
    values: &[f32],
) -> ScoreResult<()> {
    let path = npy_file(folder, image_id)?;
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| -> std::io::Result<()> {
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&size.map(|side| side as u64))
            .writer(bytes)
            .begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    };
    write(&mut bytes).map_err(|error| ScoreError::io(&path, &error))?;
    for inside in path.ancestors().skip(1).take_while(|parent| *parent != folder) {
        refuse_link(inside).map_err(|error| ScoreError::io(inside, &error))?;
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| ScoreError::io(parent, &error))?;
    }
    Ok(write_atomic(&path, &bytes)?)
}

/// The heat-map files in `folder` and below by image id: the path below `folder` without `.npy` or
/// `.png`. Those of networks that are random in part are not among them, nor are pictures of maps: in color, beside
/// the map.
///
/// # Errors
/// No such folder, an image with two maps, or what [`list_files`] refuses.
pub fn list(folder: &Path) -> ScoreResult<MapFiles> {
    let mut files = BTreeMap::new();
    for path in list_files(folder)? {
        let below = path.strip_prefix(folder).unwrap_or(&path);
        let name = below.to_string_lossy().into_owned();
        let is_map = |extension: &str| ["npy", "png"].contains(&extension.to_lowercase().as_str());
        let stem = name.rsplit_once('.').filter(|(_, extension)| is_map(extension));
        let Some((stem, _)) = stem.filter(|_| !below.starts_with(RANDOMIZED)) else { continue };
        // `a.jpg.npy` keeps `.jpg`: which image is meant is found where maps are used.
        let id = image_id(&format!("{stem}.png"));
        match files.insert(id.clone(), path.clone()) {
            None => {}
            Some(map) if is_picture(&path) => drop(files.insert(id, map)),
            Some(other) if is_picture(&other) => {}
            Some(other) => {
                let message = format!("the image has another heat map, {}", other.display());
                return Err(ScoreError::in_file(&path, message));
            }
        }
    }
    Ok(files)
}

/// Whether the file is a PNG in color, as `dermx explain --overlays` writes them: no map.
fn is_picture(path: &Path) -> bool {
    let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let bytes = is_png.then(|| std::fs::read(path).ok()).flatten();
    bytes.is_some_and(|bytes| {
        let check = |size: ImageSize| check_size(size.height.into(), size.width.into());
        PngRows::open(&bytes, check).is_ok_and(|png| png.num_channels() > 2)
    })
}

/// Reads a `.npy` file (f32, f64, u8 or u16, any byte order and order of axes, `[height, width]`) or a
/// grey PNG (8 or 16 bit). Of whole numbers the largest that their type has counts as 1 in both.
///
/// # Errors
/// Another type or shape, more than 100 million values, a value that is not finite, or a damaged file.
pub fn read_map(path: &Path) -> ScoreResult<RawMap> {
    let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let bytes = std::fs::read(path).map_err(|error| ScoreError::io(path, &error))?;
    let map = if is_png { read_png(path, &bytes)? } else { read_npy(path, &bytes)? };
    map.view().check_finite(path)?;
    Ok(map)
}

fn read_npy(path: &Path, bytes: &[u8]) -> ScoreResult<RawMap> {
    let bad = |message: String| ScoreError::in_file(path, message);
    let (header, values) = npy::parse(bytes).map_err(bad)?;
    let &[height, width] = &header.shape[..] else {
        return Err(bad(format!("expected shape [height, width], found {:?}", header.shape)));
    };
    check_size(height, width).map_err(bad)?;
    let size = [height as usize, width as usize];
    let map = Stored { values, size, is_column_major: header.is_column_major };
    let single = |values| RawMap::Single { size, values };
    let double = |values| RawMap::Double { size, values };
    let map = match header.descr.as_str() {
        "<f4" => map.read(f32::from_le_bytes).map(single),
        ">f4" => map.read(f32::from_be_bytes).map(single),
        "<f8" => map.read(f64::from_le_bytes).map(double),
        ">f8" => map.read(f64::from_be_bytes).map(double),
        "|u1" | "<u1" | ">u1" => map.read(|[value]| share_of_u8(value)).map(double),
        "<u2" => map.read(|value| share_of_u16(u16::from_le_bytes(value))).map(double),
        ">u2" => map.read(|value| share_of_u16(u16::from_be_bytes(value))).map(double),
        found => Err(format!(
            "expected 32- or 64-bit floats or whole numbers of 8 or 16 bits without a sign, found \
             '{}'; convert it, for example with NumPy's astype(\"float32\")",
            shortened(found, 40).escape_debug()
        )),
    };
    map.map_err(bad)
}

/// The values of a `.npy` file as they are stored.
struct Stored<'a> {
    values: &'a [u8],
    size: [usize; 2],
    is_column_major: bool,
}

impl Stored<'_> {
    /// The values in rows, each made of its `N` bytes, or the message of an error.
    fn read<const N: usize, T>(&self, value: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let [height, width] = self.size;
        let num_bytes = height * width * N;
        let (stored, _) = self.values.as_chunks::<N>();
        match self.values.len() {
            found if found < num_bytes => {
                return Err(format!("found {found} bytes of values; expected {num_bytes}"));
            }
            found if found > num_bytes => {
                let num = found - num_bytes;
                return Err(format!(
                    "found {num} bytes behind the map; expected one map in a file"
                ));
            }
            _ => {}
        }
        Ok(match self.is_column_major {
            false => stored.iter().map(|&bytes| value(bytes)).collect(),
            true => {
                let column_major = |idx: usize| stored[(idx % width) * height + idx / width];
                (0..stored.len()).map(|idx| value(column_major(idx))).collect()
            }
        })
    }
}

fn share_of_u8(value: u8) -> f64 {
    f64::from(value) / f64::from(u8::MAX)
}

fn share_of_u16(value: u16) -> f64 {
    f64::from(value) / f64::from(u16::MAX)
}

pub(crate) fn check_size(height: u64, width: u64) -> Result<(), String> {
    match height.checked_mul(width) {
        Some(1..=MAX_PIXELS) => Ok(()),
        Some(0) => {
            Err(format!("is a map of {height}x{width}, so without a value; compute it again"))
        }
        _ => Err(format!(
            "is a map of {height}x{width} values; expected 1 to {MAX_PIXELS}: make it smaller"
        )),
    }
}

fn read_png(path: &Path, bytes: &[u8]) -> ScoreResult<RawMap> {
    let bad = |message: String| ScoreError::in_file(path, message);
    let png = PngRows::open(bytes, |size| check_size(size.height.into(), size.width.into()));
    let png = png.map_err(bad)?;
    if png.num_channels() != 1 {
        let kind = ["gray with alpha", "RGB", "RGBA"][(png.num_channels() - 2).min(2)];
        return Err(bad(format!("expected a grey PNG, found {kind}")));
    }
    let (size, is_16_bit) = (png.size(), png.is_16_bit());
    let mut values = Vec::with_capacity(size.num_pixels());
    let read = png.read(|row| {
        match is_16_bit {
            false => values.extend(row.iter().copied().map(share_of_u8)),
            true => {
                let row = row.as_chunks().0.iter();
                values.extend(row.map(|&value| share_of_u16(u16::from_be_bytes(value))));
            }
        }
        Ok(())
    });
    read.map_err(bad)?;
    Ok(RawMap::Double { size: [size.height as usize, size.width as usize], values })
}

/// The `.npy` file of an image in `folder`, in sub-folders where the id has them.
///
/// # Errors
/// An id that cannot be a path inside `folder`, or that would lie among the maps of random networks.
pub fn npy_file(folder: &Path, image_id: &str) -> ScoreResult<PathBuf> {
    let is_odd = |part: &str| part.is_empty() || part == "." || part == "..";
    let is_drive = image_id.get(1..2) == Some(":");
    if is_drive || image_id.contains(['\\', '\0']) || image_id.split('/').any(is_odd) {
        let message = format!("image id `{image_id}` cannot be a file name");
        return Err(ScoreError::in_file(folder, message));
    }
    if image_id.split_once('/').is_some_and(|(first, _)| first == RANDOMIZED) {
        let message = format!(
            "image id `{image_id}`: `{RANDOMIZED}` is the folder of sanity checks; rename the folder \
             of the photo"
        );
        return Err(ScoreError::in_file(folder, message));
    }
    Ok(folder.join(format!("{image_id}.npy")))
}

#[cfg(test)]
mod tests {
    use super::{RawMap, list, read_map, write_npy};
    use dermx_work::Failure;
    use std::path::Path;

    const VALUES: [f32; 6] = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5];

    fn map() -> RawMap {
        RawMap::Single { size: [2, 3], values: VALUES.to_vec() }
    }

    fn write(folder: &Path, image_id: &str) -> crate::ScoreResult<()> {
        write_npy(folder, image_id, [2, 3], &VALUES)
    }

    #[test]
    fn a_written_map_reads_back_equal() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a").unwrap();
        assert_eq!(read_map(&folder.path().join("a.npy")).unwrap(), map());
    }

    #[test]
    fn column_major_64_bit_maps_are_read_in_rows() {
        // np.asfortranarray(np.arange(6.).reshape(2, 3) / 2)
        let values = [0.0f64, 1.5, 0.5, 2.0, 1.0, 2.5].map(f64::to_le_bytes).concat();
        let map = read_bytes("a.npy", &npy("<f8", true, "(2, 3)", &values)).unwrap();
        let expected = vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5];
        assert_eq!(map, RawMap::Double { size: [2, 3], values: expected });
    }

    /// A file as numpy.save writes it.
    fn npy(descr: &str, is_column_major: bool, shape: &str, values: &[u8]) -> Vec<u8> {
        let order = if is_column_major { "True" } else { "False" };
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
        let start = b"\x93NUMPY\x01\x00\x76\x00".as_slice();
        [start, format!("{header:<117}\n").as_bytes(), values].concat()
    }

    fn read_bytes(name: &str, bytes: &[u8]) -> crate::ScoreResult<RawMap> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_map(&path)
    }

    fn png16(values: Vec<u16>) -> Vec<u8> {
        let grey =
            image::ImageBuffer::<image::Luma<u16>, _>::from_raw(values.len() as u32, 1, values);
        let mut bytes = std::io::Cursor::new(Vec::new());
        let image = image::DynamicImage::ImageLuma16(grey.unwrap());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_16_bit_png_counts_from_zero_to_one() {
        let expected = RawMap::Double { size: [1, 2], values: vec![0.0, 1.0] };
        assert_eq!(read_bytes("a.png", &png16(vec![0, 65535])).unwrap(), expected);
    }

    #[test]
    fn whole_numbers_are_the_same_map_in_both_formats() {
        // 0, 51 / 255 and 255 / 255; 0, 13107 / 65535 and 65535 / 65535.
        let expected = RawMap::Double { size: [1, 3], values: vec![0.0, 0.2, 1.0] };
        let grey = image::GrayImage::from_raw(3, 1, vec![0, 51, 255]).unwrap();
        let mut png = std::io::Cursor::new(Vec::new());
        grey.write_to(&mut png, image::ImageFormat::Png).unwrap();
        assert_eq!(read_bytes("a.png", &png.into_inner()).unwrap(), expected);
        assert_eq!(read_bytes("a.PNG", &png16(vec![0, 13107, 65535])).unwrap(), expected);
        let of = |descr, values: &[u8]| read_bytes("a.npy", &npy(descr, false, "(1, 3)", values));
        assert_eq!(of("|u1", &[0, 51, 255]).unwrap(), expected);
        assert_eq!(of("<u2", &[0, 0, 0x33, 0x33, 0xFF, 0xFF]).unwrap(), expected);
        let values = vec![0.0, 0.2, 1.0 / 65535.0];
        let expected = RawMap::Double { size: [1, 3], values };
        assert_eq!(of(">u2", &[0, 0, 0x33, 0x33, 0, 1]).unwrap(), expected);
        for descr in ["<i4", "|i1", "<f2", "<c8", "|b1"] {
            let error = of(descr, &[0; 24]).unwrap_err();
            assert!(error.to_string().contains("astype(\"float32\")"), "{}", error);
        }
    }

    #[test]
    fn a_value_that_is_not_finite_is_refused_with_its_place() {
        // Row 1, column 0 of [[0, 1, 2], [x, 4, 5]]: the fourth value in rows, the second in columns.
        let rows = |odd: f64| [0.0, 1.0, 2.0, odd, 4.0, 5.0];
        let columns = |odd: f64| [0.0, odd, 1.0, 4.0, 2.0, 5.0];
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for is_column_major in [false, true] {
                let values = if is_column_major { columns(odd) } else { rows(odd) };
                let single = |value: f64| value as f32;
                for (descr, bytes) in [
                    ("<f8", values.map(f64::to_le_bytes).concat()),
                    (">f8", values.map(f64::to_be_bytes).concat()),
                    ("<f4", values.map(|value| single(value).to_le_bytes()).concat()),
                    (">f4", values.map(|value| single(value).to_be_bytes()).concat()),
                ] {
                    let file = npy(descr, is_column_major, "(2, 3)", &bytes);
                    let error = read_bytes("odd.npy", &file).unwrap_err();
                    let expected =
                        format!("odd.npy: row 1, column 0: found {odd}; expected a finite");
                    assert!(error.to_string().contains(&expected), "{descr}: {}", error);
                    assert_eq!(error.failure(), Failure::BadData);
                }
            }
        }
    }

    #[test]
    fn values_above_one_are_counted() {
        assert_eq!(map().num_above_one(), 3);
        let values = vec![1.0, 1.5, -2.0];
        assert_eq!(RawMap::Double { size: [1, 3], values }.num_above_one(), 1);
    }

    #[test]
    fn a_map_without_a_value_above_zero_is_blank() {
        assert!(!map().is_blank());
        for (values, expected) in [(vec![0.0, -1.0], true), (vec![0.0, 1e-9], false)] {
            assert_eq!(RawMap::Double { size: [1, 2], values }.is_blank(), expected);
        }
    }

    #[test]
    fn what_follows_a_map_is_not_passed_over() {
        let one = npy("|u1", false, "(1, 3)", &[0, 51, 255]);
        let error = read_bytes("two.npy", &[one.clone(), one].concat()).unwrap_err();
        assert!(error.to_string().contains("found 131 bytes behind the map"), "{}", error);
    }

    #[test]
    fn headers_and_sizes_that_would_take_all_time_or_memory_are_refused() {
        let nested = format!("{{'descr': {}", "[".repeat(100));
        let length = (nested.len() as u16).to_le_bytes();
        for deep in [nested.clone(), nested.replace('[', "("), nested.replace('[', "{")] {
            let file = [b"\x93NUMPY\x01\x00".as_slice(), &length, deep.as_bytes()].concat();
            let error = read_bytes("deep.npy", &file).unwrap_err();
            assert!(error.to_string().contains("array of plain numbers"), "{}", error);
        }
        let large = npy("|u1", false, "(4000000000, 4000000000)", &[]);
        let error = read_bytes("large.npy", &large).unwrap_err();
        assert!(error.to_string().contains("is a map of 4000000000x4000000000"), "{}", error);
        // 20,000 x 20,000 zeros; refused by the header, before they are unpacked.
        let mut png = png16(vec![0, 0]);
        png[16..24].copy_from_slice(&[0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20]);
        let mut crc = !0_u32;
        for &byte in &png[12..29] {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
            }
        }
        png[29..33].copy_from_slice(&(!crc).to_be_bytes());
        let error = read_bytes("large.png", &png).unwrap_err();
        assert!(error.to_string().contains("is a map of 20000x20000"), "{}", error);
    }

    #[test]
    fn a_truncated_map_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "cut").unwrap();
        let path = folder.path().join("cut.npy");
        let whole = std::fs::read(&path).unwrap();
        for len in 0..whole.len() {
            std::fs::write(&path, &whole[..len]).unwrap();
            assert!(read_map(&path).unwrap_err().to_string().contains("cut.npy"), "{len} bytes");
        }
    }

    #[test]
    fn an_id_cannot_leave_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let odd = ["../a", "a/../../b", "/a", "a//b", "a/", "..", ".", "", "a\\b", "c:a", "a\0"];
        for image_id in odd.into_iter().chain(["randomized/a"]) {
            assert!(write(folder.path(), image_id).is_err(), "{image_id}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn maps_lie_in_sub_folders_as_their_photos_do() {
        let folder = tempfile::tempdir().unwrap();
        for image_id in ["cat/001", "dog/001", "p.2"] {
            write(folder.path(), image_id).unwrap();
        }
        std::fs::create_dir_all(folder.path().join("randomized/01-fc")).unwrap();
        std::fs::write(folder.path().join("randomized/01-fc/p.2.npy"), "").unwrap();
        std::fs::write(folder.path().join("heatmaps.json"), "").unwrap();
        let found = list(folder.path()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["cat/001", "dog/001", "p.2"]);
        assert_eq!(found["cat/001"], folder.path().join("cat").join("001.npy"));
        image::RgbImage::new(2, 2).save(folder.path().join("cat/001.png")).unwrap();
        assert_eq!(list(folder.path()).unwrap(), found, "a picture of a map is no map");
        image::GrayImage::new(2, 2).save(folder.path().join("cat/001.png")).unwrap();
        let message = list(folder.path()).unwrap_err().to_string();
        assert!(message.contains("001.png") && message.contains("001.npy"), "{message}");
    }
}
