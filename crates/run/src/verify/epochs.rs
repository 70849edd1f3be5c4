//! Which epochs are trained again.

use std::str::FromStr;

/// Which epochs of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Epochs {
    /// Every one.
    All,
    /// These, from 1.
    Some(Vec<u32>),
}

impl FromStr for Epochs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let epoch = |part: &str| part.trim().parse().ok().filter(|&epoch| epoch > 0);
        let epochs: Option<Vec<u32>> = text.split(',').map(epoch).collect();
        epochs.map(Self::Some).ok_or_else(|| "write 3, or 1,3, or all".to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Epochs;

    #[test]
    fn epochs_are_numbers_from_1_or_all() {
        assert_eq!("all".parse(), Ok(Epochs::All));
        assert_eq!("1, 3".parse(), Ok(Epochs::Some(vec![1, 3])));
        for wrong in ["", "0", "1;3", "-1", "none", "1,"] {
            assert!(wrong.parse::<Epochs>().is_err(), "{wrong}");
        }
    }
}
