use domain::{Plan, PlatformCapabilities};
use proptest::prelude::*;

use crate::history::restored;
use crate::state::step::{Step, steps};
use crate::state::world::{ARMED, UNARMED, World};

/// A plan that restores a capability.
const RESTORING: &str = r#"
programme = "restoring"
title = "A service that changes its mind"
zone = "America/Sao_Paulo"
sources = []

[in-service]
allows = ["activate", "send", "modify", "receive", "access"]
sources = []

[[phase]]
id = "quiet"
title = "Quiet"
from = 2015-02-01
allows = ["activate", "access"]
sources = []

[[phase]]
id = "again"
title = "Again"
from = 2015-04-01
allows = ["activate", "send", "access"]
restores = true
sources = []

[[phase]]
id = "ended"
title = "Ended"
from = 2015-10-18
allows = []
sources = []
"#;

fn run(plan: Plan, reach: PlatformCapabilities, steps: &[Step]) {
    let mut world = World::adopted(plan, "2014-12-01T12:00:00Z", reach);
    world.register(&[true, true, true, false, true, false]);
    for step in steps {
        world.take(step);
        world.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_scenario_of_cec_pac_keeps_the_promises(steps in steps(), armed in any::<bool>()) {
        run(Plan::cec_pac().unwrap(), if armed { ARMED } else { UNARMED }, &steps);
    }

    #[test]
    fn any_scenario_of_a_restoring_plan_keeps_the_promises(
        steps in steps(),
        armed in any::<bool>(),
    ) {
        let plan = Plan::parse("restoring.toml", RESTORING).unwrap().0;
        run(plan, if armed { ARMED } else { UNARMED }, &steps);
    }

    /// A state survives a snapshot at any moment.
    #[test]
    fn a_state_equals_its_snapshot(steps in steps()) {
        let mut world = World::adopted(Plan::cec_pac().unwrap(), "2014-12-01T12:00:00Z", ARMED);
        for step in &steps {
            world.take(step);
        }
        prop_assert_eq!(restored(&world.state), world.state);
    }
}
