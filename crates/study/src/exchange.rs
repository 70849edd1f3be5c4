//! Two classes whose predictions are counted as each other's, as in the study's published runs.

/// `class`, or the other one of `pair` if it is one of them.
pub fn exchanged<'a>(pair: Option<&'a [String; 2]>, class: &'a str) -> &'a str {
    match pair {
        Some([one, other]) if one == class => other,
        Some([one, other]) if other == class => one,
        _ => class,
    }
}

#[cfg(test)]
mod tests {
    use super::exchanged;

    #[test]
    fn the_two_classes_change_places_and_the_others_stay() {
        let pair = ["Viral warts".to_string(), "Vitiligo".to_string()];
        let of = |class| exchanged(Some(&pair), class);
        assert_eq!(
            ["Acne", "Viral warts", "Vitiligo"].map(of),
            ["Acne", "Vitiligo", "Viral warts"]
        );
        assert_eq!(exchanged(None, "Vitiligo"), "Vitiligo");
    }
}
