//! What is searched: the values that each parameter may take.

use crate::error::SearchError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The values that a trial gives to the parameters, by name.
pub type Params = BTreeMap<String, Value>;

/// The values that one parameter may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Domain {
    /// Any of a list.
    List(Vec<Value>),
    /// Any number between two, both included; whole numbers if both are.
    Range {
        /// The smallest.
        low: Value,
        /// The largest.
        high: Value,
        /// Whether each order of magnitude is as likely, instead of each number.
        #[serde(default)]
        log: bool,
    },
}

/// The parameters of a search by name, with what they may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space(BTreeMap<String, Domain>);

/// A range in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bounds {
    Whole { low: i64, high: i64, log: bool },
    Real { low: f64, high: f64, log: bool },
}

impl Domain {
    /// The bounds of a range.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        let Self::Range { low, high, log } = self else { return None };
        Some(match (low.as_i64(), high.as_i64()) {
            (Some(low), Some(high)) => Bounds::Whole { low, high, log: *log },
            _ => Bounds::Real { low: low.as_f64()?, high: high.as_f64()?, log: *log },
        })
    }

    /// Values to try a configuration with: every one of a list, the ends of a range.
    pub fn examples(&self) -> Vec<&Value> {
        match self {
            Self::List(values) => values.iter().collect(),
            Self::Range { low, high, .. } => vec![low, high],
        }
    }

    fn check(&self, name: &str) -> Result<(), SearchError> {
        let error = |message: &str| Err(SearchError::setting(name, message));
        match self {
            Self::List(values) if values.is_empty() => error("is a list of nothing"),
            Self::List(values) if values.contains(&Value::Null) => {
                error("lists a value that is not finite")
            }
            Self::List(values) => {
                match values.iter().enumerate().find(|(idx, value)| values[..*idx].contains(value))
                {
                    Some((_, value)) => error(&format!("lists {value} twice")),
                    None => Ok(()),
                }
            }
            Self::Range { log, .. } => match self.bounds() {
                None => error("is a range whose ends are not numbers"),
                Some(bounds) if !bounds.is_ordered() => {
                    error("is a range whose `low` is not below its `high`")
                }
                Some(bounds) if bounds.is_too_wide() => {
                    error("is a range of more whole numbers than 64 bits count")
                }
                Some(bounds) if *log && !bounds.is_positive() => {
                    error("is a logarithmic range that does not begin above 0")
                }
                Some(_) => Ok(()),
            },
        }
    }
}

impl Bounds {
    fn is_ordered(self) -> bool {
        match self {
            Self::Whole { low, high, .. } => low < high,
            Self::Real { low, high, .. } => low < high,
        }
    }

    fn is_too_wide(self) -> bool {
        matches!(self, Self::Whole { low, high, .. } if high.checked_sub(low).is_none())
    }

    fn is_positive(self) -> bool {
        match self {
            Self::Whole { low, .. } => low > 0,
            Self::Real { low, .. } => low > 0.0,
        }
    }
}

impl Space {
    /// A space of at least one parameter.
    ///
    /// # Errors
    /// None, an empty list, a value that is listed twice, or a range that is none.
    pub fn new(parameters: BTreeMap<String, Domain>) -> Result<Self, SearchError> {
        if parameters.is_empty() {
            return Err(SearchError::setting("search.space", "names no parameter"));
        }
        for (name, choices) in &parameters {
            choices.check(name)?;
        }
        Ok(Self(parameters))
    }

    /// The parameters in the order of their names.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Domain)> {
        self.0.iter().map(|(name, choices)| (name.as_str(), choices))
    }

    /// Number of points; `None` with a range, or beyond what can be counted.
    pub fn num_points(&self) -> Option<usize> {
        self.0.values().try_fold(1_usize, |product, choices| match choices {
            Domain::List(values) => product.checked_mul(values.len()),
            Domain::Range { .. } => None,
        })
    }

    /// Point `point_idx` of the grid, the last parameter changing fastest; `None` beyond the last.
    pub fn point(&self, point_idx: usize) -> Option<Params> {
        if point_idx >= self.num_points()? {
            return None;
        }
        let mut rest = point_idx;
        let mut params = Params::new();
        for (name, choices) in self.0.iter().rev() {
            let Domain::List(values) = choices else { return None };
            params.insert(name.clone(), values[rest % values.len()].clone());
            rest /= values.len();
        }
        Some(params)
    }
}
