//! Networks of timm that names and shapes do not tell apart.

use dermx_model::{Architecture, Computation, Naming, Padding};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How a network of timm computes.
#[derive(Deserialize)]
struct OfTimm {
    same: bool,
    epsilon: f64,
    blurs: bool,
}

#[test]
fn every_network_of_timm_with_our_names_is_computed_as_timm_does_or_refused() {
    let golden: BTreeMap<String, BTreeMap<String, OfTimm>> =
        serde_json::from_str(include_str!("networks.json")).expect("a golden");
    // Of the others timm has no second network with their names.
    assert_eq!(golden.len(), 13);
    let mut num_refused = 0;
    for (own, networks) in &golden {
        let architecture: Architecture = own.parse().expect("one of ours");
        let naming = match own.starts_with("resnet") {
            true => Naming::Torchvision,
            false => Naming::Timm,
        };
        for (name, timm) in networks {
            // timm names a network with the data that it was trained on, too.
            for claimed in [name.clone(), format!("{name}.in1k"), format!("timm/{name}.a1_in1k")] {
                match Computation::of(architecture, naming, Some(&claimed)) {
                    Ok(found) => {
                        assert!(!timm.blurs, "{claimed}");
                        assert_eq!(found.padding == Padding::Tf, timm.same, "{claimed}");
                        assert_eq!((found.epsilon, found.doubt), (timm.epsilon, None), "{claimed}");
                    }
                    Err(error) => {
                        assert!(
                            timm.blurs && error.to_string().contains(name),
                            "{claimed}: {error}"
                        );
                        num_refused += 1;
                    }
                }
            }
        }
        // Whoever does not say which it is hears of all others.
        let others: Vec<&String> = networks.keys().filter(|name| *name != own).collect();
        let found = Computation::of(architecture, naming, None).expect("is computed here");
        let doubt = found.doubt.unwrap_or_default();
        assert!(others.iter().all(|other| doubt.contains(other.as_str())), "{own}: {doubt}");
        assert_eq!(doubt.is_empty(), others.is_empty(), "{own}");
    }
    assert_eq!(num_refused, 3 * 4);
}
