//! The order of rows that have names.

use std::collections::BTreeMap;

/// Items by name: in the order of numbers where all names are numbers, and else of letters.
///
/// ```
/// use std::collections::BTreeMap;
///
/// let ages = BTreeMap::from([("100", 1), ("9", 2), ("20", 3)].map(|(age, num)| (age.to_string(), num)));
/// let names: Vec<&String> = dermx_table::by_name(&ages).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["9", "20", "100"]);
/// ```
pub fn by_name<T>(items: &BTreeMap<String, T>) -> Vec<(&String, &T)> {
    let mut items: Vec<(&String, &T)> = items.iter().collect();
    let number = |name: &String| name.parse::<f64>().ok().filter(|number| number.is_finite());
    let is_named = |name: &&String| !name.is_empty();
    if items.iter().map(|(name, _)| *name).filter(is_named).all(|name| number(name).is_some()) {
        items.sort_by(|(one, _), (other, _)| {
            number(one).partial_cmp(&number(other)).unwrap_or(std::cmp::Ordering::Equal)
        });
    }
    items
}
