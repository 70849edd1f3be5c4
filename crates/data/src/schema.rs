//! The words of a data set: its classes, concepts and other labels.

/// The words of a data set, and what its study makes of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// What reports call the data set.
    pub name: String,
    /// The gold classes, in the order of matrices.
    pub classes: Vec<String>,
    /// Labels that take a reading out of every table.
    pub discards: Vec<String>,
    /// What raters mark or tag, in the order of tables.
    pub concepts: Vec<Concept>,
    /// Adjectives of regions.
    pub region_attributes: Vec<String>,
    /// Names of the attributes of images, in the order of tables.
    pub image_attributes: Vec<String>,
    /// Other spellings, each before the one that is used.
    pub spellings: Vec<[String; 2]>,
    /// Whether raters name a class of each image, so that a reading without one counts in no table.
    pub raters_name_classes: bool,
    /// The study whose tables the data set has, if any.
    pub study: Option<Study>,
}

/// Names of rows that tables have beside the concepts: all that a rater marked, and the diagnosis.
pub const RESERVED_NAMES: [&str; 2] = ["Union", "Diagnosis"];

/// Something that raters mark, or tag as present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concept {
    /// Its name.
    pub name: String,
    /// The group it stands in; may be empty.
    pub group: String,
    /// Whether it is marked in the image rather than said of the whole of it.
    pub is_localisable: bool,
    /// Whether tables have it only where a reading has.
    pub is_optional: bool,
}

/// A study with tables of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Study {
    /// DermX: Jalaboi et al., 2021.
    Dermx,
}

/// What a label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// A class.
    Class,
    /// The reading counts nowhere.
    Discard,
    /// A concept.
    Concept,
    /// An adjective of a region.
    Attribute,
}

impl Schema {
    /// The kind of `label`, or `None` when the schema does not have it.
    pub fn kind_of(&self, label: &str) -> Option<LabelKind> {
        let has = |labels: &[String]| labels.iter().any(|one| one == label);
        if has(&self.classes) {
            Some(LabelKind::Class)
        } else if has(&self.discards) {
            Some(LabelKind::Discard)
        } else if self.concept(label).is_some() {
            Some(LabelKind::Concept)
        } else {
            has(&self.region_attributes).then_some(LabelKind::Attribute)
        }
    }

    /// A concept with one of the [`RESERVED_NAMES`], which would be taken for that row.
    pub fn reserved_name(&self) -> Option<&str> {
        let names = self.concepts.iter().map(|concept| concept.name.as_str());
        names.into_iter().find(|name| RESERVED_NAMES.contains(name))
    }

    /// The concept of this name.
    pub fn concept(&self, name: &str) -> Option<&Concept> {
        self.concepts.iter().find(|concept| concept.name == name)
    }

    /// The usual spelling of `label`, or `None` when it is no known other spelling of a label.
    pub fn usual_spelling(&self, label: &str) -> Option<&str> {
        self.spellings.iter().find(|[other, _]| other == label).map(|[_, usual]| usual.as_str())
    }

    /// Every label.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let concepts = self.concepts.iter().map(|concept| &concept.name);
        let labels = self.classes.iter().chain(&self.discards).chain(concepts);
        labels.chain(&self.region_attributes).map(String::as_str)
    }
}
