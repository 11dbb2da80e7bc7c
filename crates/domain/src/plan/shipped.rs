//! The plan of CEC-PAC, which is compiled in.

use super::problem::PlanError;
use crate::Plan;

impl Plan {
    /// The text of the plan of CEC-PAC, as it ships in `deploy/plans/cec-pac.toml`.
    pub const CEC_PAC: &str = include_str!("../../../../deploy/plans/cec-pac.toml");

    /// The plan of CEC-PAC. A test holds that it is valid; a modified build reports its problems
    /// like any other plan.
    pub fn cec_pac() -> Result<Self, PlanError> {
        Self::parse("deploy/plans/cec-pac.toml", Self::CEC_PAC).map(|(plan, _)| plan)
    }
}
