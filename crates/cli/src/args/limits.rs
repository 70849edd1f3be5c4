//! Which numbers options take: those of the key that means the same, or a range of their own.

use clap::builder::{RangedU64ValueParser, TypedValueParser};
use dermx_run::config::read_option;
use dermx_sweep::MAX_LEASE_S;
use serde::de::DeserializeOwned;
use std::num::{NonZeroU64, NonZeroUsize};

/// The most units of work at once.
const MAX_JOBS: u64 = 1024;

/// What the key `path` of a configuration takes.
pub fn key<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    path: &'static str,
) -> impl TypedValueParser<Value = T> {
    move |text: &str| read_option::<T>(path, text)
}

/// Seeds: those that a configuration can hold.
pub fn seed() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(0..=i64::MAX.unsigned_abs())
}

/// Numbers from 1 to `last`.
pub fn up_to<T: TryFrom<u64> + Clone + Send + Sync + 'static>(last: u64) -> RangedU64ValueParser<T>
where
    T::Error: std::error::Error + Send + Sync,
{
    RangedU64ValueParser::new().range(1..=last)
}

/// Numbers from 0, which is none, to `last`.
pub fn none_or_up_to(last: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(0..=last)
}

/// How many units of work there are at once.
pub fn jobs() -> impl TypedValueParser<Value = NonZeroUsize> {
    up_to::<usize>(MAX_JOBS).try_map(NonZeroUsize::try_from)
}

/// Seconds that a claim holds.
pub fn lease() -> impl TypedValueParser<Value = NonZeroU64> {
    up_to::<u64>(MAX_LEASE_S).try_map(NonZeroU64::try_from)
}
