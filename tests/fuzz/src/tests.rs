//! Each target with its seeds: what libFuzzer begins with holds without it.

use super::TARGETS;

#[test]
fn no_seed_proves_a_target_wrong() {
    for target in &TARGETS {
        let seeds = target.seeds();
        assert!(seeds.len() >= 5, "{} begins with little", target.name);
        for seed in seeds {
            (target.check)(&seed);
        }
    }
}

#[test]
fn every_start_of_a_seed_is_read_too() {
    for target in &TARGETS {
        for seed in target.seeds() {
            for length in (0..seed.len()).step_by(1 + seed.len() / 40) {
                (target.check)(&seed[..length]);
            }
        }
    }
}
