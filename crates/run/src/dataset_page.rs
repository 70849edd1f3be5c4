//! The page about a data set: what its raters outlined, and how far they agree.

use crate::agreement_tables::all_tables;
use crate::error::{RunError, RunResult};
use crate::gallery::jpeg_of;
use crate::photos::photos;
use dermx_agreement::{DatasetTables, Options};
use dermx_data::{
    Dataset, Description, Image, ImageSize, Mask, Reading, Selection, read_photo, resize,
    write_atomic,
};
use dermx_gradcam::draw_outlines;
use dermx_report::{DatasetPage, RaterColor, Said, Sample, SampleGroup, render_dataset};
use dermx_table::{Cell, Column, Kind, Table};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of the page below that of the outputs.
pub const PAGE_FOLDER: &str = "report";

/// Width of the pictures in pixels.
const WIDTH_PX: u32 = 480;

/// The most samples on a page that has more classes than samples of each would allow; each class has one.
const MAX_SAMPLES: usize = 60;

/// The most raters with a column of their own.
const MAX_RATERS: usize = 12;

/// Colors of raters: seven that most people tell apart (Okabe and Ito, 2008), and three more; even more raters take
/// them again.
const COLORS: [[u8; 3]; 10] = [
    [213, 94, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [204, 121, 167],
    [0, 114, 178],
    [230, 159, 0],
    [255, 255, 255],
    [150, 75, 255],
    [130, 80, 40],
];

/// What the outlines of an image without a photo are drawn on.
const PAPER: u8 = 96;

/// Images without a class, and of several, as classes of their own.
const NO_CLASS: &str = "no gold class";
const SEVERAL_CLASSES: &str = "several gold classes";

/// What the page shows of a data set.
#[derive(Debug)]
pub struct DatasetReport<'a> {
    /// The data set.
    pub dataset: &'a Dataset,
    /// Its counts.
    pub description: &'a Description,
    /// The folder of its photos; without, where the data set says that they are.
    pub images: Option<&'a Path>,
    /// Number of samples of each class.
    pub num_samples: usize,
}

/// Whether [`DatasetReport::write`] writes the file of this name below its folder.
pub fn is_dataset_report(path: &Path) -> bool {
    path.starts_with(PAGE_FOLDER)
}

