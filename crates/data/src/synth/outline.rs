//! How a rater turns what is on a photo into outlined instances.

use super::blob::Redraw;
use super::canvas::distance;
use super::finding::{Finding, Lesion};
use crate::dermx::ontology::BASIC_TERMS;
use crate::{ImageSize, Random, Region, Ring};

/// A rater's way of outlining.
pub(super) struct Pen {
    /// Factor on the radius of every lesion.
    scale: f64,
    /// What is added to the radius, in sides of the photo.
    margin: f64,
    /// Bumps of a higher order are smoothed away.
    max_order: u32,
    /// Probability of noticing a lesion.
    detection: f64,
    /// Probability of drawing one line around neighbours.
    merging: f64,
    /// Whether islands of normal skin are cut out.
    has_islands: bool,
    /// Characteristics marked half as often as by the others.
    overlooked: &'static [&'static str],
}

/// An outline with its islands, and a circle around it.
struct Shape {
    rings: Vec<Ring>,
    center: [f64; 2],
    reach: f64,
}

impl Pen {
    pub(super) const fn new(scale: f64, margin: f64, max_order: u32, detection: f64) -> Self {
        Self {
            scale,
            margin,
            max_order,
            detection,
            merging: 0.0,
            has_islands: false,
            overlooked: &[],
        }
    }

    pub(super) const fn merging(self, merging: f64) -> Self {
        Self { merging, ..self }
    }

    pub(super) const fn with_islands(self) -> Self {
        Self { has_islands: true, ..self }
    }

    pub(super) const fn overlooking(self, overlooked: &'static [&'static str]) -> Self {
        Self { overlooked, ..self }
    }

    fn draw_term(&self, finding: &Finding, random: &mut Random) -> Option<&'static str> {
        let mut rest = random.unit();
        for &(term, probability) in finding.terms {
            rest -= probability * if self.overlooked.contains(&term) { 0.5 } else { 1.0 };
            if rest < 0.0 {
                return Some(term);
            }
        }
        None
    }

    /// The smaller a lesion, the more easily it is missed.
    fn notices(&self, lesion: &Lesion, side: f64, random: &mut Random) -> bool {
        let smallness = (0.03 * side / lesion.outline.radius).clamp(0.4, 1.6);
        !random.chance((1.0 - self.detection) * smallness)
    }

    fn draw_shape(&self, lesion: &Lesion, scale: f64, side: f64, random: &mut Random) -> Shape {
        let radius = lesion.outline.radius;
        let shift = [random.normal(0.0, 0.07 * radius), random.normal(0.0, 0.07 * radius)];
        let scale = scale * random.uniform(0.95, 1.05);
        let margin = self.margin * side;
        let how = Redraw { scale, margin, max_order: self.max_order, shift };
        let mut rings = vec![round(lesion.outline.ring(how))];
        if self.has_islands {
            let how = Redraw { margin: 0.0, ..how };
            rings.extend(lesion.islands.iter().map(|island| round(island.ring(how))));
        }
        Shape {
            rings,
            center: [lesion.outline.center[0] + shift[0], lesion.outline.center[1] + shift[1]],
            reach: lesion.outline.reach() * scale + 2.0 * margin,
        }
    }
}

/// The instances a rater outlines: usually one per finding, more where outlines overlap.
pub(super) fn draw_instances(
    pen: &Pen,
    findings: &[Finding],
    size: ImageSize,
    random: &mut Random,
) -> Vec<Region> {
    let side = (size.num_pixels() as f64).sqrt();
    let scale = pen.scale * random.uniform(0.88, 1.14);
    let mut instances = Vec::new();
    for finding in findings {
        let Some(term) = pen.draw_term(finding, random) else { continue };
        let mut shapes = Vec::new();
        for lesion in &finding.lesions {
            if pen.notices(lesion, side, random) {
                shapes.push(pen.draw_shape(lesion, scale, side, random));
            }
        }
        if random.chance(pen.merging) {
            shapes = merge_neighbours(shapes, 0.02 * side);
        }
        for rings in separate(shapes) {
            let attributes = draw_attributes(term, finding, random);
            instances.push(Region { attributes, ..Region::outlined(term, rings) });
        }
    }
    instances
}

