//! Eight simulated raters with habits of their own.

use super::disease::Disease;
use super::outline::{Pen, draw_instances};
use super::photo::{Doubt, Photo};
use super::scene::{Age, Site, Tone};
use crate::{Random, Reading};

const RATERS_PER_IMAGE: usize = 3;

/// What tells one rater from another.
pub(super) struct Rater {
    name: &'static str,
    /// Probability of the right diagnosis.
    reliability: f64,
    /// Factor on how readily a doubtful photo is discarded.
    severity: f64,
    pen: Pen,
}

const RATERS: [Rater; 8] = [
    Rater {
        name: "derm1",
        reliability: 0.925,
        severity: 1.3,
        pen: Pen::new(1.22, 0.010, 3, 0.80).merging(0.8),
    },
    Rater {
        name: "derm2",
        reliability: 0.955,
        severity: 0.9,
        pen: Pen::new(0.92, 0.000, 9, 0.92).overlooking(&["Scale", "Scar"]),
    },
    Rater {
        name: "derm3",
        reliability: 0.945,
        severity: 1.0,
        pen: Pen::new(1.06, 0.004, 5, 0.85).merging(0.3),
    },
    Rater {
        name: "derm4",
        reliability: 0.970,
        severity: 0.7,
        pen: Pen::new(0.98, 0.002, 9, 0.95).with_islands(),
    },
    Rater {
        name: "derm5",
        reliability: 0.950,
        severity: 1.2,
        pen: Pen::new(1.14, 0.006, 4, 0.75).overlooking(&["Closed comedo", "Sun damage", "Macule"]),
    },
    Rater {
        name: "derm6",
        reliability: 0.985,
        severity: 0.9,
        pen: Pen::new(1.02, 0.003, 7, 0.93).with_islands(),
    },
    Rater {
        name: "derm7",
        reliability: 0.960,
        severity: 1.1,
        pen: Pen::new(0.86, 0.000, 6, 0.82).overlooking(&["Papule", "Dermatoglyph disruption"]),
    },
    Rater {
        name: "derm8",
        reliability: 0.940,
        severity: 0.9,
        pen: Pen::new(1.10, 0.012, 3, 0.88).merging(0.6),
    },
];

/// The evaluations of three raters, drawn by lot, in the order of their names.
pub(super) fn evaluate(
    disease: &Disease,
    photo: &Photo,
    image_id: &str,
    random: &mut Random,
) -> Vec<Reading> {
    let mut panel: Vec<usize> = (0..RATERS.len()).collect();
    random.shuffle(&mut panel);
    panel.truncate(RATERS_PER_IMAGE);
    panel.sort_unstable();
    panel
        .into_iter()
        .map(|index| RATERS[index].evaluate(disease, photo, image_id, random))
        .collect()
}

impl Rater {
    fn evaluate(
        &self,
        disease: &Disease,
        photo: &Photo,
        image_id: &str,
        random: &mut Random,
    ) -> Reading {
        let is_discarded = random.chance(self.discard_probability(photo.doubt));
        let (has_opinion, has_outlines) =
            if is_discarded { (random.chance(0.38), random.chance(0.48)) } else { (true, true) };
        let diagnoses = if has_opinion { self.diagnose(disease, random) } else { Vec::new() };
        let discards =
            if is_discarded { discard_tags(photo, has_opinion, random) } else { Vec::new() };
        let regions = if has_outlines {
            draw_instances(&self.pen, &photo.findings, photo.size, random)
        } else {
            Vec::new()
        };
        Reading {
            classes: diagnoses,
            discards,
            tags: tags(photo, random),
            regions,
            needs_class: true,
            ..Reading::new(image_id, self.name, photo.size)
        }
    }

    fn discard_probability(&self, doubt: Doubt) -> f64 {
        match doubt {
            Doubt::Clear => 0.08 * self.severity,
            Doubt::Hard => 0.48 * self.severity,
            Doubt::Hopeless => 1.0,
        }
    }

    /// One diagnosis, rarely two, sorted.
    fn diagnose(&self, disease: &Disease, random: &mut Random) -> Vec<String> {
        const BOTH: f64 = 0.008;
        let mistake = random.pick(disease.mistaken_for).copied().unwrap_or(disease.name);
        let mut diagnoses = match random.unit() {
            p if p < BOTH => vec![disease.name, mistake],
            p if p < BOTH + (1.0 - BOTH) * self.reliability => vec![disease.name],
            _ => vec![mistake],
        };
        diagnoses.sort_unstable();
        diagnoses.into_iter().map(str::to_owned).collect()
    }
}

/// Why a photo is discarded; an evaluation without diagnosis counts as discarded without a tag.
fn discard_tags(photo: &Photo, has_opinion: bool, random: &mut Random) -> Vec<String> {
    if !has_opinion && random.chance(0.12) {
        return Vec::new();
    }
    let is_unsharp = if photo.is_blurred { random.chance(0.8) } else { random.chance(0.12) };
    let tag = if is_unsharp { "Low-quality" } else { "Other-disease" };
    vec![tag.to_owned()]
}

/// Characteristics that are tagged and not outlined, sorted.
fn tags(photo: &Photo, random: &mut Random) -> Vec<String> {
    let site: &[(&str, f64)] = match photo.site {
        Site::Face => &[("Seborrheic region", 0.55), ("Exposed areas", 0.35)],
        Site::Trunk => &[("Symmetrical", 0.1)],
        Site::Limb => &[("Extensor sites", 0.35), ("Exposed areas", 0.2)],
        Site::Palm => &[("Palmo-plantar distribution", 0.55), ("Acral distribution", 0.45)],
    };
    let age: &[(&str, f64)] = match photo.age {
        Age::Young => &[("Young", 0.5)],
        Age::Adult => &[],
        Age::Elderly => &[("Elderly", 0.6)],
    };
    let tone: &[(&str, f64)] = match photo.tone {
        Tone::Light => &[("Light skin", 0.35)],
        Tone::Medium => &[],
        Tone::Dark => &[("Dark skin", 0.6)],
    };
    let sex = if photo.female { ("Female", 0.12) } else { ("Male", 0.12) };
    let mut tags: Vec<String> = [site, age, tone, &[sex]]
        .into_iter()
        .flatten()
        .filter(|(_, probability)| random.chance(*probability))
        .map(|(tag, _)| (*tag).to_owned())
        .collect();
    tags.sort_unstable();
    tags
}