impl DatasetReport<'_> {
    /// Writes the page below the folder `out`; its path.
    ///
    /// # Errors
    /// Photos that cannot be read, a folder that cannot be written to.
    pub fn write(&self, out: &Path) -> RunResult<PathBuf> {
        let folder = out.join(PAGE_FOLDER);
        for (name, bytes) in render_dataset(&self.page()?)?.files {
            let path = folder.join(name);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| RunError::io(folder, &error))?;
            }
            write_atomic(&path, &bytes)?;
        }
        Ok(folder.join("index.html"))
    }

    fn page(&self) -> RunResult<DatasetPage> {
        let (dataset, description) = (self.dataset, self.description);
        let photos = photos(dataset, self.images)?;
        let colors = rater_colors(dataset);
        let samples = self.samples(&photos, &colors)?;
        let rater = |(name, color): (&&str, &[u8; 3])| RaterColor {
            name: (*name).to_owned(),
            color: hex(*color),
        };
        let num = |number: usize| number.to_string();
        let facts = [
            ("Images", num(description.num_images)),
            ("Photos found", num(photos.len())),
            ("Classes", num(dataset.schema().classes.len())),
            ("Raters", num(description.raters.len())),
            ("Readings", num(description.counts.evaluations)),
            ("Concepts", num(dataset.schema().concepts.len())),
            ("Folder", dataset.root().display().to_string()),
            ("Hash of the annotations", dataset.content_hash().to_string()),
        ];
        let selected = dataset.clone().select(Selection::default());
        let tables = all_tables(&DatasetTables::new(&selected, &Options::default())?, &selected);
        let is_count = |table: &Table| {
            table.columns.iter().all(|column| !matches!(column.kind, Kind::Score { .. }))
        };
        let (counts, agreement): (Vec<Table>, Vec<Table>) = tables.into_iter().partition(is_count);
        let own = [by_rater(dataset), by_concept(dataset)];
        let counts = counts.into_iter().chain(own).filter(|table| !table.rows.is_empty());
        Ok(DatasetPage {
            title: format!("The data set {}", description.name),
            facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
            raters: match dataset.readings().iter().any(|one| !one.regions.is_empty()) {
                true => colors.iter().map(rater).collect(),
                false => Vec::new(),
            },
            choice: "Of each class the images in which most raters marked something; where as many did, the first \
                     by their ids. First the photo, then what each rater outlined in it."
                .to_owned(),
            samples,
            counts: counts.collect(),
            agreement,
            notes: notes(dataset, photos.len()),
        })
    }

    /// Samples of each class, in the order of the classes.
    fn samples(
        &self,
        photos: &BTreeMap<&str, PathBuf>,
        colors: &BTreeMap<&str, [u8; 3]>,
    ) -> RunResult<Vec<SampleGroup>> {
        let groups = groups(self.dataset);
        let num_samples = self.num_samples.min((MAX_SAMPLES / groups.len().max(1)).max(1));
        let mut shown = Vec::new();
        for (class, images) in groups {
            let num_marked = |image: &Image| {
                let readings = self.dataset.readings_of(&image.image_id).iter();
                readings.filter(|one| one.inside().next().is_some()).count()
            };
            let is_seen = |image: &&&Image| {
                photos.contains_key(image.image_id.as_str()) || num_marked(image) > 0
            };
            let mut chosen: Vec<&Image> = images.iter().filter(is_seen).copied().collect();
            // Those of as many raters keep the order of their ids.
            chosen.sort_by_key(|image| std::cmp::Reverse(num_marked(image)));
            chosen.truncate(num_samples);
            let samples: Vec<RunResult<Sample>> =
                chosen.par_iter().map(|image| self.sample(image, photos, colors)).collect();
            let samples = samples.into_iter().collect::<RunResult<Vec<Sample>>>()?;
            if !samples.is_empty() {
                shown.push(SampleGroup { class, num_images: images.len(), samples });
            }
        }
        Ok(shown)
    }

    fn sample(
        &self,
        image: &Image,
        photos: &BTreeMap<&str, PathBuf>,
        colors: &BTreeMap<&str, [u8; 3]>,
    ) -> RunResult<Sample> {
        let image_id = image.image_id.as_str();
        let readings = self.dataset.readings_of(image_id);
        let color = |rater: &str| colors.get(rater).copied().unwrap_or(COLORS[0]);
        let photo = photos.get(image_id).map(|path| read_photo(path)).transpose()?;
        let seen = photo.as_ref().map(|photo| ImageSize::new(photo.height(), photo.width()));
        let size = seen.or(readings.first().map(|one| one.size)).map(shown_size);
        let Some(size) = size else { return Ok(Sample::default()) };
        let shown = photo.map(|photo| resize(&photo, size).into_raw());
        let mut masks = Vec::new();
        for one in readings {
            let mask = self.dataset.union_mask(one)?;
            masks.extend(
                mask.map(|mask: Mask| (mask.resize_nearest(size).to_dense(), color(&one.rater))),
            );
        }
        let paper = || vec![PAPER; 3 * size.num_pixels()];
        let outlines = (!masks.is_empty()).then(|| {
            let below = shown.clone().unwrap_or_else(paper);
            jpeg_of(&draw_outlines(&below, &masks, size.width as usize), size)
        });
        let said = readings.iter().map(|one| Said {
            rater: one.rater.clone(),
            color: hex(color(&one.rater)),
            text: said(one),
        });
        Ok(Sample {
            image_id: image_id.to_owned(),
            photo_jpeg: shown.map(|pixels| jpeg_of(&pixels, size)).transpose()?,
            outlines_jpeg: outlines.transpose()?,
            said: said.collect(),
        })
    }
}

/// What is to be known of the page and of how the data set was read.
fn notes(dataset: &Dataset, num_photos: usize) -> Vec<String> {
    let num_images = dataset.images().len();
    let missing = (num_photos < num_images).then(|| {
        format!(
            "Photos of {} of {num_images} images were not found; what raters outlined in them is drawn on gray. \
             --images names the folder of the photos.",
            num_images - num_photos
        )
    });
    let found = dataset.notes().iter();
    let found = found.map(|one| format!("{}: {}", one.path.display(), one.message));
    missing.into_iter().chain(found).collect()
}