fn draw_attributes(term: &str, finding: &Finding, random: &mut Random) -> Vec<String> {
    if !BASIC_TERMS.contains(&term) {
        return Vec::new();
    }
    let mut attributes = Vec::new();
    for &(attribute, probability) in finding.attributes {
        if random.chance(probability) {
            attributes.push(attribute.to_owned());
        }
    }
    attributes
}

/// Replaces shapes less than `gap` apart by the convex hull of them all.
fn merge_neighbours(shapes: Vec<Shape>, gap: f64) -> Vec<Shape> {
    let mut groups: Vec<Vec<Shape>> = Vec::new();
    for shape in shapes {
        let is_near =
            |other: &Shape| distance(shape.center, other.center) < shape.reach + other.reach + gap;
        let (near, far): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.iter().any(is_near));
        groups = far;
        let mut group: Vec<Shape> = near.into_iter().flatten().collect();
        group.push(shape);
        groups.push(group);
    }
    groups.into_iter().map(hull).collect()
}

fn hull(mut group: Vec<Shape>) -> Shape {
    if group.len() == 1 {
        return group.remove(0);
    }
    let points: Vec<[f64; 2]> =
        group.iter().filter_map(|shape| shape.rings.first()).flatten().copied().collect();
    let ring = convex_hull(points);
    let count = ring.len() as f64;
    let center = [0, 1].map(|axis| ring.iter().map(|point| point[axis]).sum::<f64>() / count);
    let reach = ring.iter().map(|&point| distance(point, center)).fold(0.0, f64::max);
    Shape { rings: vec![ring], center, reach }
}

/// Andrew's monotone chain.
fn convex_hull(mut points: Vec<[f64; 2]>) -> Ring {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let mut lower = half_hull(points.iter());
    let mut upper = half_hull(points.iter().rev());
    lower.pop();
    upper.pop();
    lower.extend(upper);
    lower
}

fn half_hull<'a>(points: impl Iterator<Item = &'a [f64; 2]>) -> Ring {
    let mut chain: Ring = Vec::new();
    for &point in points {
        while let [.., a, b] = chain[..] {
            let turn = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]);
            if turn > 0.0 {
                break;
            }
            chain.pop();
        }
        chain.push(point);
    }
    chain
}

/// Rings of one instance must not overlap (the even-odd rule would cut a hole), so overlapping
/// shapes go to different instances.
fn separate(shapes: Vec<Shape>) -> Vec<Vec<Ring>> {
    let mut layers: Vec<Vec<Shape>> = Vec::new();
    for shape in shapes {
        let is_clear =
            |other: &Shape| distance(shape.center, other.center) > shape.reach + other.reach;
        match layers.iter_mut().find(|layer| layer.iter().all(is_clear)) {
            Some(layer) => layer.push(shape),
            None => layers.push(vec![shape]),
        }
    }
    layers
        .into_iter()
        .map(|layer| layer.into_iter().flat_map(|shape| shape.rings).collect())
        .collect()
}

/// Hundredths of a pixel, as in the real files.
fn round(ring: Ring) -> Ring {
    ring.into_iter().map(|point| point.map(|value| (value * 100.0).round() / 100.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Shape, convex_hull, merge_neighbours, separate};

    /// A square of side 2 around `(x, y)`.
    fn square(x: f64, y: f64) -> Shape {
        let ring =
            vec![[x - 1.0, y - 1.0], [x + 1.0, y - 1.0], [x + 1.0, y + 1.0], [x - 1.0, y + 1.0]];
        Shape { rings: vec![ring], center: [x, y], reach: 1.5 }
    }

    #[test]
    fn the_hull_leaves_out_points_inside_and_on_an_edge() {
        let points = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [2.0, 0.0], [1.0, 3.0]];
        assert_eq!(convex_hull(points), [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]]);
    }

    #[test]
    fn only_neighbours_are_merged_also_through_a_third() {
        let shapes = vec![square(0.0, 0.0), square(6.0, 0.0), square(30.0, 0.0), square(3.0, 0.0)];
        let merged = merge_neighbours(shapes, 1.0);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[1].rings, [[[-1.0, -1.0], [7.0, -1.0], [7.0, 1.0], [-1.0, 1.0]]]);
    }

    #[test]
    fn overlapping_shapes_go_to_different_instances() {
        let layers = separate(vec![square(0.0, 0.0), square(1.0, 0.0), square(9.0, 0.0)]);
        assert_eq!(layers.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }
}
