//! From the records of single networks to one record over seeds.

use crate::parts::join_parts;
use crate::{
    Calibrated, Certainty, ClassScores, Collapse, ComplexityMeans, ConfusionMatrix,
    CountedConfusions, DiagnosisScores, EvalError, EvalRecord, FaithfulnessScores, Identification,
    LabelRecord, MapScores, MapTable, MassShares, NOTICE, RandomizedScores, RankingScores,
    RelativeScores, RobustnessScores, Schema, Score, collapse,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// Joins the records of networks that differ in nothing but the seed.
///
/// Every score becomes one over the seeds ([`Score::over_seeds`]), confusion matrices are listed
/// in the order of the records.
///
/// # Errors
/// When there is no record, a record is not of exactly one seed, a seed comes twice, or two
/// records differ in data set, classes, scoring, rows of a table, or number of scored images and masks.
pub fn aggregate(records: &[EvalRecord]) -> Result<EvalRecord, EvalError> {
    let Some(first) = records.first() else {
        return Err(EvalError::new("records", "found none, expected one for each seed"));
    };
    let seeds = single_seeds(records)?;
    let join = Join { seeds: &seeds };
    join.expect_same("dataset", &each(records, |record| &record.dataset))?;
    join.expect_same("classes", &each(records, |record| &record.classes))?;
    for key in records.iter().flat_map(|record| record.scoring.keys()).collect::<BTreeSet<_>>() {
        join.expect_same(
            &format!("scoring.{key}"),
            &each(records, |record| record.scoring.get(key)),
        )?;
    }
    let baselines = each(records, |record| &record.baselines);
    Ok(EvalRecord {
        schema: Schema,
        notice: NOTICE.into(),
        dataset: first.dataset.clone(),
        classes: first.classes.clone(),
        diagnosis: join.diagnosis(&each(records, |record| record.diagnosis.as_ref()))?,
        labels: LabelRecord::over_seeds(&each(records, |record| record.labels.as_ref()))?,
        explanation: join.map_table("explanation", &each(records, |record| &record.explanation))?,
        baselines: join
            .rows("baselines", &baselines, |place, tables| join.map_table(place, tables))?,
        ceiling: join.map_table("ceiling", &each(records, |record| &record.ceiling))?,
        // Needs single images.
        leads: BTreeMap::new(),
        skill: join.skill_table(&each(records, |record| &record.skill))?,
        randomization: join.randomization(&each(records, |record| &record.randomization))?,
        faithfulness: join.faithfulness(&each(records, |record| &record.faithfulness))?,
        robustness: join.robustness(&each(records, |record| &record.robustness))?,
        identification: join.identification(&each(records, |record| &record.identification))?,
        by: join
            .rows("by", &each(records, |record| &record.by), |_, parts| Ok(join_parts(parts)))?,
        complexity: join.complexity(&each(records, |record| record.complexity.as_ref()))?,
        // Needs single images: `f1_regression` makes it.
        regression: None,
        comparisons: Vec::new(),
        scoring: first.scoring.clone(),
        seeds,
    })
}

/// The seeds whose networks show signs of collapse.
fn collapsed(matrices: &[CountedConfusions]) -> Result<BTreeMap<u64, Vec<Collapse>>, EvalError> {
    let mut collapsed = BTreeMap::new();
    for CountedConfusions { seed, counts, .. } in matrices {
        let signs = collapse(&ConfusionMatrix::from_rows(counts.clone())?);
        collapsed.extend(seed.filter(|_| !signs.is_empty()).map(|seed| (seed, signs)));
    }
    Ok(collapsed)
}

fn each<'a, T>(records: &'a [EvalRecord], part: impl Fn(&'a EvalRecord) -> T) -> Vec<T> {
    records.iter().map(part).collect()
}

fn single_seeds(records: &[EvalRecord]) -> Result<Vec<u64>, EvalError> {
    let mut seeds = Vec::new();
    for (record_idx, record) in records.iter().enumerate() {
        match record.seeds[..] {
            [seed] if !seeds.contains(&seed) => seeds.push(seed),
            ref found => {
                let message =
                    format!("found {found:?}, expected one seed that is not in {seeds:?}");
                return Err(EvalError::new(format!("record {record_idx}: seeds"), message));
            }
        }
    }
    Ok(seeds)
}

/// Joins what stands at the same place in each record; `seeds` names the records.
struct Join<'a> {
    seeds: &'a [u64],
}

