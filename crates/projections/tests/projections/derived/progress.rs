use projections::{incidents, phase_progress};
use proptest::prelude::*;

use crate::derived::scenario::{Scenario, phase, run, steps};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everyone_of_a_phase_is_counted_once(steps in steps()) {
        run(async {
            let scenario = Scenario::told(&steps).await;
            let state = scenario.state().await;
            let phases = phase_progress(&state, scenario.now());
            assert_eq!(phases.len(), state.plan().unwrap().phases.len());
            for phase in phases {
                let counted = [
                    phase.done, phase.already_so, phase.held, phase.incident, phase.retrying,
                    phase.pending,
                ];
                assert_eq!(counted.iter().sum::<u64>(), phase.population, "{phase:?}");
                assert_eq!(phase.started_at.is_some(), state.phases.has_started(&phase.phase));
            }
        });
    }

    #[test]
    fn an_incident_counts_its_own_and_knows_since_when(steps in steps()) {
        run(async {
            let scenario = Scenario::told(&steps).await;
            let state = scenario.state().await;
            let groups = incidents(&state);
            assert!(groups.is_sorted_by(|one, next| one.open >= next.open));
            for group in groups {
                let incident = &state.failures.incidents[&group.key];
                assert_eq!(group.open, incident.open.len());
                assert_eq!(group.resolved, incident.resolved.len());
                assert!(group.open + group.resolved > 0);
                assert!(group.first_seen <= group.last_seen && group.last_seen <= scenario.now());
            }
        });
    }
}

#[tokio::test]
async fn a_phase_that_has_not_started_is_shown_with_its_date() {
    let scenario = Scenario::begin().await;
    let phases = phase_progress(&scenario.state().await, scenario.now());
    let first = phases.first().unwrap();
    assert_eq!(first.phase, phase("activations-closed"));
    assert_eq!(first.due_at.to_rfc3339(), "2014-12-17T23:00:00+00:00");
    assert_eq!((first.started_at, first.population), (None, 0));
}
