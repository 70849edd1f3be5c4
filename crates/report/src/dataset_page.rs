//! A page about a data set: samples with what each rater outlined, counts, agreement.

use crate::error::ReportError;
use crate::page::RenderedReport;
use crate::template::{DATASET, Templates};
use base64::{Engine, engine::general_purpose::STANDARD};
use dermx_eval::NOTICE;
use dermx_table::Table;
use serde::Serialize;

/// What a page about a data set shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DatasetPage {
    /// Heading of the page.
    pub title: String,
    /// What is known of the data set, each with what it is.
    pub facts: Vec<(String, String)>,
    /// The raters with the colors of their outlines.
    pub raters: Vec<RaterColor>,
    /// How the samples were chosen.
    pub choice: String,
    /// Samples of each class.
    pub samples: Vec<SampleGroup>,
    /// How many images, readings and labels there are.
    pub counts: Vec<Table>,
    /// How far raters agree.
    pub agreement: Vec<Table>,
    /// What else is to be known.
    pub notes: Vec<String>,
}

/// A rater and the color of the outlines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RaterColor {
    /// The rater.
    pub name: String,
    /// The color as `#rrggbb`.
    pub color: String,
}

/// Samples of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleGroup {
    /// The class.
    pub class: String,
    /// The number of its images.
    pub num_images: usize,
    /// Some of them.
    pub samples: Vec<Sample>,
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// Its id.
    pub image_id: String,
    /// The photo as a JPEG file, where there is one.
    pub photo_jpeg: Option<Vec<u8>>,
    /// The photo with the outlines, or the outlines alone; none where nobody marked anything.
    pub outlines_jpeg: Option<Vec<u8>>,
    /// What raters said of it.
    pub said: Vec<Said>,
}

/// What a rater said of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The rater.
    pub rater: String,
    /// The color of the outlines as `#rrggbb`.
    pub color: String,
    /// Classes and concepts, in words.
    pub text: String,
}

#[derive(Serialize)]
struct Context<'a> {
    title: &'a str,
    notice: &'static str,
    facts: &'a [(String, String)],
    raters: &'a [RaterColor],
    choice: &'a str,
    samples: Vec<Group<'a>>,
    counts: Vec<String>,
    agreement: Vec<String>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Group<'a> {
    class: &'a str,
    num_images: usize,
    samples: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    image_id: &'a str,
    photo: Option<String>,
    outlines: Option<String>,
    said: &'a [Said],
}

impl<'a> From<&'a SampleGroup> for Group<'a> {
    fn from(group: &'a SampleGroup) -> Self {
        let SampleGroup { class, num_images, samples } = group;
        Self { class, num_images: *num_images, samples: samples.iter().map(Item::from).collect() }
    }
}

impl<'a> From<&'a Sample> for Item<'a> {
    fn from(sample: &'a Sample) -> Self {
        let Sample { image_id, photo_jpeg, outlines_jpeg, said } = sample;
        let [photo, outlines] = [photo_jpeg, outlines_jpeg]
            .map(|jpeg| jpeg.as_ref().map(|bytes| STANDARD.encode(bytes)));
        Self { image_id, photo, outlines, said }
    }
}

/// The files of the page: `index.html`, one self-contained page that fetches nothing and has no script, and
/// `tables/*.csv`.
///
/// # Errors
/// A template that does not fit its values.
pub fn render_dataset(page: &DatasetPage) -> Result<RenderedReport, ReportError> {
    let html = |tables: &[Table]| tables.iter().map(Table::html).collect();
    let context = Context {
        title: &page.title,
        notice: NOTICE,
        facts: &page.facts,
        raters: &page.raters,
        choice: &page.choice,
        samples: page.samples.iter().map(Group::from).collect(),
        counts: html(&page.counts),
        agreement: html(&page.agreement),
        notes: &page.notes,
    };
    let text = Templates::new()?.render(DATASET, &context)?;
    let tables = page.counts.iter().chain(&page.agreement);
    let tables = tables.map(|table| (format!("tables/{}.csv", table.name), table.csv()));
    let page = ("index.html".to_owned(), text.into_bytes());
    Ok(RenderedReport { files: std::iter::once(page).chain(tables).collect() })
}

#[cfg(test)]
mod tests {
    use super::{DatasetPage, RaterColor, Said, Sample, SampleGroup, render_dataset};
    use dermx_table::{Column, Table};

    const ODD: &str = "<img src=x onerror=alert(1)>";

    fn page() -> DatasetPage {
        let mut counts =
            Table::new("images", "Images", [Column::text("class"), Column::count("n")]);
        counts.push([ODD.into(), 7usize.into()]);
        let red = || "#d55e00".to_owned();
        let said = Said { rater: "ann".into(), color: red(), text: format!("marked {ODD}") };
        let sample = Sample {
            image_id: "cats/001".into(),
            photo_jpeg: Some(vec![1, 2, 3]),
            outlines_jpeg: Some(vec![4, 5, 6]),
            said: vec![said],
        };
        let group = SampleGroup { class: "Acne".into(), num_images: 7, samples: vec![sample] };
        DatasetPage {
            title: "Moles".into(),
            facts: vec![("Images".into(), "7".into())],
            raters: vec![RaterColor { name: "ann".into(), color: red() }],
            choice: "The first of each class.".into(),
            samples: vec![group],
            counts: vec![counts],
            agreement: Vec::new(),
            notes: vec!["A note.".into()],
        }
    }

    #[test]
    fn everything_is_on_the_page_and_nothing_of_others_is_markup() {
        let files = render_dataset(&page()).unwrap().files;
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["index.html", "tables/images.csv"]);
        let html = String::from_utf8(files[0].1.clone()).unwrap();
        let parts = [
            "<h1>Moles</h1>",
            "The first of each class.",
            "cats&#x2f;001",
            "7 images",
            "#d55e00",
            "marked &lt;img",
            "data:image/jpeg;base64,AQID",
            "data:image/jpeg;base64,BAUG",
            "A note.",
            "Research",
        ];
        for part in parts {
            assert!(html.contains(part), "no `{part}` in {html}");
        }
        assert!(!html.contains(ODD) && !html.contains("<script"), "{html}");
        assert!(!html.contains("href=\"#agreement\""), "no link to a section that there is not");
    }

    #[test]
    fn labels_alone_make_a_page_without_samples_raters_and_agreement() {
        let page =
            DatasetPage { samples: Vec::new(), raters: Vec::new(), notes: Vec::new(), ..page() };
        let files = render_dataset(&page).unwrap().files;
        let html = String::from_utf8(files[0].1.clone()).unwrap();
        for part in ["id=\"samples\"", "class=\"legend\"", "id=\"agreement\"", "Notes"] {
            assert!(!html.contains(part), "{part}: {html}");
        }
    }
}
