//! Which parameters a trial gets.

use crate::error::SearchError;
use crate::space::{Bounds, Domain, Params, Space};
use crate::trial::Trial;
use dermx_data::Random;
use optimizer::distribution::{
    CategoricalDistribution, Distribution, FloatDistribution, IntDistribution,
};
use optimizer::param::ParamValue;
use optimizer::parameter::ParamId;
use optimizer::sampler::{CompletedTrial, Sampler, TpeSampler};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

/// How the parameters of a trial are chosen; each is a function of the seed, the number of the trial
/// and, for TPE, the trials before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerName {
    /// Every point, in order.
    Grid,
    /// Points at random: none twice where there are ten million at most.
    Random,
    /// The tree-structured Parzen estimator: values that are more frequent in good trials than in
    /// others, one parameter at a time. The first ten trials are at random.
    ///
    /// # Source
    /// Bergstra et al., 2011,
    /// <https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization>; the crate
    /// `optimizer`.
    Tpe,
}

impl SamplerName {
    /// The parameters of trial `number`; `None` when every point has been tried.
    ///
    /// `history` are the earlier trials that may be known to it.
    pub(crate) fn suggest(
        self,
        space: &Space,
        seed: u64,
        number: usize,
        history: &[&Trial],
    ) -> Result<Option<Params>, SearchError> {
        match self {
            Self::Grid => Ok(space.point(number)),
            Self::Random => Ok(random(space, seed, number)),
            Self::Tpe => tpe(space, seed, number, history).map(Some),
        }
    }
}

/// So many points are put into a random order; of more, which fill memory, each is drawn anew.
const MAX_SHUFFLED: usize = 10_000_000;

fn random(space: &Space, seed: u64, number: usize) -> Option<Params> {
    if let Some(num_points) = space.num_points().filter(|&number| number <= MAX_SHUFFLED) {
        let mut order: Vec<usize> = (0..num_points).collect();
        Random::new(seed, "search order", 0, "").shuffle(&mut order);
        return space.point(*order.get(number)?);
    }
    let draw = |(name, choices): (&str, &Domain)| {
        let mut random = Random::new(seed, "search", number as u64, name);
        let value = match (choices, choices.bounds()) {
            (Domain::List(values), _) => random.pick(values).cloned().unwrap_or_default(),
            (_, Some(Bounds::Whole { low, high, log: false })) => {
                Value::from(low + random.below((high - low) as usize + 1) as i64)
            }
            (_, Some(Bounds::Whole { low, high, log: true })) => {
                let drawn = exp_between(low as f64, high as f64 + 1.0, random.unit()).floor();
                Value::from((drawn as i64).clamp(low, high))
            }
            (_, Some(Bounds::Real { low, high, log: false })) => {
                Value::from(random.uniform(low, high))
            }
            (_, Some(Bounds::Real { low, high, log: true })) => {
                Value::from(exp_between(low, high, random.unit()))
            }
            (_, None) => Value::Null,
        };
        (name.to_string(), value)
    };
    Some(space.parameters().map(draw).collect())
}

/// The value a `share` of the way from `low` to `high` by orders of magnitude.
fn exp_between(low: f64, high: f64, share: f64) -> f64 {
    (low * (high / low).powf(share)).clamp(low, high)
}

fn tpe(space: &Space, seed: u64, number: usize, history: &[&Trial]) -> Result<Params, SearchError> {
    let suggest = |(parameter_idx, (name, choices)): (usize, (&str, &Domain))| {
        let distribution = distribution(choices);
        // The sampler knows a parameter by its distribution alone and would confuse two lists of the
        // same length, so it sees one parameter at a time, and each with a seed of its own.
        let history: Vec<CompletedTrial> = history
            .iter()
            .filter_map(|trial| completed(trial, name, choices, &distribution))
            .collect();
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(parameter_idx as u64);
        let sampler = TpeSampler::builder().seed(seed).build();
        let sampler = sampler.map_err(|error| SearchError::setting(name, error.to_string()))?;
        let value = sampler.sample(&distribution, number as u64, &history);
        Ok((name.to_string(), from_crate(&value, choices)))
    };
    space.parameters().enumerate().map(suggest).collect()
}

fn distribution(choices: &Domain) -> Distribution {
    match (choices, choices.bounds()) {
        (_, Some(Bounds::Whole { low, high, log })) => {
            Distribution::Int(IntDistribution { low, high, log_scale: log, step: None })
        }
        (_, Some(Bounds::Real { low, high, log })) => {
            Distribution::Float(FloatDistribution { low, high, log_scale: log, step: None })
        }
        (Domain::List(values), None) => {
            Distribution::Categorical(CategoricalDistribution { n_choices: values.len() })
        }
        (Domain::Range { .. }, None) => {
            Distribution::Categorical(CategoricalDistribution { n_choices: 1 })
        }
    }
}

/// A trial with a score, as the crate wants it: it minimizes.
fn completed(
    trial: &Trial,
    name: &str,
    choices: &Domain,
    distribution: &Distribution,
) -> Option<CompletedTrial> {
    let value = to_crate(trial.params.get(name)?, choices, distribution)?;
    let id = ParamId::new();
    Some(CompletedTrial::new(
        trial.number as u64,
        HashMap::from([(id, value)]),
        HashMap::from([(id, distribution.clone())]),
        HashMap::new(),
        -trial.score()?,
    ))
}

fn to_crate(value: &Value, choices: &Domain, distribution: &Distribution) -> Option<ParamValue> {
    match (choices, distribution) {
        (Domain::List(values), _) => {
            values.iter().position(|known| known == value).map(ParamValue::Categorical)
        }
        (_, Distribution::Int(_)) => value.as_i64().map(ParamValue::Int),
        _ => value.as_f64().map(ParamValue::Float),
    }
}

fn from_crate(value: &ParamValue, choices: &Domain) -> Value {
    match (value, choices) {
        (ParamValue::Categorical(idx), Domain::List(values)) => {
            values.get(*idx).cloned().unwrap_or_default()
        }
        (ParamValue::Int(value), _) => Value::from(*value),
        (ParamValue::Float(value), _) => Value::from(*value),
        (ParamValue::Categorical(_), Domain::Range { .. }) => Value::Null,
    }
}
