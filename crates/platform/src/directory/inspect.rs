//! Checks of both databases for what keeps mail servers from enforcing the directory.

use domain::Refusals;

use super::name::{Name, Problem};
use super::refusals::{COLUMNS, values};
use super::tables::Tables;

impl Tables<'_> {
    /// A sentence with a remedy for each finding. `refusals` are those of the plan in force.
    pub(super) async fn inspect(
        &mut self,
        name: &Name,
        refusals: Option<&Refusals>,
    ) -> Result<Vec<String>, Problem> {
        let mut found = Vec::new();
        let clock = "SELECT rehearsal, (SELECT rehearsed_at FROM clock) IS NOT NULL FROM directory";
        let (rehearsal, stopped): (bool, bool) = self.row(clock, Vec::new()).await?;
        if rehearsal {
            found.push(format!(
                "{name} was made for rehearsals and its clock can be set; never put mail servers \
                 of production in front of it"
            ));
        }
        if stopped {
            let clock = self.dialect().clock();
            found.push(format!(
                "the clock of {name} is stopped; start it again: UPDATE {clock} SET rehearsed_at = \
                 NULL"
            ));
        }
        if let Some(refusals) = refusals {
            let select = format!("SELECT {COLUMNS} FROM refusal");
            let stored: (String, String, String, String, String) =
                self.row(select, Vec::new()).await?;
            if <[String; 5]>::from(stored) != values(refusals) {
                found.push(format!(
                    "{name} has refusals that differ from the plan in force; run the engine to \
                     update them"
                ));
            }
        }
        Ok(found)
    }
}