/// The size of a picture of an image of `size`.
fn shown_size(size: ImageSize) -> ImageSize {
    let height = u64::from(WIDTH_PX) * u64::from(size.height) / u64::from(size.width.max(1));
    // A strip is cut to a picture that a page can show.
    ImageSize::new(height.clamp(1, u64::from(4 * WIDTH_PX)) as u32, WIDTH_PX)
}

/// The images of each class in the order of the classes, then those of several and of none.
fn groups(dataset: &Dataset) -> Vec<(String, Vec<&Image>)> {
    let classes = dataset.schema().classes.iter().map(String::as_str);
    let names: Vec<&str> = classes.chain([SEVERAL_CLASSES, NO_CLASS]).collect();
    let mut groups: Vec<(String, Vec<&Image>)> =
        names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
    for image in dataset.images() {
        let name = match image.gold.as_slice() {
            [] => NO_CLASS,
            [class] => class,
            _ => SEVERAL_CLASSES,
        };
        if let Some((_, images)) = groups.iter_mut().find(|(group, _)| group == name) {
            images.push(image);
        }
    }
    groups.retain(|(_, images)| !images.is_empty());
    groups
}

/// The color of each rater, the same in all pictures of the data set.
pub fn rater_colors(dataset: &Dataset) -> BTreeMap<&str, [u8; 3]> {
    dataset.raters().into_iter().zip(COLORS.into_iter().cycle()).collect()
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// What a rater said of an image, in words.
fn said(one: &Reading) -> String {
    let list = |labels: Vec<&str>| labels.join(", ");
    let labels = |labels: &[String]| list(labels.iter().map(String::as_str).collect());
    let mut parts = Vec::new();
    if !one.classes.is_empty() {
        parts.push(labels(&one.classes));
    }
    if !one.regions.is_empty() {
        parts.push(format!("marked {}", list(one.concepts().into_iter().collect())));
    }
    if !one.tags.is_empty() {
        parts.push(format!("tagged {}", labels(&one.tags)));
    }
    if one.is_discarded() {
        let why =
            if one.discards.is_empty() { "no class".to_owned() } else { labels(&one.discards) };
        parts.push(format!("discarded ({why})"));
    }
    if parts.is_empty() { "nothing to see".to_owned() } else { parts.join("; ") }
}

/// Readings, and what they say, of each rater.
fn by_rater(dataset: &Dataset) -> Table {
    let counts = ["readings", "accepted", "discarded", "images_marked", "regions"];
    let counts = counts.map(|name| Column::count(name).label(name.replace('_', " ")));
    let columns = std::iter::once(Column::text("rater")).chain(counts);
    let mut table = Table::new("raters", "Readings of each rater", columns);
    for rater in dataset.raters() {
        let own: Vec<&Reading> =
            dataset.readings().iter().filter(|one| one.rater == rater).collect();
        let count = |is: fn(&Reading) -> bool| own.iter().filter(|one| is(one)).count();
        table.push([
            rater.into(),
            own.len().into(),
            count(Reading::is_accepted).into(),
            count(Reading::is_discarded).into(),
            count(|one| !one.regions.is_empty()).into(),
            own.iter().map(|one| one.regions.len()).sum::<usize>().into(),
        ]);
    }
    table
}

/// In how many images each rater marked or said each concept; of many raters, in how many readings it was.
fn by_concept(dataset: &Dataset) -> Table {
    let raters: Vec<&str> = dataset.raters().into_iter().collect();
    let raters = if raters.len() > MAX_RATERS { Vec::new() } else { raters };
    let columns = [Column::text("concept"), Column::count("readings")];
    let columns = columns.into_iter().chain(raters.iter().map(|rater| Column::count(rater)));
    let title = "Readings with each concept, of all raters and of each";
    let mut table = Table::new("concepts", title, columns);
    for concept in &dataset.schema().concepts {
        let with: Vec<&Reading> =
            dataset.readings().iter().filter(|one| one.has(&concept.name)).collect();
        let of =
            |rater: &&str| -> Cell { with.iter().filter(|one| one.rater == *rater).count().into() };
        let cells = [(&concept.name).into(), with.len().into()];
        table.push(cells.into_iter().chain(raters.iter().map(of)));
    }
    table
}
