use super::Directory;
use super::dialect::Dialect;
use super::tables::{Access, Tables};
use crate::{Error, RightsView};

impl Directory {
    /// Creates or replaces the view; on a server in the schema `directory`, where SELECT on it is
    /// granted to the role `tramonto_mail` if that exists. A table of that name is an error. Needs
    /// the owner of the schema.
    pub async fn make_view(&self, view: &RightsView) -> Result<(), Error> {
        let (name, columns) = (view.name(), view.select());
        let work = async |tables: &mut Tables<'_>| {
            tables.run(format!("DROP VIEW IF EXISTS \"{name}\""), Vec::new()).await?;
            let create = format!("CREATE VIEW \"{name}\" AS SELECT {columns} FROM rights");
            tables.run(create, Vec::new()).await?;
            if tables.dialect() == Dialect::Postgres {
                let grant = format!(
                    "DO $$ BEGIN
                       IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tramonto_mail') THEN
                         GRANT SELECT ON \"{name}\" TO tramonto_mail;
                       END IF;
                     END $$"
                );
                tables.run(grant, Vec::new()).await?;
            }
            Ok(())
        };
        self.transact(Access::Write, work).await
    }
}
