//! Numbers of JSON, named in plain words where something else is found.

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::fmt;

/// A number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub f64);

/// A whole number of pixels, also where it is written as `480.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pixels(pub u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
        Ok(Number(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }
}

impl<'de> Deserialize<'de> for Pixels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u32(PixelsVisitor)
    }
}

struct PixelsVisitor;

impl Visitor<'_> for PixelsVisitor {
    type Value = Pixels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of pixels")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Pixels, E> {
        let pixels = value.try_into().map(Pixels);
        pixels.map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Pixels, E> {
        let pixels = value.try_into().map(Pixels);
        pixels.map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Pixels, E> {
        match value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value) {
            true => Ok(Pixels(value as u32)),
            false => Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
    }
}
