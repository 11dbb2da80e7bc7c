//! Each target on its seeds, without libFuzzer.

use super::TARGETS;

#[test]
fn every_target_accepts_its_seeds() {
    for target in &TARGETS {
        let seeds = target.seeds();
        assert!(seeds.len() >= 5, "{} begins with little", target.name);
        for seed in seeds {
            (target.check)(&seed);
        }
    }
}

#[test]
fn every_target_accepts_each_prefix_of_its_seeds() {
    for target in &TARGETS {
        for seed in target.seeds() {
            for length in (0..seed.len()).step_by(1 + seed.len() / 40) {
                (target.check)(&seed[..length]);
            }
        }
    }
}