impl Join<'_> {
    fn expect_same<T: PartialEq + Debug>(
        &self,
        place: &str,
        values: &[T],
    ) -> Result<(), EvalError> {
        match values.iter().zip(self.seeds).find(|(value, _)| **value != values[0]) {
            None => Ok(()),
            Some((value, seed)) => Err(EvalError::new(
                place,
                format!(
                    "found {value:?} for seed {seed}, expected {:?} as for seed {}",
                    values[0], self.seeds[0]
                ),
            )),
        }
    }

    fn score(&self, place: &str, scores: &[&Score]) -> Result<Score, EvalError> {
        let num_rows: Vec<usize> = scores.iter().map(|score| score.n + score.undefined).collect();
        self.expect_same(&format!("{place}: n + undefined"), &num_rows)?;
        Ok(Score::over_seeds(&scores.iter().copied().cloned().collect::<Vec<_>>()))
    }

    fn diagnosis(
        &self,
        diagnoses: &[Option<&DiagnosisScores>],
    ) -> Result<Option<DiagnosisScores>, EvalError> {
        let present: Vec<bool> = diagnoses.iter().map(Option::is_some).collect();
        self.expect_same("diagnosis: present", &present)?;
        let diagnoses: Vec<&DiagnosisScores> = diagnoses.iter().copied().flatten().collect();
        if diagnoses.is_empty() {
            return Ok(None);
        }
        let cell = |name: &str, score: fn(&DiagnosisScores) -> &Score| {
            self.cell("diagnosis", name, &diagnoses, score)
        };
        let classes: Vec<_> = diagnoses.iter().map(|one| &one.classes).collect();
        let of_seeds = self.seeds.iter().zip(&diagnoses);
        let matrices = of_seeds.flat_map(|(&seed, one)| {
            let matrices = one.confusion_matrices.iter();
            matrices.map(move |one| CountedConfusions { seed: Some(seed), ..one.clone() })
        });
        let confusion_matrices: Vec<CountedConfusions> = matrices.collect();
        Ok(Some(DiagnosisScores {
            accuracy: cell("accuracy", |one| &one.accuracy)?,
            balanced_accuracy: cell("balanced_accuracy", |one| &one.balanced_accuracy)?,
            macro_f1: cell("macro_f1", |one| &one.macro_f1)?,
            ranking: self.ranking("diagnosis", diagnoses.iter().map(|one| one.ranking.as_ref()))?,
            ece: self.optional("diagnosis.ece", diagnoses.iter().map(|one| one.ece.as_ref()))?,
            // Needs single images: `add_probability_intervals` adds it.
            reliability: Vec::new(),
            certainty: self.certainty(&diagnoses)?,
            classes: self.class_table("diagnosis.classes", &classes)?,
            collapsed: Some(collapsed(&confusion_matrices)?),
            confusion_matrices,
            // Needs single images: `SeedPredictions::describe` adds it.
            seed_agreement: None,
        }))
    }

    /// What all probabilities score; `None` unless all seeds have it.
    fn certainty(&self, diagnoses: &[&DiagnosisScores]) -> Result<Option<Certainty>, EvalError> {
        let seeds: Option<Vec<&Certainty>> =
            diagnoses.iter().map(|one| one.certainty.as_ref()).collect();
        let Some(seeds) = seeds else { return Ok(None) };
        let place = "diagnosis";
        let micro = self.ranking("diagnosis.micro", seeds.iter().map(|one| Some(&one.micro)))?;
        let calibrated: Option<Vec<&Calibrated>> =
            seeds.iter().map(|one| one.calibrated.as_ref()).collect();
        Ok(Some(Certainty {
            micro: micro.unwrap_or_default(),
            brier: self.cell(place, "brier", &seeds, |one| &one.brier)?,
            nll: self.cell(place, "nll", &seeds, |one| &one.nll)?,
            calibrated: calibrated.map(|seeds| self.calibrated(&seeds)).transpose()?,
        }))
    }

    fn calibrated(&self, seeds: &[&Calibrated]) -> Result<Calibrated, EvalError> {
        let place = "diagnosis.calibrated";
        Ok(Calibrated {
            temperature: self.cell(place, "temperature", seeds, |one| &one.temperature)?,
            nll: self.cell(place, "nll", seeds, |one| &one.nll)?,
            brier: self.cell(place, "brier", seeds, |one| &one.brier)?,
            ece: self.cell(place, "ece", seeds, |one| &one.ece)?,
        })
    }

    fn rows<T>(
        &self,
        place: &str,
        tables: &[&BTreeMap<String, T>],
        join: impl Fn(&str, &[&T]) -> Result<T, EvalError>,
    ) -> Result<BTreeMap<String, T>, EvalError> {
        let keys: Vec<Vec<&String>> = tables.iter().map(|table| table.keys().collect()).collect();
        self.expect_same(&format!("{place}: rows"), &keys)?;
        let row = |key: &String| {
            let rows: Vec<&T> = tables.iter().filter_map(|table| table.get(key)).collect();
            Ok((key.clone(), join(&format!("{place}.{key}"), &rows)?))
        };
        keys[0].iter().copied().map(row).collect()
    }

    fn cell<T>(
        &self,
        place: &str,
        name: &str,
        rows: &[&T],
        score: impl Fn(&T) -> &Score,
    ) -> Result<Score, EvalError> {
        let scores: Vec<&Score> = rows.iter().map(|row| score(row)).collect();
        self.score(&format!("{place}.{name}"), &scores)
    }

    fn class_table(
        &self,
        place: &str,
        tables: &[&BTreeMap<String, ClassScores>],
    ) -> Result<BTreeMap<String, ClassScores>, EvalError> {
        self.rows(place, tables, |place, rows| {
            Ok(ClassScores {
                f1: self.cell(place, "f1", rows, |row| &row.f1)?,
                sensitivity: self.cell(place, "sensitivity", rows, |row| &row.sensitivity)?,
                specificity: self.cell(place, "specificity", rows, |row| &row.specificity)?,
                ranking: self.ranking(place, rows.iter().map(|row| row.ranking.as_ref()))?,
                // Needs single images: `add_certainty_intervals` adds it.
                auroc_delong: None,
            })
        })
    }

    /// The scores of probabilities, which all seeds have or none.
    fn ranking<'a>(
        &self,
        place: &str,
        rows: impl Iterator<Item = Option<&'a RankingScores<Score>>> + Clone,
    ) -> Result<Option<RankingScores<Score>>, EvalError> {
        let mut joined = RankingScores::<Option<Score>>::default();
        for (idx, cell) in joined.each_mut().into_iter().enumerate() {
            let name = format!("{place}.{}", RankingScores::<Score>::NAMES[idx]);
            *cell = self.optional(&name, rows.clone().map(|row| Some(row?.each()[idx])))?;
        }
        Ok(joined.all())
    }

    /// A score that all seeds have or none.
    fn optional<'a>(
        &self,
        place: &str,
        scores: impl Iterator<Item = Option<&'a Score>>,
    ) -> Result<Option<Score>, EvalError> {
        let scores: Vec<Option<&Score>> = scores.collect();
        let present: Vec<bool> = scores.iter().map(Option::is_some).collect();
        self.expect_same(&format!("{place}: present"), &present)?;
        let scores: Vec<&Score> = scores.into_iter().flatten().collect();
        if scores.is_empty() { Ok(None) } else { self.score(place, &scores).map(Some) }
    }

    fn skill_table(
        &self,
        tables: &[&BTreeMap<String, RelativeScores>],
    ) -> Result<BTreeMap<String, RelativeScores>, EvalError> {
        self.rows("skill", tables, |place, rows| {
            let best = rows[0].best_baseline.clone();
            let is_same = rows.iter().all(|row| row.best_baseline == best);
            Ok(RelativeScores {
                f1_share: self.cell(place, "f1_share", rows, |row| &row.f1_share)?,
                sensitivity_share: self
                    .cell(place, "sensitivity_share", rows, |row| &row.sensitivity_share)?,
                specificity_share: self
                    .cell(place, "specificity_share", rows, |row| &row.specificity_share)?,
                skill: self.cell(place, "skill", rows, |row| &row.skill)?,
                best_baseline: best.filter(|_| is_same),
                images: rows.iter().map(|row| row.images).min().unwrap_or(0),
            })
        })
    }

    fn identification(&self, tables: &[&Identification]) -> Result<Identification, EvalError> {
        self.rows("identification", tables, |place, rows| {
            Ok(MassShares {
                typical: self.cell(place, "typical", rows, |row| &row.typical)?,
                other: self.cell(place, "other", rows, |row| &row.other)?,
                outside: self.cell(place, "outside", rows, |row| &row.outside)?,
            })
        })
    }

    /// How concentrated maps are; `None` unless all seeds have it.
    fn complexity(
        &self,
        seeds: &[Option<&ComplexityMeans>],
    ) -> Result<Option<ComplexityMeans>, EvalError> {
        let seeds: Option<Vec<&ComplexityMeans>> = seeds.iter().copied().collect();
        let Some(seeds) = seeds else { return Ok(None) };
        let place = "complexity";
        Ok(Some(ComplexityMeans {
            sparseness: self.cell(place, "sparseness", &seeds, |one| &one.sparseness)?,
            complexity: self.cell(place, "complexity", &seeds, |one| &one.complexity)?,
            effective_complexity: self
                .cell(place, "effective_complexity", &seeds, |one| &one.effective_complexity)?,
        }))
    }

    fn randomization(
        &self,
        tables: &[&BTreeMap<String, RandomizedScores>],
    ) -> Result<BTreeMap<String, RandomizedScores>, EvalError> {
        self.rows("randomization", tables, |place, rows| {
            let unions: Vec<&MapScores> = rows.iter().map(|row| &row.union).collect();
            Ok(RandomizedScores {
                union: self.map_scores(&format!("{place}.union"), &unions)?,
                rank_correlation: self
                    .cell(place, "rank_correlation", rows, |row| &row.rank_correlation)?,
            })
        })
    }

    fn faithfulness(
        &self,
        tables: &[&BTreeMap<String, FaithfulnessScores>],
    ) -> Result<BTreeMap<String, FaithfulnessScores>, EvalError> {
        self.rows("faithfulness", tables, |place, rows| {
            Ok(FaithfulnessScores {
                deletion: self.cell(place, "deletion", rows, |row| &row.deletion)?,
                insertion: self.cell(place, "insertion", rows, |row| &row.insertion)?,
                road: self.cell(place, "road", rows, |row| &row.road)?,
            })
        })
    }

    fn robustness(
        &self,
        tables: &[&BTreeMap<String, RobustnessScores>],
    ) -> Result<BTreeMap<String, RobustnessScores>, EvalError> {
        self.rows("robustness", tables, |place, rows| {
            Ok(RobustnessScores {
                max_sensitivity: self
                    .cell(place, "max_sensitivity", rows, |row| &row.max_sensitivity)?,
                avg_sensitivity: self
                    .cell(place, "avg_sensitivity", rows, |row| &row.avg_sensitivity)?,
                local_lipschitz: self
                    .cell(place, "local_lipschitz", rows, |row| &row.local_lipschitz)?,
                infidelity: self.cell(place, "infidelity", rows, |row| &row.infidelity)?,
            })
        })
    }

    fn map_table(&self, place: &str, tables: &[&MapTable]) -> Result<MapTable, EvalError> {
        self.rows(place, tables, |place, rows| self.map_scores(place, rows))
    }

    fn map_scores(&self, place: &str, rows: &[&MapScores]) -> Result<MapScores, EvalError> {
        Ok(MapScores {
            f1: self.cell(place, "f1", rows, |row| &row.f1)?,
            sensitivity: self.cell(place, "sensitivity", rows, |row| &row.sensitivity)?,
            specificity: self.cell(place, "specificity", rows, |row| &row.specificity)?,
            mass: self.cell(place, "mass", rows, |row| &row.mass)?,
            localization: {
                let tables: Vec<_> = rows.iter().map(|row| &row.localization).collect();
                self.rows(place, &tables, |place, scores| self.score(place, scores))?
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UNION;
    use serde_json::json;

    fn relative(f1: f64) -> RelativeScores {
        RelativeScores {
            skill: score(f1),
            best_baseline: Some("random".into()),
            ..RelativeScores::default()
        }
    }

    fn score(mean: f64) -> Score {
        Score { mean: Some(mean), n: 4, ..Score::default() }
    }

    fn matrix(seed: u64, counts: Vec<Vec<u64>>) -> CountedConfusions {
        CountedConfusions { seed: Some(seed), classes: vec!["Acne".into()], counts }
    }

    /// Every score of the record is `mean`.
    fn record(seed: u64, mean: f64) -> EvalRecord {
        let cell = || score(mean);
        let ranking = || Some([(); 4].map(|()| cell()).into());
        let classes = ClassScores {
            f1: cell(),
            sensitivity: cell(),
            specificity: cell(),
            ranking: ranking(),
            ..ClassScores::default()
        };
        let calibrated =
            Calibrated { temperature: cell(), nll: cell(), brier: cell(), ece: cell() };
        let certainty = Certainty {
            micro: [(); 4].map(|()| cell()).into(),
            brier: cell(),
            nll: cell(),
            calibrated: Some(calibrated),
        };
        let complexity = ComplexityMeans {
            sparseness: cell(),
            complexity: cell(),
            effective_complexity: cell(),
        };
        let maps = MapScores {
            f1: cell(),
            sensitivity: cell(),
            specificity: cell(),
            mass: cell(),
            localization: [("auc".to_string(), cell())].into(),
        };
        let randomized = RandomizedScores { union: maps.clone(), rank_correlation: cell() };
        let diagnosis = DiagnosisScores {
            accuracy: cell(),
            balanced_accuracy: cell(),
            macro_f1: cell(),
            ranking: ranking(),
            ece: Some(cell()),
            certainty: Some(certainty),
            classes: [("Acne".to_string(), classes)].into(),
            confusion_matrices: vec![matrix(seed, vec![vec![seed]])],
            ..DiagnosisScores::default()
        };
        let faithful = FaithfulnessScores { deletion: cell(), insertion: cell(), road: cell() };
        let robust = RobustnessScores {
            max_sensitivity: cell(),
            avg_sensitivity: cell(),
            local_lipschitz: cell(),
            infidelity: cell(),
        };
        let explanation: MapTable = [(UNION.to_string(), maps)].into();
        EvalRecord {
            notice: NOTICE.into(),
            classes: vec!["Acne".into()],
            seeds: vec![seed],
            diagnosis: Some(diagnosis),
            baselines: [("random".to_string(), explanation.clone())].into(),
            explanation,
            skill: BTreeMap::from([(UNION.to_string(), relative(mean))]),
            randomization: [("01-head".to_string(), randomized)].into(),
            faithfulness: [("network".to_string(), faithful)].into(),
            robustness: [("network".to_string(), robust)].into(),
            complexity: Some(complexity),
            scoring: [("quantize".to_string(), json!(true))].into(),
            ..EvalRecord::default()
        }
    }

    #[test]
    fn every_cell_is_over_the_seeds() {
        // mean (.25 + .75) / 2 = .5, sample std sqrt(2 * .0625 / 1)
        let joined = aggregate(&[record(3, 0.25), record(1, 0.75)]).unwrap();
        let expected = Score {
            mean: Some(0.5),
            std: Some(0.125f64.sqrt()),
            n: 2,
            undefined: 0,
            undefined_rows: 0,
            seeds: vec![Some(0.25), Some(0.75)],
            population_std: Some(0.25),
            interval: None,
        };
        let diagnosis = joined.diagnosis.as_ref().unwrap();
        let (classes, maps) = (&diagnosis.classes["Acne"], &joined.explanation[UNION]);
        let baseline = &joined.baselines["random"][UNION];
        let rankings =
            [&diagnosis.ranking, &classes.ranking].map(|one| one.as_ref().unwrap().each());
        let certainty = diagnosis.certainty.as_ref().unwrap();
        let calibrated = certainty.calibrated.as_ref().unwrap();
        let complexity = joined.complexity.as_ref().unwrap();
        let robust = &joined.robustness["network"];
        for cell in rankings.into_iter().flatten().chain(certainty.micro.each()).chain([
            &certainty.brier,
            &certainty.nll,
            &calibrated.temperature,
            &calibrated.nll,
            &calibrated.brier,
            &calibrated.ece,
            &complexity.sparseness,
            &complexity.complexity,
            &complexity.effective_complexity,
            &robust.max_sensitivity,
            &robust.avg_sensitivity,
            &robust.local_lipschitz,
            &robust.infidelity,
            diagnosis.ece.as_ref().unwrap(),
            &diagnosis.accuracy,
            &diagnosis.balanced_accuracy,
            &diagnosis.macro_f1,
            &classes.f1,
            &classes.sensitivity,
            &classes.specificity,
            &maps.f1,
            &maps.sensitivity,
            &maps.specificity,
            &maps.mass,
            &baseline.f1,
            &baseline.mass,
            &joined.randomization["01-head"].union.mass,
            &joined.randomization["01-head"].rank_correlation,
            &joined.faithfulness["network"].deletion,
            &joined.faithfulness["network"].insertion,
            &joined.faithfulness["network"].road,
            &maps.localization["auc"],
            &baseline.localization["auc"],
            &joined.skill[UNION].skill,
        ]) {
            assert_eq!(cell, &expected);
        }
        assert_eq!(joined.seeds, [3, 1]);
        let matrices = [matrix(3, vec![vec![3]]), matrix(1, vec![vec![1]])];
        assert_eq!(joined.confusion_matrices(), matrices);
        assert_eq!(joined.scoring["quantize"], json!(true));
        assert_eq!(joined.notice, NOTICE);
    }

    #[test]
    fn collapsed_seeds_are_named() {
        let with = |seed, rows: [[u64; 2]; 2]| {
            let mut record = record(seed, 0.5);
            let diagnosis = record.diagnosis.as_mut().unwrap();
            diagnosis.confusion_matrices = vec![matrix(seed, rows.map(Vec::from).into())];
            record
        };
        let joined = aggregate(&[with(3, [[9, 0], [1, 9]]), with(1, [[9, 0], [10, 0]])]).unwrap();
        let seeds: Vec<u64> = joined.diagnosis.unwrap().collapsed.unwrap().into_keys().collect();
        assert_eq!(seeds, [1]);
    }

    #[test]
    fn record_without_predictions_stays_without() {
        let outside = |seed| EvalRecord { diagnosis: None, ..record(seed, 0.5) };
        assert_eq!(aggregate(&[outside(0), outside(1)]).unwrap().diagnosis, None);
    }

    #[test]
    fn probabilities_of_some_seeds_only_are_refused() {
        let mut second = record(1, 0.5);
        second.diagnosis.as_mut().unwrap().ece = None;
        let error = aggregate(&[record(0, 0.5), second]).unwrap_err().to_string();
        assert!(error.starts_with("diagnosis.ece: present: found false for seed 1"), "{error}");
    }

    #[test]
    fn undefined_cell_of_one_seed_is_counted() {
        let mut second = record(1, 0.5);
        second.explanation.get_mut(UNION).unwrap().mass =
            Score { undefined: 4, ..Score::default() };
        let joined = aggregate(&[record(0, 0.5), second]).unwrap();
        let mass = &joined.explanation[UNION].mass;
        assert_eq!((mass.n, mass.undefined, mass.std), (1, 1, None));
        assert_eq!(mass.seeds, [Some(0.5), None]);
    }

    fn error(change: impl Fn(&mut EvalRecord)) -> String {
        let mut second = record(7, 0.5);
        change(&mut second);
        aggregate(&[record(0, 0.5), second]).unwrap_err().to_string()
    }

    #[test]
    fn records_that_differ_are_refused_with_the_difference() {
        let message = error(|record| record.classes = vec!["Wart".into()]);
        assert_eq!(
            message,
            r#"classes: found ["Wart"] for seed 7, expected ["Acne"] as for seed 0"#
        );
        let message = error(|record| drop(record.scoring.insert("quantize".into(), json!(false))));
        assert!(
            message.starts_with("scoring.quantize: found Some(Bool(false)) for seed 7"),
            "{message}"
        );
        let message = error(|record| drop(record.scoring.insert("border".into(), json!("clamp"))));
        assert!(message.starts_with("scoring.border: "), "{message}");
        let message = error(|record| record.explanation.clear());
        assert_eq!(
            message,
            r#"explanation: rows: found [] for seed 7, expected ["Union"] as for seed 0"#
        );
        let message = error(|record| record.dataset.hash = "other".into());
        assert!(message.starts_with("dataset: found"), "{message}");
        let message = error(|record| record.diagnosis = None);
        assert!(message.starts_with("diagnosis: present: found false"), "{message}");
        let message = error(|record| {
            record.diagnosis.as_mut().unwrap().classes.get_mut("Acne").unwrap().f1.n = 9;
        });
        assert_eq!(
            message,
            "diagnosis.classes.Acne.f1: n + undefined: found 9 for seed 7, expected 4 as for seed 0"
        );
        let message = error(|record| record.baselines.values_mut().for_each(BTreeMap::clear));
        assert!(message.starts_with("baselines.random: rows: found []"), "{message}");
    }

    #[test]
    fn seeds_must_be_single_and_distinct() {
        assert!(error(|record| record.seeds = vec![0]).contains("found [0]"));
        assert!(error(|record| record.seeds = vec![1, 2]).contains("found [1, 2]"));
        assert!(error(|record| record.seeds.clear()).starts_with("record 1: seeds: found []"));
        assert_eq!(aggregate(&[]).unwrap_err().place, "records");
    }
}
